import type { Batch, BatchOptions, ImageSet, OpenDataset } from "../dsl/data.ts";
import { DatasetError, OptionError } from "../dsl/errors.ts";
import { type ImageDecoder, imageDecoder } from "./decode_image.ts";
import { breather } from "./files.ts";
import { allClaimed, allDone, counter, type Job, type Recipe, work } from "./loading/job.ts";
import { imageMaker } from "./loading/make.ts";
import { planCache } from "./loading/pixel_cache.ts";
import { openPool, type Pool } from "./loading/pool.ts";
import { type EpochOrder, epochOrder, straightOrder } from "./sampling.ts";
import { mixBatch } from "./transforms/mix.ts";
import { isCostly, isMix } from "./transforms/plan.ts";

/** What the loader needs of an open dataset. */
export type BatchSource = Omit<OpenDataset, "batches" | "classNames" | "source">;

// Images prepared between two visits of the event loop: about a millisecond of work at 3×32×32.
const PIECE = 64;

// More workers than this only wait for the one that trains.
const MOST_WORKERS = 4;

/**
 * Batches of one pass over a split: N, C, H, W floats, one array a view, in an order and with changes that depend on
 * seed, epoch and image only.
 *
 * The last partial batch is kept; with `dropSingle` a rest of one image is dropped. `start` skips batches without
 * preparing them. At most `prefetch` batches are held ahead. Without augmentation all views are one array.
 *
 * Images from files, and those whose transforms compute samples, are made by workers, one a core and at most four; with
 * one core, or where workers are not allowed, by this thread. A reader that has to wait helps. Other batches ahead are
 * prepared in small pieces while the reader waits for something else, and no more once the reader leaves. A `decoder`
 * that served an earlier pass saves this one the time to load codecs.
 *
 * @throws {OptionError} If a number is outside its range.
 * @throws {DatasetError} If a shuffled training pass has fewer images than one batch, or (while reading) an image
 * cannot be read.
 *
 * @example
 * ```ts
 * import { digits } from "./digits.ts";
 * const open = await digits().open();
 * for await (const { images, labels } of open.batches({ split: "train", batch: 64, seed: 7, epoch: 1 })) {
 *   images[0]!.length; // 64 · 1 · 8 · 8
 *   labels.length; // 64
 *   break;
 * }
 * ```
 */
export function batches(
  source: BatchSource,
  options: BatchOptions,
  decoder: ImageDecoder = imageDecoder(),
): AsyncIterable<Batch> {
  const pass = planPass(source, options);
  return { [Symbol.asyncIterator]: () => readAhead(pass, decoder) };
}

/** Number of batches of a pass: partial ones count, a rest of one image does not when it is dropped. */
export function batchCount(length: number, batch: number, dropSingle: boolean): number {
  const rest = length % batch;
  return Math.floor(length / batch) + (rest > (dropSingle ? 1 : 0) ? 1 : 0);
}

interface Pass {
  readonly options: BatchOptions;
  readonly set: ImageSet;
  readonly order: EpochOrder;
  readonly recipe: Recipe;
  /** Views that differ. */
  readonly drawn: number;
  readonly views: number;
  readonly start: number;
  readonly end: number;
  readonly prefetch: number;
  readonly workers: number;
}

function planPass(source: BatchSource, options: BatchOptions): Pass {
  const training = options.split === "train";
  const { shuffle = training, augment = training, dropSingle = training } = options;
  const { views = 1, start = 0, prefetch = 2, seed, epoch, batch } = options;
  requireInteger("batch", batch, 1);
  requireInteger("views", views, 1);
  requireInteger("start", start, 0);
  requireInteger("prefetch", prefetch, 0);
  requireInteger("epoch", epoch, 0);
  requireInteger("seed", seed, 0);
  if (options.workers !== undefined) requireInteger("workers", options.workers, 0);
  const set = splitOf(source, options.split);
  const sampling = training && source.sampling !== undefined ? source.sampling : { kind: "shuffle" } as const;
  const order = shuffle ? epochOrder(set.labels, sampling, seed, epoch) : straightOrder(set.length);
  const { length } = order.index;
  if (training && shuffle && length < batch) {
    throw new DatasetError(
      `Cannot cut ${source.kind} into batches: a training pass needs at least one full batch of ${batch} images, ` +
        `got ${length}. Use a batch of at most ${length}.`,
    );
  }
  const transforms = augment ? source.augment : source.evaluation ?? [];
  const random = augment && transforms.length > 0;
  const end = batchCount(length, batch, dropSingle);
  return {
    options,
    set,
    order,
    recipe: {
      kind: source.kind,
      shape: source.shape,
      stored: set.stored ?? [source.shape[1], source.shape[2]],
      normalization: source.normalization,
      transforms,
      ...(random ? { random: { seed, epoch } } : {}),
    },
    drawn: random ? views : 1,
    views,
    start,
    end,
    prefetch,
    workers: end - start < 2 ? 0 : options.workers ?? usualWorkers(set, transforms.some(isCostly)),
  };
}

