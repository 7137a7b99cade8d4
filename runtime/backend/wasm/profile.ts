/**
 * Times a program kernel call by kernel call on one thread, on the state and numbers of a real run.
 *
 * The program is lowered as for one thread, but every call becomes a stage of its own, which the host can call. So the
 * kernels, their order and their addresses are those of a run; what a call finds in the caches is too.
 *
 * @module
 */

import { sizeOf } from "../../ir/node.ts";
import type { StateEntry, StepProgram } from "../../ir/program.ts";
import type { Feed, Numbers } from "../backend.ts";
import { align } from "./arena.ts";
import { KernelCache, type SegmentFunction, segmentName, stageName } from "./assemble.ts";
import type { Features } from "./assembler/func.ts";
import { writeFeed } from "./feed.ts";
import { axesOf, gather, layoutOf } from "./layout.ts";
import { accessesOf, kernelName, type Role } from "./lower/access.ts";
import type { StatePlace } from "./lower/lower.ts";
import type { Place, RunValue, Step } from "./lower/site.ts";
import { EngineMemory } from "./memory.ts";
import { addressing, assemblePlan, planProgram, type ProgramPlan } from "./plan.ts";

/** One kernel call of a program. */
export interface KernelCall {
  /** Name of the kernel. */
  readonly name: string;
  /** Name and constants: calls of equal keys run the same code. */
  readonly key: string;
  /** Name of its segment: `forward…`, `update …` or `statistics…`. */
  readonly segment: string;
  /** Memory it works on, with the bytes of each buffer. */
  readonly memory: readonly { readonly role: Role; readonly bytes: number }[];
  /** Arguments that are no addresses. */
  readonly values: readonly (RunValue | number)[];
}

/** A kernel call and how long it took. */
export interface KernelTime extends KernelCall {
  /** Milliseconds of each timed round, in order; fewer than rounds if its segment was skipped. */
  readonly ms: readonly number[];
}

/** What the host does around the kernels of one round, in milliseconds. */
export interface HostTimes {
  /** Copying images, labels and uniforms in. */
  readonly feed: number;
  /** All segments, each called once: the kernels without a timer between them. */
  readonly segments: number;
  /** Reading the outputs that were asked for. */
  readonly read: number;
}

/** What to profile with. */
export interface ProfileOptions {
  readonly features: Features;
  /** State of the program. */
  readonly state: readonly StateEntry[];
  /** Numbers that state starts from; everything else starts at zero. */
  readonly initial: ReadonlyMap<string, Numbers>;
  /** Outputs that the host reads after a step. */
  readonly outputs: readonly string[];
}

/** A program whose kernels can be timed one by one. */
export class Profiler {
  readonly #plan: ProgramPlan;
  readonly #memory: EngineMemory;
  readonly #addressOf: ReturnType<typeof addressing>;
  readonly #outputs: readonly string[];
  readonly #segments: readonly SegmentFunction[];
  readonly #stages: readonly (readonly SegmentFunction[])[];
  readonly #calls: readonly (readonly (KernelCall & { readonly ms: number[] })[])[];

