/**
 * Spreads steps over threads and decides where all of them have to meet.
 *
 * A segment becomes a list of stages with a barrier between each two. Within a stage a thread runs its tasks in order
 * and knows nothing of the others, so the rule is:
 *
 * > Two steps that touch the same buffer, one of them writing, may share a stage only if every number that both touch
 * > is touched by the same thread in both.
 *
 * That is so where both run over slices of the batch and the buffer lies in blocks of samples; where one thread runs
 * both; and where every thread runs the first for itself and the second only reads. In any other case a barrier has to
 * lie between them. A step goes to the earliest stage that the rule allows, though not before the stage the slices are
 * in, or the one before that for a step that is not sliced; so a barrier serves all that wait for it. Buffers share
 * addresses only across a barrier (their lifetimes are counted in stages), so that addresses need no rule of their own.
 *
 * @module
 */

import { accessesOf, type Role } from "./access.ts";
import type { LoweredSegment } from "./lower.ts";
import type { Buffer, Place, Step } from "./site.ts";

/** Who runs a step: everyone on a slice, everyone all of it, or the thread of a number. */
export type Runs = "slice" | "each" | number;

/** A step and who runs it. */
export interface Task {
  readonly step: Step;
  readonly runs: Runs;
}

/** What threads do between two barriers. */
export type Stage = readonly Task[];

/** A segment spread over threads. */
export interface ScheduledSegment {
  readonly name: string;
  readonly gate?: Place;
  /** Number of samples it runs over; the run's unless said. */
  readonly count?: Place;
  readonly stages: readonly Stage[];
}

/** A result of at most so many bytes is computed by every thread for itself: cheaper than to wait for one to do it. */
const smallBytes = 4096;

/** Spreads segments over `threads`, and tells every buffer when it is used. One thread keeps the order of the steps. */
export function schedule(segments: readonly LoweredSegment[], threads: number): ScheduledSegment[] {
  const scheduled = segments.map(({ steps, ...segment }): ScheduledSegment => {
    const stages = threads === 1 ? steps.map((step) => [{ step, runs: 0 }]) : new Planner(threads).plan(steps);
    return { ...segment, stages };
  });
  setLifetimes(scheduled);
  return threads > 1 ? scheduled : scheduled.map((segment) => ({ ...segment, stages: [segment.stages.flat()] }));
}

/** Time 0 is when the host feeds a run; then each stage takes one unit, and so does the end of a segment. */
function setLifetimes(segments: readonly ScheduledSegment[]): void {
  const used = new Set<Buffer>();
  const gated: (readonly [number, number])[] = [];
  let time = 1;
  const use = ({ buffer }: Place): void => {
    buffer.first = Math.min(buffer.first, time);
    buffer.last = Math.max(buffer.last, time);
    used.add(buffer);
  };
  for (const { gate, count, stages } of segments) {
    const start = time;
    if (gate !== undefined) use(gate);
    if (count !== undefined) use(count);
    for (const stage of stages) {
      for (const { step } of stage) for (const { place } of accessesOf(step)) use(place);
      time++;
    }
    time++;
    if (gate !== undefined) gated.push([start, time]);
  }
  // What a skipped segment leaves behind is what it computed last: nothing else may use that memory.
  for (const buffer of used) {
    const skippable = gated.some(([start, end]) => buffer.first >= start && buffer.first < end && buffer.last >= end);
    if (skippable) [buffer.first, buffer.last] = [0, Infinity];
  }
}

/** What a step did to a buffer. */
interface Visit {
  readonly stage: number;
  readonly runs: Runs | "roams";
  readonly writes: boolean;
  readonly group: number | undefined;
}

/** Builds the stages of one segment. */
class Planner {
  readonly #threads: number;
  readonly #stages: Task[][] = [];
  /** Bytes that each thread moves alone, by stage. */
  readonly #loads: number[][] = [];
  readonly #visits = new Map<Buffer, Visit[]>();
  /** Stage of the last sliced step. */
  #current = 0;

