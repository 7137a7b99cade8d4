/**
 * A program ready to be placed: its steps spread over threads, and how much memory they take.
 *
 * @module
 */

import type { StepProgram } from "../../ir/program.ts";
import { align, planMemory } from "./arena.ts";
import { assemble, type KernelCache } from "./assemble.ts";
import type { Features } from "./assembler/func.ts";
import { blocksOf, lanes } from "./layout.ts";
import { accessesOf } from "./lower/access.ts";
import { lower, type LoweredProgram, type StatePlace } from "./lower/lower.ts";
import { schedule, type ScheduledSegment } from "./lower/schedule.ts";
import { chunkOf, type Place } from "./lower/site.ts";

/** A lowered program with its memory plan. */
export interface ProgramPlan {
  readonly program: StepProgram;
  readonly lowered: LoweredProgram;
  readonly segments: readonly ScheduledSegment[];
  readonly threads: number;
  /** Bytes of the arena, scratch of every thread included. */
  readonly bytes: number;
  /** Where each buffer begins in the arena. */
  readonly offsets: readonly number[];
  /** Bytes of scratch memory of one thread; they lie behind the buffers. */
  readonly scratch: number;
}

/** Plans a program for so many threads of a machine with `features`. */
export function planProgram(
  program: StepProgram,
  threads: number,
  state: (name: string) => StatePlace,
  features: Features,
): ProgramPlan {
  const lowered = lower(program, state, features);
  const segments = schedule(lowered.segments, threads);
  const scratch = scratchBytes(segments);
  const { offsets, bytes } = planMemory(lowered.buffers);
  return { program, lowered, segments, threads, offsets, bytes: bytes + threads * scratch, scratch };
}

/** Most threads that can have a part of a batch: a chunk each. */
export function threadsFor(batch: number, threads: number): number {
  return Math.min(threads, Math.ceil(blocksOf(batch) / chunkOf(batch)));
}

/** Where every place of a plan lies once its arena begins at `base`. */
export function addressing({ lowered, offsets }: ProgramPlan, base: number): (place: Place) => number {
  const addresses = new Map(lowered.buffers.map((buffer, i) => [buffer, base + offsets[i]!]));
  return ({ buffer, offset }) => (buffer.address ?? addresses.get(buffer)!) + offset;
}

/** Bytes of the module of a plan whose arena begins at `base`. */
export function assemblePlan(
  plan: ProgramPlan,
  cache: KernelCache,
  base: number,
  control: number | undefined,
): Uint8Array<ArrayBuffer> {
  const { program, segments, threads, bytes, scratch } = plan;
  return assemble(cache, segments, {
    addressOf: addressing(plan, base),
    chunk: chunkOf(program.batch),
    threads,
    scratch: { address: base + bytes - threads * scratch, bytes: scratch },
    control,
  });
}

/** The most images whose arena takes at most `room` bytes, in whole blocks; 0 if there are none. */
export function largestBatch({ program, lowered, threads, scratch }: ProgramPlan, room: number): number {
  const most = blocksOf(program.batch);
  const fits = (blocks: number): boolean => {
    const sized = lowered.buffers.map(({ bytes, sliced, first, last }) => ({
      bytes: sliced ? Math.ceil(bytes * blocks / most) : bytes,
      first,
      last,
    }));
    return planMemory(sized).bytes + threads * scratch <= room;
  };
  let [low, high] = [0, most];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low * lanes;
}

/** A kernel's scratch is worth nothing to the next, so that a thread has one region for all. */
function scratchBytes(segments: readonly ScheduledSegment[]): number {
  let bytes = 0;
  for (const { stages } of segments) {
    for (const { step } of stages.flat()) {
      const scratches = accessesOf(step).filter(({ role }) => role === "s");
      for (const { place: { buffer } } of scratches) bytes = Math.max(bytes, align(buffer.bytes));
    }
  }
  return bytes;
}
