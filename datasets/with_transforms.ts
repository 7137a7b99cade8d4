import type { Dataset, ImageSet, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { OptionError } from "../dsl/errors.ts";
import { openDataset } from "./open_dataset.ts";

/** What is done to images, from bytes to the numbers a net sees. */
export interface Preparation {
  /** Constants of `(pixel / 255 − mean) / std`; the dataset's own unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images, in order; the dataset's own unless said. */
  readonly augment?: readonly Transform[];
  /** Fixed changes of images that are shown without augmentation; the dataset's own unless said. */
  readonly evaluation?: readonly Transform[];
  /** Height and width that both lists end at; the dataset's own unless said. */
  readonly size?: readonly [height: number, width: number];
}

/**
 * The same dataset, prepared in another way: a paper's (see {@linkcode published}) or one's own.
 *
 * @throws {OptionError} If the dataset was prepared by it before.
 * @throws {DatasetError} When opened, if the transforms do not fit the images or end at another size.
 *
 * @example
 * ```ts
 * import { digits } from "./digits.ts";
 * import { withTransforms } from "./with_transforms.ts";
 * const resize = { kind: "resize", size: [16, 16] } as const;
 * const large = withTransforms(digits(), { augment: [resize], evaluation: [resize], size: [16, 16] });
 * large.shape; // [1, 16, 16]
 * ```
 */
export function withTransforms<C extends number>(dataset: Dataset<C>, preparation: Preparation): Dataset<C> {
  const { size } = preparation;
  if (Object.hasOwn(dataset.options, "transforms")) {
    throw new OptionError(
      `Cannot prepare ${dataset.name}: withTransforms() is said once, got it twice. Put all into one.`,
    );
  }
  return Object.freeze({
    ...dataset,
    shape: dataset.shape && size ? Object.freeze([dataset.shape[0], ...size] as const) : dataset.shape,
    options: Object.freeze({ ...dataset.options, transforms: JSON.stringify(preparation) }),
    open: async (context: LoadContext = {}) => prepared(await dataset.open(context), preparation),
  });
}

function prepared({ batches: _, ...open }: OpenDataset, preparation: Preparation): OpenDataset {
  const { size, normalization = open.normalization, augment = open.augment } = preparation;
  const evaluation = preparation.evaluation ?? open.evaluation;
  const now = [open.shape[1], open.shape[2]] as const;
  const kept = (set: ImageSet): ImageSet =>
    size === undefined || set.files !== undefined ? set : Object.freeze({ ...set, stored: set.stored ?? now });
  return openDataset({
    ...open,
    shape: size === undefined ? open.shape : [open.shape[0], ...size],
    normalization,
    augment,
    ...(evaluation === undefined ? {} : { evaluation }),
    train: kept(open.train),
    test: kept(open.test),
    ...(open.validation === undefined ? {} : { validation: kept(open.validation) }),
  });
}
