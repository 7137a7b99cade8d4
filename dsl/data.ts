/**
 * What a dataset is, as far as sentences and the trainer are concerned. Loading lives in `datasets/`.
 *
 * @module
 */

/** Per-channel constants of `(pixel / 255 − mean) / std`. */
export interface Normalization {
  /** Mean per channel, in units of pixel / 255. */
  readonly mean: readonly number[];
  /** Standard deviation per channel, in units of pixel / 255. */
  readonly std: readonly number[];
}

/** One random or fixed change of an image at training time, applied in order. */
export type Transform =
  | { readonly kind: "crop"; readonly pad: number; readonly mode: "reflect" | "zero" }
  | { readonly kind: "flip"; readonly probability: number };

/** Decoded images of one split: bytes 0…255 in N, C, H, W order, one label an image. */
export interface ImageSet {
  /** Number of images. */
  readonly length: number;
  /** Pixels, `length · C · H · W` bytes. */
  readonly pixels: Uint8Array;
  /** Class index per image. */
  readonly labels: Uint16Array;
}

/** Where a dataset reads from and reports to while it loads. */
export interface LoadContext {
  /** Folder for decoded data, e.g. `runs/cache`; absent means "do not cache". */
  readonly cache?: string;
  /** Called with a short line (what is done) and the fraction done. */
  readonly progress?: (what: string, fraction: number) => void;
  /** Stops the load. */
  readonly signal?: AbortSignal;
}

/**
 * A dataset as a plain value: names, shapes and a way to load it. `C` is the class count, known to the type checker
 * for the built-in sets and `number` where it is read from disk.
 */
export interface Dataset<C extends number = number> {
  /** Identity, e.g. `"cifar100"`. */
  readonly kind: string;
  /** Name shown to people. */
  readonly name: string;
  /** Number of classes; `undefined` until {@linkcode Dataset.open} has looked at the files. */
  readonly classes: C | undefined;
  /** Channels, height, width of an image; `undefined` until opened for folders. */
  readonly shape: readonly [channels: number, height: number, width: number] | undefined;
  /** Options that identify the data, for the spec and the cache key. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** Reads (or downloads) and decodes both splits. */
  open(context?: LoadContext): Promise<OpenDataset>;
}

/** A dataset whose files were read. */
export interface OpenDataset {
  /** Identity, as {@linkcode Dataset.kind}. */
  readonly kind: string;
  /** Name of each class, in label order. */
  readonly classNames: readonly string[];
  /** Channels, height, width. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Normalisation constants. */
  readonly normalization: Normalization;
  /** Changes applied to training images, in order. */
  readonly augment: readonly Transform[];
  /** Training images. */
  readonly train: ImageSet;
  /** Held-out images. */
  readonly test: ImageSet;
  /** Where the pixels came from, said to the user. */
  readonly source: string;
  /** Batches of one epoch; order and augmentation depend on seed, epoch and sample only. */
  batches(options: BatchOptions): AsyncIterable<Batch>;
}

/** How one pass over a split is cut into batches. */
export interface BatchOptions {
  /** Which split. */
  readonly split: "train" | "test";
  /** Largest number of images in a batch. */
  readonly batch: number;
  /** Seed of order and augmentation. */
  readonly seed: number;
  /** Epoch, numbered from 1. */
  readonly epoch: number;
  /** Independent augmentations of each image (one per student when each has its own view); 1 unless said. */
  readonly views?: number;
  /** Shuffle the order; true for training. */
  readonly shuffle?: boolean;
  /** Apply {@linkcode OpenDataset.augment}; true for training. */
  readonly augment?: boolean;
  /** Drop a last batch of a single image, which batch norm cannot use; true for training. */
  readonly dropSingle?: boolean;
  /** Number of batches to skip, so that a resumed epoch goes on where it stopped. */
  readonly start?: number;
  /** Batches prepared ahead; 2 unless said. */
  readonly prefetch?: number;
}

/** One batch, normalised and augmented. */
export interface Batch {
  /** Position in the epoch, from 0. */
  readonly step: number;
  /** Number of images. */
  readonly count: number;
  /** One array per view, `count · C · H · W`, in N, C, H, W order. */
  readonly images: readonly Float32Array[];
  /** Class index per image. */
  readonly labels: Uint16Array;
  /** Index of each image in its split. */
  readonly index: Uint32Array;
}
