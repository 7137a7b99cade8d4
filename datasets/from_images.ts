import type { Dataset, LoadContext, Normalization, Transform } from "../dsl/data.ts";
import { imageSet, openDataset } from "./open_dataset.ts";
import { statistics } from "./statistics.ts";

/** Images of one split in memory. */
export interface Images {
  /** Bytes 0…255, `labels.length · C · H · W` of them, in N, C, H, W order. */
  readonly pixels: Uint8Array;
  /** Class index per image, from 0. */
  readonly labels: ArrayLike<number>;
}

/** Options of {@linkcode fromImages}. */
export interface FromImagesOptions<C extends number = number> {
  /** Number of classes. */
  readonly classes: C;
  /** Channels, height, width of every image. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Training images. */
  readonly train: Images;
  /** Held-out images. */
  readonly test: Images;
  /** Name shown to people; `"images"` unless said. */
  readonly name?: string;
  /** Name of each class; `"class 0"` and so on unless said. */
  readonly classNames?: readonly string[];
  /** Normalisation constants; computed from the training images unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; none unless said. */
  readonly augment?: readonly Transform[];
}

/**
 * A dataset over arrays that are already in memory. Arrays are not copied: leave them as they are.
 *
 * @throws {DatasetError} When opened, if sizes, labels and shape contradict each other.
 *
 * @example
 * ```ts
 * import { fromImages } from "./from_images.ts";
 * const black = new Uint8Array(4);
 * const white = new Uint8Array(4).fill(255);
 * const set = { pixels: new Uint8Array([...black, ...white]), labels: [0, 1] };
 * const open = await fromImages({ classes: 2, shape: [1, 2, 2], train: set, test: set }).open();
 * open.normalization; // { mean: [0.5], std: [0.5] }
 * ```
 */
export function fromImages<const C extends number>(options: FromImagesOptions<C>): Dataset<C> {
  const { classes, shape, name = "images", augment = [] } = options;
  const { classNames = Array.from({ length: classes }, (_, label) => `class ${label}`) } = options;
  return Object.freeze({
    kind: "images",
    name,
    classes,
    shape,
    options: Object.freeze({ name, classes, train: options.train.labels.length, test: options.test.labels.length }),
    // deno-lint-ignore require-await -- a mistake in the arrays has to reject, not throw
    open: async (context: LoadContext = {}) => {
      context.signal?.throwIfAborted();
      const train = imageSet(options.train.pixels, Uint16Array.from(options.train.labels));
      const test = imageSet(options.test.pixels, Uint16Array.from(options.test.labels));
      const normalization = options.normalization ?? statistics(train, shape);
      return openDataset({
        kind: "images",
        classNames,
        shape,
        normalization,
        augment,
        train,
        test,
        source: `${name}: arrays in memory`,
      });
    },
  });
}