  private constructor(
    plan: ProgramPlan,
    memory: EngineMemory,
    base: number,
    outputs: readonly string[],
    exports: WebAssembly.Exports,
  ) {
    this.#plan = plan;
    this.#memory = memory;
    this.#addressOf = addressing(plan, base);
    this.#outputs = outputs;
    this.#segments = plan.segments.map((_, i) => exports[segmentName(i)] as SegmentFunction);
    this.#stages = plan.segments.map(({ stages }, i) =>
      stages.map((_, j) => exports[stageName(i, j)] as SegmentFunction)
    );
    this.#calls = plan.segments.map(({ name, stages }) =>
      stages.flat().map(({ step }) => ({ ...callOf(step, name), ms: [] }))
    );
  }

  /**
   * Lowers, compiles and places a program, with a memory of its own.
   *
   * @throws {BackendError} If state and arena do not fit in a memory.
   */
  static async open(program: StepProgram, options: ProfileOptions): Promise<Profiler> {
    const { features, state, initial, outputs } = options;
    const cache = new KernelCache(features);
    const memory = new EngineMemory();
    // Vectors may reach over the end of a tensor.
    const bytesOf = ({ shape }: StateEntry): number => align(4 * sizeOf(shape) + 16);
    const places = new Map<string, StatePlace>();
    let address = memory.reserve(state.reduce((sum, entry) => sum + bytesOf(entry), 0), "profile");
    for (const entry of state) {
      places.set(entry.name, { address, size: sizeOf(entry.shape) });
      address += bytesOf(entry);
    }
    const whole = planProgram(program, 1, (name) => places.get(name)!, cache.features);
    const segments = whole.segments.map((segment) => ({
      ...segment,
      stages: segment.stages.flat().map((task) => [task]),
    }));
    const plan = { ...whole, segments };
    const base = memory.reserve(plan.bytes, "profile");
    for (const [name, values] of initial) memory.floats.set(values, places.get(name)!.address / 4);
    for (const { value, numbers, place } of plan.lowered.constants) {
      const start = addressing(plan, base)(place) / 4;
      memory.floats.fill(value, start, start + numbers);
    }
    const module = await cache.compile(assemblePlan(plan, cache, base, undefined));
    const { exports } = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
    return new Profiler(plan, memory, base, outputs, exports);
  }

  /** Bytes of the arena. */
  get bytes(): number {
    return this.#plan.bytes;
  }

  /** Every call in the order of a run, with the times of the rounds so far. */
  get calls(): readonly KernelTime[] {
    return this.#calls.flat();
  }

  /** Forgets the times so far: the rounds before were to warm up. */
  reset(): void {
    for (const call of this.#calls.flat()) call.ms.length = 0;
  }

  /** Runs the program twice, first call by call, then segment by segment. */
  round(feed: Feed): HostTimes {
    this.#feed(feed);
    this.#overSegments(feed.count, (i, count) => {
      this.#stages[i]!.forEach((stage, j) => {
        const from = performance.now();
        stage(0, count);
        this.#calls[i]![j]!.ms.push(performance.now() - from);
      });
    });
    const began = performance.now();
    this.#feed(feed);
    const fed = performance.now();
    this.#overSegments(feed.count, (i, count) => this.#segments[i]!(0, count));
    const ran = performance.now();
    for (const output of this.#outputs) this.read(output, feed.count);
    return { feed: fed - began, segments: ran - fed, read: performance.now() - ran };
  }

  /** An output of the last run of `count` images. */
  read(output: string, count: number): Float32Array {
    const { node, place, rows: routed } = this.#plan.lowered.outputs.get(output)!;
    const samples = routed === undefined ? count : this.#memory.floats[this.#addressOf(routed) / 4]!;
    const rows = node.batch.includes(0) ? samples : node.shape[0] ?? 1;
    return gather(this.#memory.floats, this.#addressOf(place) / 4, axesOf(node.shape, layoutOf(node)), rows);
  }

  #feed(feed: Feed): void {
    writeFeed(this.#plan, this.#memory.floats, (place) => this.#addressOf(place) / 4, feed);
  }

  /** Visits the segments whose gates let them run. */
  #overSegments(images: number, run: (segment: number, count: number) => void): void {
    const number = (place: Place): number => this.#memory.floats[this.#addressOf(place) / 4]!;
    this.#plan.segments.forEach(({ gate, count }, i) => {
      if (gate === undefined || !(number(gate) > 0)) run(i, count === undefined ? images : number(count));
    });
  }
}

/** What a step is, without its times. */
export function callOf(step: Step, segment: string): KernelCall {
  return {
    name: kernelName(step),
    key: step.kernel.key,
    segment,
    memory: accessesOf(step).map(({ role, place: { buffer } }) => ({ role, bytes: buffer.bytes })),
    values: step.operands.filter((operand) => typeof operand !== "object"),
  };
}
