import type { ImageSource, Normalization, Transform } from "../../dsl/data.ts";
import type { CachePlan } from "./pixel_cache.ts";

/** How images of one pass are made; the same for all of its batches. Plain data, so that a worker can have it. */
export interface Recipe {
  /** Kind of dataset, for messages. */
  readonly kind: string;
  /** Channels, height, width of a finished image. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Height and width of pixels in memory. */
  readonly stored: readonly [height: number, width: number];
  readonly normalization: Normalization;
  readonly transforms: readonly Transform[];
  /** Seed and epoch of random changes; none happen without. */
  readonly random?: { readonly seed: number; readonly epoch: number };
  /** File that keeps what the leading fixed transforms make. */
  readonly cache?: CachePlan;
}

/** One batch to make. Whoever is free claims the next images of it, so who made which cannot show in the result. */
export interface Job {
  /** Position of the batch in the pass. */
  readonly step: number;
  /** Number of images. */
  readonly count: number;
  /** What each image's random numbers and place in the cache are addressed by. */
  readonly draws: Uint32Array;
  /** Index of each image in its split. */
  readonly index: Uint32Array;
  /** Planes C, H, W of images in memory. */
  readonly pixels?: Uint8Array;
  /** Whether `pixels` are those of the batch alone, in its order; else image i lies at its index. */
  readonly packed?: boolean;
  /** Files to read. */
  readonly sources?: readonly ImageSource[];
  /** Where finished images go: one array a view, N, C, H, W. */
  readonly images: readonly Float32Array[];
  /** Shared counters; see {@linkcode counter}. */
  readonly progress: Int32Array;
}

/** Places in {@linkcode Job.progress}: images claimed so far (or more), images finished, images that failed. */
export const counter = { claimed: 0, done: 1, failed: 2, size: 3 } as const;

/** An image that could not be made. */
export interface Failure {
  /** Position in the batch. */
  readonly position: number;
  readonly message: string;
}

/** Makes the image at a position of a job; a promise if it has to wait for something. */
export type Make = (job: Job, position: number) => Promise<void> | undefined;

/**
 * Claims up to `most` images of a job and makes them; resolves to whether they were the last to be finished.
 * Mistakes are collected, so that all claimed images are counted as done.
 */
export async function work(job: Job, make: Make, most: number, fail: (failure: Failure) => void): Promise<boolean> {
  const { progress, count } = job;
  const from = Atomics.add(progress, counter.claimed, most);
  const end = Math.min(count, from + most);
  let last = false;
  for (let position = from; position < end; position++) {
    try {
      const pending = make(job, position);
      if (pending !== undefined) await pending;
    } catch (error) {
      fail({ position, message: error instanceof Error ? error.message : String(error) });
      Atomics.add(progress, counter.failed, 1);
    }
    last = Atomics.add(progress, counter.done, 1) === count - 1;
  }
  return last;
}

/** Whether every image has been claimed by someone. */
export function allClaimed({ progress, count }: Job): boolean {
  return Atomics.load(progress, counter.claimed) >= count;
}

/** Whether every image is finished. */
export function allDone({ progress, count }: Job): boolean {
  return Atomics.load(progress, counter.done) >= count;
}
