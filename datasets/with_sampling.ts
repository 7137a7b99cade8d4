import type { Dataset, LoadContext, Sampling } from "../dsl/data.ts";
import { OptionError } from "../dsl/errors.ts";
import { openDataset } from "./open_dataset.ts";

/**
 * The same dataset with another choice of training images for each epoch.
 *
 * `{ kind: "shuffle", images: 1000 }` shows 1000 images an epoch, another part each time. `{ kind: "balanced" }` shows
 * every class equally often (to within one image), the images of a class in turn: small classes come again within an
 * epoch, each time with a change of their own.
 *
 * @throws {OptionError} If the number of images is no positive integer.
 * @throws {DatasetError} When opened, if a shuffled epoch is to show more images than there are.
 *
 * @example
 * ```ts
 * import { digits } from "./digits.ts";
 * import { withSampling } from "./with_sampling.ts";
 * const open = await withSampling(digits(), { kind: "balanced", images: 500 }).open();
 * open.sampling; // { kind: "balanced", images: 500 }
 * ```
 */
export function withSampling<C extends number>(dataset: Dataset<C>, sampling: Sampling): Dataset<C> {
  const { kind, images } = sampling;
  if (kind !== "shuffle" && kind !== "balanced") {
    throw new OptionError(`Cannot sample images: the kind is "shuffle" or "balanced", got "${kind}". Choose one.`);
  }
  if (images !== undefined && !(Number.isSafeInteger(images) && images > 0)) {
    throw new OptionError(
      `Cannot sample images: images must be a positive integer, got ${images}. Give a number of images an epoch.`,
    );
  }
  return Object.freeze({
    ...dataset,
    options: Object.freeze({ ...dataset.options, sampling: JSON.stringify(sampling) }),
    open: async (context: LoadContext = {}) => {
      const { batches: _, ...open } = await dataset.open(context);
      return openDataset({ ...open, sampling: Object.freeze({ ...sampling }) });
    },
  });
}
