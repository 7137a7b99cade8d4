/**
 * One module per program: its kernels, each once, a function per stage that calls them in order, and an exported
 * function per segment that runs its stages with barriers between them.
 *
 * @module
 */

import type { Int } from "./assembler/code.ts";
import { type Features, Func, type Local } from "./assembler/func.ts";
import { add, div, eq, min, mul, shr } from "./assembler/i32.ts";
import { type EncodedFunction, encodeModule } from "./assembler/module.ts";
import type { Kernel } from "./kernels/kernel.ts";
import { lanes } from "./layout.ts";
import { accessesOf } from "./lower/access.ts";
import type { Runs, ScheduledSegment, Stage } from "./lower/schedule.ts";
import type { Operand, Place, RunValue, Step } from "./lower/site.ts";
import { barrier } from "./threads/barrier.ts";

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
    const encoded = encode(kernel.build(this.features), false);
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

/** What the code of a program depends on besides its steps. */
export interface Assembly {
  readonly addressOf: (place: Place) => number;
  /** Blocks of a chunk. */
  readonly chunk: number;
  readonly threads: number;
  /** Scratch memory of each thread: where the first begins, and how far apart they are. */
  readonly scratch: { readonly address: number; readonly bytes: number };
  /** Address of the team's words; undefined for a memory that is not shared. */
  readonly control: number | undefined;
}

/** A segment or stage as the host calls it: for the thread of a number, with so many samples. */
export type SegmentFunction = (thread: number, count: number) => void;

/** Name of the exported function of a segment. */
export function segmentName(segment: number): string {
  return `segment${segment}`;
}

/** Name of the exported function of one stage of a segment. */
export function stageName(segment: number, stage: number): string {
  return `${segmentName(segment)}.${stage}`;
}

/** Bytes of a program's module. */
export function assemble(
  cache: KernelCache,
  segments: readonly ScheduledSegment[],
  assembly: Assembly,
): Uint8Array<ArrayBuffer> {
  const { features } = cache;
  const kernels = new Map<string, { readonly position: number; readonly code: EncodedFunction }>();
  const positionOf = (kernel: Kernel): number => {
    const known = kernels.get(kernel.key);
    if (known !== undefined) return known.position;
    const position = kernels.size;
    kernels.set(kernel.key, { position, code: cache.generate(kernel) });
    return position;
  };
  const stages = segments.flatMap(({ stages }, i) =>
    stages.map((stage, j) => {
      const func = new Func(stageName(i, j), features);
      const [thread, count] = func.params("thread", "count");
      buildStage(func, stage, thread, count, assembly, positionOf);
      return encode(func, true);
    })
  );
  const { control, threads } = assembly;
  const barriers = control === undefined || threads === 1 ? [] : [encode(barrier(features, control, threads), false)];
  const barrierPosition = kernels.size + stages.length;
  let position = kernels.size;
  const callers = segments.map(({ stages }, i) => {
    const func = new Func(segmentName(i), features);
    const [thread, count] = func.params("thread", "count");
    for (let stage = 0; stage < stages.length; stage++) {
      func.call(position++, [thread, count]);
      // The last one is where the host waits for the others.
      if (barriers.length > 0) func.call(barrierPosition, []);
    }
    return encode(func, true);
  });
  const functions = [...[...kernels.values()].map(({ code }) => code), ...stages, ...barriers, ...callers];
  return encodeModule(functions, control !== undefined);
}

function encode(func: Func, exported: boolean): EncodedFunction {
  return { name: func.name, parameters: func.parameters, body: Uint8Array.from(func.body()), exported };
}

/** Calls the tasks of a stage that are the thread's. */
function buildStage(
  func: Func,
  stage: Stage,
  thread: Local<"i32">,
  count: Local<"i32">,
  assembly: Assembly,
  positionOf: (kernel: Kernel) => number,
): void {
  const { addressOf, threads, scratch } = assembly;
  const { whole, slice } = rangesOf(func, thread, count, assembly);
  const scratchStart = func.let("scratch", add(mul(thread, scratch.bytes), scratch.address));
  const call = (step: Step, values: Readonly<Record<RunValue, Int>>): void => {
    const scratches = new Set(accessesOf(step).filter(({ role }) => role === "s").map(({ place }) => place));
    const argument = (operand: Operand): Int => {
      if (typeof operand === "number") return operand;
      if (typeof operand === "string") return values[operand];
      return scratches.has(operand) ? add(scratchStart, operand.offset) : addressOf(operand);
    };
    func.call(positionOf(step.kernel), step.operands.map(argument));
  };
  const run = (step: Step, runs: Runs): void => {
    if (runs === "slice") call(step, slice);
    else if (runs === "each" || threads === 1) call(step, whole);
    else func.if(eq(thread, runs), () => call(step, whole));
  };
  for (const { step, runs } of stage) run(step, runs);
}

/**
 * The blocks and chunks of the batch, and the thread's part of them: chunks are dealt out in order, as equally as
 * whole chunks can be, and blocks go with their chunks. A thread may have none.
 */
function rangesOf(
  func: Func,
  thread: Local<"i32">,
  count: Local<"i32">,
  { chunk, threads }: Assembly,
): {
  readonly whole: Readonly<Record<RunValue, Int>>;
  readonly slice: Readonly<Record<RunValue, Int>>;
} {
  const blocks = func.let("blocks", shr(add(count, lanes - 1), 3));
  const chunks = func.let("chunks", div(add(blocks, chunk - 1), chunk));
  const firstChunk = func.let("firstChunk", div(mul(chunks, thread), threads));
  const lastChunk = func.let("lastChunk", div(mul(chunks, add(thread, 1)), threads));
  const firstBlock = func.let("firstBlock", mul(firstChunk, chunk));
  const lastBlock = func.let("lastBlock", min(mul(lastChunk, chunk), blocks));
  return {
    whole: { count, firstBlock: 0, lastBlock: blocks, firstChunk: 0, lastChunk: chunks },
    slice: { count, firstBlock, lastBlock, firstChunk, lastChunk },
  };
}
