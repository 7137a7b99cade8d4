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

/** Height and width of an image, or one number for a square. */
export type ImageSize = number | readonly [height: number, width: number];

/**
 * One random or fixed change of an image, applied in order; random numbers depend on seed, epoch and image only.
 *
 * Images are bytes until they are normalised, and every change rounds as torchvision's does on images of Pillow.
 *
 * Source: torchvision `RandomCrop`, `RandomHorizontalFlip`, `RandomResizedCrop`, `Resize`, `CenterCrop`, `ColorJitter`,
 * `RandAugment` (Cubuk et al. 2020); DeVries and Taylor 2017 (cutout); Zhang et al. 2018 (mixup); Yun et al. 2019
 * (cutmix).
 */
export type Transform =
  /** Pads all sides by `pad`, black or mirrored, and takes a random window; as large as before unless `size` says. */
  | { readonly kind: "crop"; readonly pad: number; readonly mode: "reflect" | "zero"; readonly size?: ImageSize }
  /** Left for right. */
  | { readonly kind: "flip"; readonly probability: number }
  /** Resizes a random part: a share `scale` of the area (.08 to 1), width to height in `ratio` (3/4 to 4/3). */
  | {
    readonly kind: "resizedCrop";
    readonly size: ImageSize;
    readonly scale?: readonly [least: number, most: number];
    readonly ratio?: readonly [least: number, most: number];
  }
  /** Resizes, bilinear and antialiased as Pillow does; one number is the shorter edge and keeps the proportions. */
  | { readonly kind: "resize"; readonly size: ImageSize }
  /** Takes the middle; black around it where the image is too small. */
  | { readonly kind: "centerCrop"; readonly size: ImageSize }
  /** Brightness, contrast and saturation by a factor in [1 − v, 1 + v], hue by up to v turns, in random order; 0 unless said. */
  | {
    readonly kind: "colorJitter";
    readonly brightness?: number;
    readonly contrast?: number;
    readonly saturation?: number;
    readonly hue?: number;
  }
  /** `operations` (2) of fourteen at random, each at step `magnitude` (9) of `bins` (31). */
  | {
    readonly kind: "randAugment";
    readonly operations?: number;
    readonly magnitude?: number;
    readonly bins?: number;
  }
  /** `count` (1) squares at random places that show the mean colour. */
  | { readonly kind: "cutout"; readonly size: number; readonly count?: number }
  /** Blends each image with another of its batch: λ · one + (1 − λ) · other, λ from Beta(`alpha`, `alpha`). */
  | { readonly kind: "mixup"; readonly alpha: number }
  /** Replaces a box with that of another image of the batch; its share of the area is 1 − λ, λ from Beta(`alpha`, `alpha`). */
  | { readonly kind: "cutmix"; readonly alpha: number };

/** Images of one split: bytes 0…255 in N, C, H, W order, or where to read them, and one label an image. */
export interface ImageSet {
  /** Number of images. */
  readonly length: number;
  /** Pixels, `length · C · H · W` bytes; none where `files` says where they are. */
  readonly pixels: Uint8Array;
  /** Class index per image. */
  readonly labels: Uint16Array;
  /** Height and width of `pixels` where transforms make another size of them; those of the dataset unless said. */
  readonly stored?: readonly [height: number, width: number];
  /** Where images are read from, one by one, when they are not all held in memory. */
  readonly files?: ImageFiles;
}

/** Image files that are read when a batch needs them. */
export interface ImageFiles {
  /** Where image `index` lies. */
  source(index: number): ImageSource;
  /** Tells this version of all files from another. */
  readonly version: string;
  /** Folder for images as the leading fixed transforms make them; none are kept unless said. */
  readonly cache?: string;
}

/**
 * A JPEG or PNG image: a file, a stretch of a file (of an archive), or bytes; a path beside bytes is for messages.
 *
 * A stretch has a `name` of its own for messages, and is raw deflate data if its `inflated` length is said.
 */
export type ImageSource =
  | {
    readonly path: string;
    readonly from?: number;
    readonly length?: number;
    readonly name?: string;
    readonly inflated?: number;
  }
  | { readonly path: string; readonly bytes: Uint8Array };

/** Which images an epoch shows. */
export interface Sampling {
  /** `"shuffle"` shows every image once; `"balanced"` shows every class as often, so images of small classes again. */
  readonly kind: "shuffle" | "balanced";
  /** Images an epoch; as many as there are unless said. A shuffled part is another one each epoch. */
  readonly images?: number;
}

/** Where a dataset reads from and reports to while it loads. */
export interface LoadContext {
  /** Folder for decoded data, e.g. `runs/cache`; absent means "do not cache". */
  readonly cache?: string;
  /** Called with a short line (what is done), the fraction done, and maybe a note, e.g. bytes, speed and time left. */
  readonly progress?: (what: string, fraction: number, note?: string) => void;
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
  /** Fixed changes of images that are shown without augmentation; none unless said. */
  readonly evaluation?: readonly Transform[];
  /** Training images. */
  readonly train: ImageSet;
  /** Images split off for choices made while training; see `withSplit()`. */
  readonly validation?: ImageSet;
  /** Held-out images. */
  readonly test: ImageSet;
  /** Which training images an epoch shows; every one unless said. */
  readonly sampling?: Sampling;
  /** Where the pixels came from, said to the user. */
  readonly source: string;
  /** Batches of one epoch; order and augmentation depend on seed, epoch and sample only. */
  batches(options: BatchOptions): AsyncIterable<Batch>;
}

/** Number of training images an epoch shows. */
export function imagesPerEpoch({ train, sampling }: Pick<OpenDataset, "train" | "sampling">): number {
  return sampling?.images ?? train.length;
}

/** A split of a dataset. */
export type SplitName = "train" | "validation" | "test";

/** How one pass over a split is cut into batches. */
export interface BatchOptions {
  /** Which split. */
  readonly split: SplitName;
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
  /** Workers that prepare batches; batches are the same with any number. See `batches()` for what there is unless said. */
  readonly workers?: number;
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
  /** What was mixed into each image, with mixup or cutmix. */
  readonly mix?: BatchMix;
}

/** A second image for each image of a batch: its loss is weight · loss(labels) + (1 − weight) · loss(mix.labels). */
export interface BatchMix {
  /** Class index of the other image. */
  readonly labels: Uint16Array;
  /** Share λ of each image's own label, 0…1. */
  readonly weights: Float32Array;
}