  constructor(threads: number) {
    this.#threads = threads;
  }

  plan(steps: readonly Step[]): Stage[] {
    for (const step of steps) this.#place(step);
    return this.#stages;
  }

  #place(step: Step): void {
    const way = wayOf(step);
    const sliced = way === "slice";
    const earliest = sliced ? this.#current : Math.max(0, this.#current - 1);
    const candidates = way === "one" ? Array.from({ length: this.#threads }, (_, thread) => thread) : [way];
    const [best] = candidates
      .map((runs) => ({ runs, stage: Math.max(earliest, this.#allowed(step, runs)) }))
      .sort((a, b) => a.stage - b.stage || this.#load(a.stage, a.runs) - this.#load(b.stage, b.runs));
    const { runs, stage } = best!;
    if (sliced) this.#current = stage;
    while (this.#stages.length <= stage) {
      this.#stages.push([]);
      this.#loads.push(new Array<number>(this.#threads).fill(0));
    }
    this.#stages[stage]!.push({ step, runs });
    if (typeof runs === "number") this.#loads[stage]![runs]! += bytesOf(step);
    for (const { place: { buffer }, role } of accessesOf(step)) {
      if (role === "s") continue;
      const visits = this.#visits.get(buffer) ?? [];
      visits.push({ stage, runs: roams(role, runs), writes: !isRead(role), group: step.group });
      this.#visits.set(buffer, visits);
    }
  }

  #load(stage: number, runs: Runs): number {
    return typeof runs === "number" ? this.#loads[stage]?.[runs] ?? 0 : 0;
  }

  /** The first stage in which the rule lets a step run in this way. */
  #allowed(step: Step, runs: Runs): number {
    let stage = 0;
    for (const { place: { buffer }, role } of accessesOf(step)) {
      if (role === "s") continue;
      const writes = !isRead(role);
      for (const visit of this.#visits.get(buffer) ?? []) {
        if (!writes && !visit.writes) continue;
        const apart = writes && visit.writes && step.group !== undefined && step.group === visit.group;
        if (!apart) {
          stage = Math.max(stage, visit.stage + (staysOnThread(visit, roams(role, runs), writes, buffer) ? 0 : 1));
        }
      }
    }
    return stage;
  }
}

function isRead(role: Role): boolean {
  return role === "i" || role === "r";
}

/** Who touches what: a step on a slice may read samples of every thread's. */
function roams(role: Role, runs: Runs): Runs | "roams" {
  return role === "r" && runs === "slice" ? "roams" : runs;
}

/** Whether all that two steps both touch of a buffer is touched by the same thread in both. */
function staysOnThread(earlier: Visit, runs: Visit["runs"], writes: boolean, buffer: Buffer): boolean {
  if (earlier.runs === "slice" && runs === "slice") return buffer.sliced;
  if (earlier.runs === "each") return earlier.writes && !writes;
  return typeof runs === "number" && earlier.runs === runs;
}

/** How a step may run; "one" is any one thread. */
function wayOf(step: Step): Exclude<Runs, number> | "one" {
  if (step.operands.includes("firstBlock") || step.operands.includes("firstChunk")) return "slice";
  const accesses = accessesOf(step);
  const written = accesses.filter(({ role }) => role === "o").map(({ place }) => place.buffer);
  const repeatable = accesses.every(({ place, role }) =>
    role !== "u" && (role !== "i" || !written.includes(place.buffer))
  );
  const bytes = written.reduce((sum, buffer) => sum + buffer.bytes, 0);
  return repeatable && bytes <= smallBytes ? "each" : "one";
}

function bytesOf(step: Step): number {
  return accessesOf(step).reduce((sum, { place: { buffer }, role }) => sum + (role === "s" ? 0 : buffer.bytes), 0);
}
