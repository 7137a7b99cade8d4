/**
 * A program in memory, ready to run.
 *
 * @module
 */

import { BackendError } from "../../../dsl/errors.ts";
import type { StepProgram } from "../../ir/program.ts";
import type { Feed, Numbers, Runner } from "../backend.ts";
import { type KernelCache, type SegmentFunction, segmentName } from "./assemble.ts";
import { writeFeed } from "./feed.ts";
import { axesOf, gather, layoutOf } from "./layout.ts";
import type { StatePlace } from "./lower/lower.ts";
import type { Place } from "./lower/site.ts";
import type { EngineMemory } from "./memory.ts";
import { addressing, assemblePlan, largestBatch, planProgram, type ProgramPlan } from "./plan.ts";
import type { Crew } from "./threads/team.ts";

/** Where a program is loaded. */
export interface Machine {
  readonly memory: EngineMemory;
  readonly cache: KernelCache;
  /** Threads for this program. */
  readonly threads: number;
  /** Address of the words of a team; undefined in a memory that is not shared. */
  readonly control: number | undefined;
  /** The workers; asked for only if the program has more than one thread. */
  readonly team: () => Promise<Crew>;
  readonly state: (name: string) => StatePlace;
}

/** Generates, compiles and places a program. */
export async function loadProgram(program: StepProgram, machine: Machine): Promise<Runner> {
  const { memory, cache, threads, control } = machine;
  const plan = planProgram(program, threads, machine.state, cache.features);
  const base = memory.reserve(plan.bytes, `load ${program.name} for batches of ${program.batch}`, (room) => {
    const batch = largestBatch(plan, room);
    return `Use a smaller batch. ${batch === 0 ? "Not even 8 images fit." : `It fits with ${batch} images.`}`;
  });
  const release = (): void => memory.release(base);
  try {
    const addressOf = addressing(plan, base);
    const module = await cache.compile(assemblePlan(plan, cache, base, control));
    const { exports } = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
    const functions = plan.segments.map((_, i) => exports[segmentName(i)] as SegmentFunction);
    for (const { value, numbers, place } of plan.lowered.constants) {
      const start = addressOf(place) / 4;
      memory.floats.fill(value, start, start + numbers);
    }
    if (threads === 1) {
      return new WasmRunner(plan, memory, addressOf, (segment, count) => functions[segment]!(0, count), release);
    }
    const team = await machine.team();
    const id = await team.load(module);
    const run = (segment: number, count: number): void =>
      team.run({ program: id, segment, count, threads }, () => functions[segment]!(0, count));
    const end = (): void => {
      team.unload(id);
      release();
    };
    return new WasmRunner(plan, memory, addressOf, run, end, team);
  } catch (error) {
    release();
    throw error;
  }
}

class WasmRunner implements Runner {
  readonly bytes: number;
  readonly #plan: ProgramPlan;
  readonly #memory: EngineMemory;
  readonly #addressOf: (place: Place) => number;
  #run: (segment: number, count: number) => void;
  readonly #end: () => void;
  readonly #team: Crew | undefined;
  #count = 0;
  #skipped: string[] = [];
  #closed = false;

  constructor(
    plan: ProgramPlan,
    memory: EngineMemory,
    addressOf: (place: Place) => number,
    run: (segment: number, count: number) => void,
    end: () => void,
    team?: Crew,
  ) {
    this.bytes = plan.bytes;
    this.#plan = plan;
    this.#memory = memory;
    this.#addressOf = addressOf;
    this.#run = run;
    this.#end = end;
    this.#team = team;
  }

  run(feed: Feed): Promise<void> {
    this.#feed(feed);
    this.#count = feed.count;
    this.#skipped = [];
    try {
      this.#plan.segments.forEach(({ name, gate, count }, i) => {
        if (gate !== undefined && this.#number(gate) > 0) this.#skipped.push(name);
        else this.#run(i, count === undefined ? feed.count : this.#number(count));
      });
    } catch (error) {
      if (this.#team?.failed !== true) throw error;
      return this.#failed(this.#team);
    }
    return Promise.resolve();
  }

  read(output: string): Promise<Numbers> {
    const found = this.#plan.lowered.outputs.get(output);
    const { name } = this.#plan.program;
    if (found === undefined || this.#closed) {
      throw new BackendError(`Cannot read ${output}: program ${name} ${this.#closed ? "is closed" : "lacks it"}.`);
    }
    const { node, place, rows: routed } = found;
    const count = routed === undefined ? this.#count : this.#number(routed);
    const rows = node.batch.includes(0) ? count : node.shape[0] ?? 1;
    const axes = axesOf(node.shape, layoutOf(node));
    return Promise.resolve(gather(this.#memory.floats, this.#indexOf(place), axes, rows));
  }

  skipped(): readonly string[] {
    return this.#skipped;
  }

  close(): void {
    if (!this.#closed) this.#end();
    this.#closed = true;
    // It holds the engine's memory.
    this.#run = () => {};
  }

  #number(place: Place): number {
    return this.#memory.floats[this.#indexOf(place)]!;
  }

  #indexOf(place: Place): number {
    return this.#addressOf(place) / 4;
  }

  async #failed(team: Crew): Promise<never> {
    const why = await team.failure();
    throw new BackendError(`Cannot run ${this.#plan.program.name}: every thread has to end its part, got ${why}.`);
  }

  #feed(feed: Feed): void {
    const { name } = this.#plan.program;
    if (this.#closed) throw new BackendError(`Cannot run ${name}: it is closed.`);
    if (this.#team?.failed === true) throw new BackendError(`Cannot run ${name}: a thread failed before.`);
    writeFeed(this.#plan, this.#memory.floats, (place) => this.#indexOf(place), feed);
  }
}