function usualWorkers({ files }: ImageSet, costly: boolean): number {
  const cores = navigator.hardwareConcurrency;
  return cores > 1 && (files !== undefined || costly) ? Math.min(MOST_WORKERS, cores) : 0;
}

function splitOf({ kind, train, validation, test }: BatchSource, split: BatchOptions["split"]): ImageSet {
  if (split !== "validation") return split === "train" ? train : test;
  if (validation !== undefined) return validation;
  throw new DatasetError(
    `Cannot read batches of ${kind}: it has no validation split, got "validation". Make one with withSplit().`,
  );
}

function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new OptionError(
    `Cannot read batches: ${name} must be an integer of at least ${least}, got ${value}. Give another ${name}.`,
  );
}

async function* readAhead(pass: Pass, decoder: ImageDecoder): AsyncGenerator<Batch, void, void> {
  const recipe = await withCache(pass);
  const maker = imageMaker(recipe, decoder);
  const pool = openPool(pass.workers, recipe);
  const ahead: Job[] = [];
  let next = pass.start;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const add = (): Job => {
    const job = jobOf(pass, next++);
    pool.post(job);
    ahead.push(job);
    return job;
  };
  const help = (job: Job, most: number): Promise<boolean> =>
    work(job, maker.make, most, (failure) => pool.fail(job, failure));
  const helpLater = async (): Promise<void> => {
    timer = undefined;
    const job = ahead.find((candidate) => !allClaimed(candidate));
    if (job === undefined || pool.size > 0) return;
    await help(job, PIECE);
    if (!left) timer ??= setTimeout(helpLater, 0);
  };
  let left = false;
  try {
    while (next < pass.end || ahead.length > 0) {
      // What the reader waits for is finished at once; only batches ahead are prepared piece by piece.
      const job = ahead[0] ?? add();
      while (ahead.length <= pass.prefetch && next < pass.end && pool.size > 0) add();
      const breathe = job.sources === undefined ? undefined : breather(undefined);
      while (!allClaimed(job)) {
        await help(job, job.sources === undefined && pool.size === 0 ? job.count : 1);
        await breathe?.();
      }
      await requireMade(pool, job);
      ahead.shift();
      while (ahead.length < pass.prefetch && next < pass.end) add();
      if (ahead.length > 0 && pool.size === 0) timer ??= setTimeout(helpLater, 0);
      yield batchOf(pass, job);
    }
  } finally {
    left = true;
    clearTimeout(timer);
    pool.close();
    maker.close();
  }
}

async function withCache({ recipe, set, options }: Pass): Promise<Recipe> {
  if (set.files?.cache === undefined) return recipe;
  const cache = await planCache(set.files, options.split, set.length, recipe.shape[0], recipe.transforms);
  return cache === undefined ? recipe : { ...recipe, cache };
}

async function requireMade(pool: Pool, job: Job): Promise<void> {
  if (allDone(job) && Atomics.load(job.progress, counter.failed) === 0) return;
  const [failure] = await pool.settled(job);
  if (failure !== undefined) throw new DatasetError(failure.message);
}

/** The work of a batch. Memory that workers write to is shared, and then only. */
function jobOf({ options, set, order, recipe, drawn, workers }: Pass, step: number): Job {
  const { batch } = options;
  const [from, to] = [step * batch, Math.min((step + 1) * batch, order.index.length)];
  const index = order.index.slice(from, to);
  const count = index.length;
  const memory = (bytes: number): ArrayBufferLike =>
    workers > 0 ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  const { files } = set;
  const size = recipe.shape[0] * recipe.stored[0] * recipe.stored[1];
  return {
    step,
    count,
    index,
    draws: order.draws.slice(from, to),
    images: Array.from(
      { length: drawn },
      () => new Float32Array(memory(4 * count * recipe.shape[0] * recipe.shape[1] * recipe.shape[2])),
    ),
    progress: new Int32Array(memory(4 * counter.size)),
    ...(files !== undefined
      ? { sources: Array.from(index, (image) => files.source(image)) }
      : workers === 0
      ? { pixels: set.pixels }
      : { pixels: gathered(set.pixels, index, size, memory), packed: true }),
  };
}

function gathered(
  pixels: Uint8Array,
  index: Uint32Array,
  size: number,
  memory: (bytes: number) => ArrayBufferLike,
): Uint8Array {
  const out = new Uint8Array(memory(index.length * size));
  index.forEach((image, i) => out.set(pixels.subarray(image * size, (image + 1) * size), i * size));
  return out;
}

function batchOf({ options, set, recipe, drawn, views }: Pass, job: Job): Batch {
  const labels = Uint16Array.from(job.index, (image) => set.labels[image]!);
  const mix = recipe.random && recipe.transforms.find(isMix);
  const mixed = mix && mixBatch(mix, job, recipe.shape, labels, options);
  return {
    step: job.step,
    count: job.count,
    images: drawn === views ? job.images : Array.from({ length: views }, () => job.images[0]!),
    labels,
    index: job.index,
    ...(mixed === undefined ? {} : { mix: mixed }),
  };
}
