/**
 * The images a method is checked on: of the sentence's dataset, or random ones.
 *
 * @module
 */

import type { Batch, BatchMix, Dataset } from "../../dsl/data.ts";
import { OptionError } from "../../dsl/errors.ts";
import { stream } from "../../dsl/random.ts";
import type { Compiled } from "../compile/compile.ts";
import { unmeasured } from "../train/measure.ts";
import { NegativeSampler, otherInputs } from "../train/negatives.ts";
import { drawNoise } from "../train/noise.ts";
import { weightIn } from "../train/schedule.ts";
import type { StepFeed } from "../train/session.ts";

/** Where images come from, and what a compiler asks about them. */
export interface ImageSource {
  /** Number of classes. */
  readonly classes: number;
  /** Channels, height, width. */
  readonly shape: readonly [number, number, number];
  /** Class of every training image. */
  readonly labels: Uint16Array;
  /** Whether images are mixed. */
  readonly mixed: boolean;
  /** One batch a step, with this many views. */
  batches(views: number): Promise<readonly Batch[]>;
}

/** Batches of a source, one a step. */
export interface Sample extends Pick<ImageSource, "shape" | "labels"> {
  /** One batch a step. */
  readonly batches: readonly Batch[];
}

/** How much is looked at, and the sizes of images that are drawn. */
export interface SampleSize {
  /** Images of a step. */
  readonly batch: number;
  /** Steps. */
  readonly steps: number;
  /** Channels, height, width of drawn images. */
  readonly shape: readonly [number, number, number];
  /** Classes of drawn images. */
  readonly classes: number;
}

/** Ramps of weights are over by then. */
const LATE = 1e6;

const SEED = 1;

/** The first images of a dataset. @throws {OptionError} If there are too few. */
export async function imagesOf(dataset: Dataset, { batch, steps }: SampleSize): Promise<ImageSource> {
  const data = await dataset.open();
  return {
    classes: data.classNames.length,
    shape: data.shape,
    labels: data.train.labels,
    mixed: data.augment.some(({ kind }) => kind === "mixup" || kind === "cutmix"),
    batches: async (views) => {
      const batches: Batch[] = [];
      for await (const one of data.batches({ split: "train", batch, seed: SEED, epoch: 1, views })) {
        if (one.count === batch) batches.push(one);
        if (batches.length === steps) return batches;
      }
      throw new OptionError(
        `Cannot check a method on ${dataset.name}: it takes ${batch * steps} images, got ${data.train.length}. ` +
          "Say a smaller batch, or leave the dataset out.",
      );
    },
  };
}

/** Normal pixels, each view its own; classes take turns. */
export function drawnImages({ batch, steps, shape, classes }: SampleSize): ImageSource {
  const labels = Uint16Array.from({ length: batch * steps }, (_, i) => i % classes);
  const pixels = shape[0] * shape[1] * shape[2];
  const draw = (step: number, views: number): Batch => ({
    step,
    count: batch,
    images: Array.from({ length: views }, (_, view) => {
      const random = stream(SEED, "check", step, view);
      return Float32Array.from({ length: batch * pixels }, (_, i) => random.normal(i));
    }),
    labels: labels.slice(step * batch, (step + 1) * batch),
    index: Uint32Array.from({ length: batch }, (_, i) => step * batch + i),
  });
  return {
    classes,
    shape,
    labels,
    mixed: false,
    batches: (views) => Promise.resolve(Array.from({ length: steps }, (_, step) => draw(step, views))),
  };
}

/** Number of views that a step reads. */
export function viewsOf({ step }: Compiled): number {
  const read = step.nodes.flatMap((node) =>
    node.op === "input" && node.attrs.name.startsWith("images/") ? [Number(node.attrs.name.slice(7))] : []
  );
  return Math.max(0, ...read) + 1;
}

/** What a step is fed: the first `count` images of a batch, weights behind every ramp. */
export function feedOfSample(compiled: Compiled, sample: Sample, step: number, count: number): StepFeed {
  const { images, labels, index, mix } = sample.batches[step]!;
  const pixels = sample.shape[0] * sample.shape[1] * sample.shape[2];
  const measured = unmeasured(compiled.plan.graph);
  const some = { index: index.subarray(0, count) };
  return {
    count,
    images: images.map((view) => view.subarray(0, count * pixels)),
    labels: labels.subarray(0, count),
    inputs: {
      ...drawNoise(compiled.step.nodes, { seed: SEED, epoch: 1, step }, count),
      ...otherInputs(compiled.step, new NegativeSampler(SEED, sample.labels), 1, some),
    },
    ...(mix === undefined ? {} : { mix: firstOf(mix, count) }),
    weights: Object.fromEntries(
      Object.entries(compiled.weights).map(([term, weight]) => [term, weightIn(weight, LATE, measured)]),
    ),
    measured,
    rates: Object.fromEntries(
      Object.entries(compiled.optimizers).map(([group, { learningRate }]) => [group, learningRate]),
    ),
  };
}

function firstOf({ labels, weights }: BatchMix, count: number): BatchMix {
  return { labels: labels.subarray(0, count), weights: weights.subarray(0, count) };
}
