/**
 * One module per program: its kernels, each once, and one exported function per segment that calls them in order.
 *
 * @module
 */

import type { Int } from "./assembler/code.ts";
import { type Features, Func } from "./assembler/func.ts";
import { add, div, shr } from "./assembler/i32.ts";
import { type EncodedFunction, encodeModule } from "./assembler/module.ts";
import type { Kernel } from "./kernels/kernel.ts";
import { lanes } from "./layout.ts";
import type { LoweredSegment } from "./lower/lower.ts";
import type { Buffer, Operand, RunValue } from "./lower/site.ts";

/** Generates kernels, each shape once in the life of a backend. */
export class KernelCache {
  readonly features: Features;
  readonly #functions = new Map<string, EncodedFunction>();
  readonly #modules = new Map<string, WebAssembly.Module>();

  /** A cache for a machine with `features`. */
  constructor(features: Features) {
    this.features = features;
  }

  /** The code of a kernel. */
  generate(kernel: Kernel): EncodedFunction {
    const known = this.#functions.get(kernel.key);
    if (known !== undefined) return known;
    const func = kernel.build(this.features);
    const body = Uint8Array.from(func.body());
    const encoded = { name: func.name, parameters: func.parameters, body, exported: false };
    this.#functions.set(kernel.key, encoded);
    return encoded;
  }

  /** The compiled module of these bytes. */
  async compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const key = digest.toHex();
    const module = this.#modules.get(key) ?? await WebAssembly.compile(bytes);
    this.#modules.set(key, module);
    return module;
  }
}

/** Name of the exported function of a segment. */
export function segmentName(position: number): string {
  return `segment${position}`;
}

/** Bytes of a program's module, given where its buffers are and how many blocks make a chunk. */
export function assemble(
  cache: KernelCache,
  segments: readonly LoweredSegment[],
  addressOf: (buffer: Buffer) => number,
  chunk: number,
): Uint8Array<ArrayBuffer> {
  const kernels = new Map<string, { readonly position: number; readonly code: EncodedFunction }>();
  const positionOf = (kernel: Kernel): number => {
    const known = kernels.get(kernel.key);
    if (known !== undefined) return known.position;
    const position = kernels.size;
    kernels.set(kernel.key, { position, code: cache.generate(kernel) });
    return position;
  };
  const callers = segments.map(({ steps }, i): EncodedFunction => {
    const func = new Func(segmentName(i), cache.features);
    const [count] = func.params("count");
    const lastBlock = func.let("lastBlock", shr(add(count, lanes - 1), 3));
    const values: Record<RunValue, Int> = {
      count,
      firstBlock: 0,
      lastBlock,
      firstChunk: 0,
      lastChunk: func.let("lastChunk", div(add(lastBlock, chunk - 1), chunk)),
    };
    const argument = (operand: Operand): Int => {
      if (typeof operand === "number") return operand;
      return typeof operand === "string" ? values[operand] : addressOf(operand.buffer) + operand.offset;
    };
    for (const { kernel, operands } of steps) func.call(positionOf(kernel), operands.map(argument));
    return { name: func.name, parameters: 1, body: Uint8Array.from(func.body()), exported: true };
  });
  return encodeModule([...[...kernels.values()].map(({ code }) => code), ...callers]);
}
