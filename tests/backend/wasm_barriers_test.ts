import { assert } from "@std/assert";
import { stream } from "../../dsl/random.ts";
import { align } from "../../runtime/backend/wasm/arena.ts";
import { KernelCache, type SegmentFunction, stageName } from "../../runtime/backend/wasm/assemble.ts";
import { EngineMemory } from "../../runtime/backend/wasm/memory.ts";
import { planProgram } from "../../runtime/backend/wasm/plan.ts";
import { loadProgram } from "../../runtime/backend/wasm/runner.ts";
import { controlBytes } from "../../runtime/backend/wasm/threads/control.ts";
import type { Call, Crew } from "../../runtime/backend/wasm/threads/team.ts";
import type { Compiled } from "../../runtime/compile/compile.ts";
import { sizeOf } from "../../runtime/ir/node.ts";
import { alone, compiledFor, feedOf, fused } from "./wasm_threads_fixtures.ts";

/** How threads take turns: which stages run without a barrier between them, and in which order threads run. */
interface Rehearsal {
  readonly order: readonly number[];
  /** The stage whose barrier is left out. */
  readonly without?: { readonly segment: number; readonly stage: number } | undefined;
}

/** Runs all threads one after another on this one, stage by stage. */
class RehearsalCrew implements Crew {
  readonly failed = false;
  rehearsal: Rehearsal = { order: [] };
  readonly #memory: WebAssembly.Memory;
  #exports: WebAssembly.Exports = {};

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  async load(module: WebAssembly.Module): Promise<number> {
    this.#exports = (await WebAssembly.instantiate(module, { env: { memory: this.#memory } })).exports;
    return 0;
  }

  run({ segment, count }: Call): void {
    const { order, without } = this.rehearsal;
    const run = (thread: number, stage: number): void =>
      (this.#exports[stageName(segment, stage)] as SegmentFunction)(thread, count);
    for (let stage = 0; stageName(segment, stage) in this.#exports; stage++) {
      const merged = without?.segment === segment && without.stage === stage;
      for (const thread of order) {
        run(thread, stage);
        if (merged) run(thread, stage + 1);
      }
      if (merged) stage++;
    }
  }

  unload(): void {}

  failure(): Promise<string> {
    return Promise.resolve("");
  }
}

/** Steps of a program whose threads are rehearsed; gives the bits of all state after two steps from the same start. */
async function rehearse(
  compiled: Compiled,
  threads: number,
): Promise<{ readonly stages: readonly number[]; readonly steps: (rehearsal: Rehearsal) => Promise<string> }> {
  const memory = new EngineMemory(true);
  const control = memory.reserve(controlBytes, "test");
  const state = new Map(compiled.state.map(({ name, shape }) => {
    const size = sizeOf(shape);
    return [name, { address: memory.reserve(align(4 * size + 16), "test"), size }];
  }));
  const crew = new RehearsalCrew(memory.memory);
  const program = compiled.step;
  const place = (name: string): { address: number; size: number } => state.get(name)!;
  const cache = new KernelCache({ relaxed: false });
  const machine = { memory, cache, threads, control, team: () => Promise.resolve(crew), state: place };
  const runner = await loadProgram(program, machine);
  const random = stream(1, "state");
  const steps = async (rehearsal: Rehearsal): Promise<string> => {
    crew.rehearsal = rehearsal;
    let position = 0;
    for (const { address, size } of state.values()) {
      // Variances among them, so nothing is negative.
      for (let i = 0; i < size; i++) memory.floats[address / 4 + i] = 0.1 * random.uniform(position++);
    }
    for (const [step, count] of [40, 33].entries()) {
      const { images, labels, weights, rates } = feedOf(compiled, count, step);
      const uniforms = {
        ...Object.fromEntries(Object.entries(weights).map(([name, number]) => [`weight/${name}`, number])),
        ...Object.fromEntries(Object.entries(rates).map(([name, number]) => [`rate/${name}`, number])),
      };
      await runner.run({ count, inputs: { "images/0": images[0]!, labels }, uniforms });
    }
    const bits = [...state.values()].map(({ address, size }) => memory.floats.slice(address / 4, address / 4 + size));
    return bits.map((numbers) => new Uint32Array(numbers.buffer).join()).join(";");
  };
  const { segments } = planProgram(program, threads, place, cache.features);
  return { stages: segments.map((segment) => segment.stages.length), steps };
}

for (const [name, sentence] of Object.entries({ "ResNet-8": alone, "an FFSD cohort": fused })) {
  Deno.test(`no order of threads between barriers changes the bits of ${name}, and every barrier is needed`, async () => {
    const compiled = compiledFor(sentence, 40);
    const { stages, steps } = await rehearse(compiled, 3);
    const orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0]];
    const expected = await steps({ order: orders[0]! });
    for (const order of orders.slice(1)) assert(await steps({ order }) === expected, `order ${order}`);
    const differs = async (without: Rehearsal["without"]): Promise<boolean> => {
      for (const order of orders) if (await steps({ order, without }) !== expected) return true;
      return false;
    };
    for (const [segment, count] of stages.entries()) {
      for (let stage = 0; stage < count - 1; stage++) {
        assert(await differs({ segment, stage }), `nothing changes without the barrier behind ${segment}.${stage}`);
      }
    }
  });
}
