/**
 * What one thread of this machine can do at most under WebAssembly: products in registers, bytes through memory.
 *
 * Both are measured with generated code, so that they are what a perfect kernel of the wasm backend would reach.
 *
 * @module
 */
import { type Features, Func } from "../../runtime/backend/wasm/assembler/func.ts";
import * as f from "../../runtime/backend/wasm/assembler/f32x4.ts";
import { int } from "../../runtime/backend/wasm/assembler/i32.ts";
import { encodeModule } from "../../runtime/backend/wasm/assembler/module.ts";

/** The two ceilings of a roofline. */
export interface Peak {
  /** Most GFLOP/s of four-lane multiply-adds without any memory access. */
  readonly gflops: number;
  /** GB/s of the triad a ← b + s · c over three arrays; bytes read and written, without the reads that writing causes. */
  readonly triad: number;
  /** GB/s of a copy a ← b, counted likewise. */
  readonly copy: number;
}

/** Bytes of each array: twice the third-level cache of most processors. */
export const streamBytes: number = 64 * 2 ** 20;

/**
 * Sums in registers: enough to hide the latency of two units, few enough for 15 registers. More pay where V8 makes one
 * vector of 256 bits of two.
 */
const chains = [12, 20] as const;

/** Turns of the loop in registers: some 10 ms. */
const turns = 1 << 21;

/** Something that is timed: operations or bytes of a call. */
interface Probe {
  readonly of: keyof Peak;
  readonly func: Func;
  readonly amount: number;
}

/** Measures ceilings; each `round` may find a better one, and the best of all rounds counts. */
export class PeakMeter {
  readonly #probes: readonly (Probe & { readonly call: () => void })[];
  readonly #best = { gflops: 0, triad: 0, copy: 0 };

  /** Generates and compiles the code, for arrays of so many bytes. */
  constructor(features: Features, bytes: number = streamBytes) {
    const page = 65536;
    const memory = new WebAssembly.Memory({ initial: Math.ceil(3 * bytes / page) + 1, maximum: 65536 });
    // Fresh pages are all one page of zeros until they are written.
    new Float32Array(memory.buffer).fill(1);
    const probes: readonly Probe[] = [
      ...chains.map((sums) => ({ of: "gflops", func: registers(features, sums), amount: sums * turns * 8 } as const)),
      { of: "triad", func: stream(features, "triad", bytes), amount: 3 * bytes },
      { of: "copy", func: stream(features, "copy", bytes), amount: 2 * bytes },
    ];
    const module = encodeModule(probes.map(({ func }) => ({
      name: func.name,
      parameters: func.parameters,
      body: func.body(),
      exported: true,
    })));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } });
    this.#probes = probes.map((probe) => ({ ...probe, call: exports[probe.func.name] as () => void }));
  }

  /** Runs every probe once. */
  round(): void {
    for (const { of, amount, call } of this.#probes) {
      const from = performance.now();
      call();
      this.#best[of] = Math.max(this.#best[of], amount / (performance.now() - from) / 1e6);
    }
  }

  /** The best of the rounds so far. */
  get peak(): Peak {
    return { ...this.#best };
  }
}

/** Independent chains of multiply-adds. */
function registers(features: Features, chains: number): Func {
  const func = new Func(`registers${chains}`, features);
  const sums = func.vectors("sum", chains);
  const [x, y] = [func.let("x", f.splat(0.5)), func.let("y", f.splat(0.25))];
  sums.forEach((sum, i) => func.set(sum, f.splat(i)));
  func.times(turns, () => {
    for (const sum of sums) func.set(sum, func.madd(sum, x, y));
  });
  // Whatever is not used is not computed.
  sums.forEach((sum, i) => func.store(0, sum, i * f.vectorBytes));
  return func;
}

/** Arrays a, b and c behind each other: a ← b + s · c, or a ← b. */
function stream(features: Features, name: "triad" | "copy", bytes: number): Func {
  const func = new Func(name, features);
  const a = func.let("a", int(0));
  const scale = func.let("scale", f.splat(0.5));
  const unroll = 4;
  func.times(bytes / f.vectorBytes / unroll, () => {
    for (let i = 0; i < unroll; i++) {
      const offset = i * f.vectorBytes;
      const b = f.load(a, bytes + offset);
      func.store(a, name === "copy" ? b : func.madd(scale, f.load(a, 2 * bytes + offset), b), offset);
    }
    func.bump(a, unroll * f.vectorBytes);
  });
  return func;
}
