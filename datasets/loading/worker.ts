/**
 * What a loading worker does: it gets the recipe of a pass, then jobs, and works on each until all images are claimed.
 *
 * @module
 */
import { imageDecoder } from "../decode_image.ts";
import type { Job, Recipe } from "./job.ts";
import { allClaimed, work } from "./job.ts";
import { imageMaker, type Maker } from "./make.ts";
import { type PackedJob, unpackJob } from "./packed_job.ts";

/** What a worker is told: how images are made, then which. */
export type Message =
  | { readonly kind: "recipe"; readonly recipe: Recipe; readonly started: Int32Array; readonly number: number }
  | { readonly kind: "job"; readonly job: PackedJob };

/** What a worker answers: that an image failed, or that a batch is finished. */
export type Answer =
  | { readonly kind: "failed"; readonly step: number; readonly position: number; readonly message: string }
  | { readonly kind: "finished"; readonly step: number };

/** What a worker sees of its global scope. */
interface WorkerScope {
  onmessage: ((event: { readonly data: Message }) => void) | null;
  postMessage(answer: Answer): void;
}

// Images claimed at once: few, so that no worker is left with much to do while others wait.
const AT_ONCE = 4;

const scope = globalThis as unknown as WorkerScope;
let maker: Maker | undefined;
let before: Promise<void> = Promise.resolve();
let cold = true;

scope.onmessage = ({ data }) => {
  if (data.kind === "recipe") {
    Atomics.store(data.started, data.number, 1);
    maker = imageMaker(data.recipe, imageDecoder());
  } else before = before.then(() => finish(unpackJob(data.job), maker!));
};

async function finish(job: Job, { make, warm }: Maker): Promise<void> {
  const { step, sources } = job;
  // Claimed before the codec is there, an image would keep the reader waiting, who could have made it long ago.
  if (cold && sources !== undefined) await warm(sources[0]!);
  cold = false;
  while (!allClaimed(job)) {
    const last = await work(job, make, AT_ONCE, (failure) => scope.postMessage({ kind: "failed", step, ...failure }));
    if (last) scope.postMessage({ kind: "finished", step });
  }
}
