/**
 * What several threads add to the time of a program: a schedule in which some wait for others, and barriers.
 *
 * @module
 */

import { assemble, KernelCache, type SegmentFunction, segmentName } from "./assemble.ts";
import type { Features } from "./assembler/func.ts";
import { EngineMemory } from "./memory.ts";
import type { ProgramPlan } from "./plan.ts";
import type { Runs, Stage } from "./lower/schedule.ts";
import { chunkOf } from "./lower/site.ts";
import { blocksOf } from "./layout.ts";
import { controlBytes } from "./threads/control.ts";
import { Team } from "./threads/team.ts";

/** What the schedule of a plan comes to. */
export interface ScheduleTime {
  /** Milliseconds until the slowest thread of each stage is done, stage after stage, without barriers. */
  readonly ms: number;
  /** Barriers that all threads pass. */
  readonly barriers: number;
}

/**
 * Time of a whole batch on a plan's threads, if every kernel takes its time on one thread, a slice its share of it.
 * `timeOf` gives the milliseconds of one call by the kernel's key.
 */
export function scheduleTime(
  { program, segments, threads }: ProgramPlan,
  timeOf: (key: string) => number,
): ScheduleTime {
  const shares = sharesOf(program.batch, threads);
  const part = (runs: Runs, thread: number): number => {
    if (runs === "slice") return shares[thread]!;
    return runs === "each" || thread === runs ? 1 : 0;
  };
  const timeOfThread = (stage: Stage, thread: number): number =>
    stage.reduce((sum, { step, runs }) => sum + part(runs, thread) * timeOf(step.kernel.key), 0);
  const stages = segments.flatMap((segment) => segment.stages);
  const ms = stages.reduce(
    (sum, stage) => sum + Math.max(...shares.map((_, thread) => timeOfThread(stage, thread))),
    0,
  );
  return { ms, barriers: threads > 1 ? stages.length : 0 };
}

/** Part of the batch that each thread has: chunks are dealt out whole, in order. */
function sharesOf(batch: number, threads: number): readonly number[] {
  const chunks = Math.ceil(blocksOf(batch) / chunkOf(batch));
  return Array.from({ length: threads }, (_, thread) => {
    return (Math.floor(chunks * (thread + 1) / threads) - Math.floor(chunks * thread / threads)) / chunks;
  });
}

/**
 * Milliseconds of one barrier between threads with nothing to do: the fastest of some runs of a thousand.
 *
 * @throws {BackendError} If this machine has no such threads.
 */
export async function barrierTime(features: Features, threads: number): Promise<number> {
  if (threads === 1) return 0;
  const [barriers, runs] = [1000, 5];
  const cache = new KernelCache(features);
  const memory = new EngineMemory(true);
  const control = memory.reserve(controlBytes, "time a barrier");
  const team = await Team.start({ threads, memory: memory.memory, control });
  try {
    const stages = Array.from({ length: barriers }, () => []);
    const bytes = assemble(cache, [{ name: "barriers", stages }], {
      addressOf: () => 0,
      chunk: 1,
      threads,
      scratch: { address: 0, bytes: 0 },
      control,
    });
    const module = await cache.compile(bytes);
    const program = await team.load(module);
    const { exports } = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
    const own = exports[segmentName(0)] as SegmentFunction;
    let best = Infinity;
    for (let run = 0; run < runs; run++) {
      const from = performance.now();
      team.run({ program, segment: 0, count: 1, threads }, () => own(0, 1));
      best = Math.min(best, performance.now() - from);
    }
    return best / barriers;
  } finally {
    team.close();
  }
}
