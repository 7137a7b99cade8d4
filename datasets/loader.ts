import type { Batch, BatchOptions, OpenDataset } from "../dsl/data.ts";
import { DatasetError, OptionError } from "../dsl/errors.ts";
import { stream } from "../dsl/random.ts";
import { type ImageWriter, imageWriter } from "./augment.ts";

/** What the loader needs of an open dataset. */
export type BatchSource = Pick<OpenDataset, "kind" | "shape" | "normalization" | "augment" | "train" | "test">;

// Images prepared between two visits of the event loop: about a millisecond of work at 3×32×32.
const PIECE = 64;

/**
 * Batches of one pass over a split: N, C, H, W floats, one array a view, in an order and with changes that depend on
 * seed, epoch and image only.
 *
 * The last partial batch is kept; with `dropSingle` a rest of one image is dropped. `start` skips batches without
 * preparing them. Batches ahead are prepared in small pieces while the reader waits for something else, and no more
 * once the reader leaves. Without augmentation all views are one array.
 *
 * @throws {OptionError} If a number is outside its range.
 * @throws {DatasetError} If a shuffled training pass has fewer images than one batch.
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
export function batches(source: BatchSource, options: BatchOptions): AsyncIterable<Batch> {
  const pass = planPass(source, options);
  return { [Symbol.asyncIterator]: () => readAhead(pass) };
}

/** Number of batches of a pass: partial ones count, a rest of one image does not when it is dropped. */
export function batchCount(length: number, batch: number, dropSingle: boolean): number {
  const rest = length % batch;
  return Math.floor(length / batch) + (rest > (dropSingle ? 1 : 0) ? 1 : 0);
}

interface Pass {
  readonly source: BatchSource;
  readonly options: BatchOptions;
  readonly order: Uint32Array;
  readonly write: ImageWriter;
  readonly views: number;
  readonly augment: boolean;
  readonly start: number;
  readonly end: number;
  readonly prefetch: number;
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
  const { length } = source[options.split];
  if (training && shuffle && length < batch) {
    throw new DatasetError(
      `Cannot cut ${source.kind} into batches: a training pass needs at least one full batch of ${batch} images, ` +
        `got ${length}. Use a batch of at most ${length}.`,
    );
  }
  return {
    source,
    options,
    order: shuffle ? stream(seed, "shuffle", epoch).permutation(length) : Uint32Array.from({ length }, (_, i) => i),
    write: imageWriter(source.shape, source.normalization, source.augment),
    views,
    augment: augment && source.augment.length > 0,
    start,
    end: batchCount(length, batch, dropSingle),
    prefetch,
  };
}

function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new OptionError(
    `Cannot read batches: ${name} must be an integer of at least ${least}, got ${value}. Give another ${name}.`,
  );
}

async function* readAhead(pass: Pass): AsyncGenerator<Batch, void, void> {
  const ahead: Preparation[] = [];
  let next = pass.start;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const work = (): void => {
    timer = undefined;
    const preparation = ahead.find((candidate) => !candidate.ready);
    if (preparation === undefined) return;
    preparation.advance(PIECE);
    timer = setTimeout(work, 0);
  };
  try {
    while (next < pass.end || ahead.length > 0) {
      // What the reader waits for is finished at once; only batches ahead are prepared piece by piece.
      const preparation = ahead.shift() ?? prepare(pass, next++);
      const batch = preparation.finish();
      while (ahead.length < pass.prefetch && next < pass.end) ahead.push(prepare(pass, next++));
      if (ahead.length > 0) timer ??= setTimeout(work, 0);
      yield batch;
    }
  } finally {
    clearTimeout(timer);
  }
}

interface Preparation {
  readonly ready: boolean;
  advance(images: number): void;
  finish(): Batch;
}

function prepare(pass: Pass, step: number): Preparation {
  const { source, order, write, options: { split, batch, seed, epoch } } = pass;
  const { pixels, labels } = source[split];
  const index = order.slice(step * batch, (step + 1) * batch);
  const count = index.length;
  const size = source.shape[0] * source.shape[1] * source.shape[2];
  const draws = pass.augment
    ? Array.from({ length: pass.views }, (_, view) => stream(seed, "augment", epoch, view))
    : [undefined];
  const images: Float32Array[] = [];
  let done = 0;
  const advance = (limit: number): void => {
    if (images.length === 0) { for (const _ of draws) images.push(new Float32Array(count * size)); }
    for (const end = Math.min(count, done + limit); done < end; done++) {
      draws.forEach((stream, view) => write(images[view]!, done * size, pixels, index[done]!, stream));
    }
  };
  return {
    get ready() {
      return done === count;
    },
    advance,
    finish: () => {
      if (done < count) advance(count);
      return {
        step,
        count,
        images: pass.augment ? images : Array.from({ length: pass.views }, () => images[0]!),
        labels: Uint16Array.from(index, (image) => labels[image]!),
        index,
      };
    },
  };
}
