import type { BatchOptions, ImageSet, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { batches } from "./loader.ts";

/** Everything of an {@linkcode OpenDataset} but its loader. */
export type Decoded = Omit<OpenDataset, "batches">;

/**
 * Two decoded splits as an open dataset, after checking that sizes, labels and constants agree.
 *
 * @throws {DatasetError} If pixels, labels, constants or augmentation contradict each other.
 */
export function openDataset(decoded: Decoded): OpenDataset {
  for (const split of ["train", "test"] as const) requireConsistent(decoded, split);
  requireConstants(decoded.kind, decoded.shape[0], decoded.normalization);
  requireAugment(decoded.kind, decoded.shape, decoded.augment);
  return Object.freeze({
    ...decoded,
    batches: (options: BatchOptions) => batches(decoded, options),
  });
}

/** An image set over given pixels and labels. */
export function imageSet(pixels: Uint8Array, labels: Uint16Array): ImageSet {
  return Object.freeze({ length: labels.length, pixels, labels });
}

function requireConsistent(decoded: Decoded, split: "train" | "test"): void {
  const { pixels, labels } = decoded[split];
  const [channels, height, width] = decoded.shape;
  const bytes = labels.length * channels * height * width;
  if (labels.length === 0) {
    throw new DatasetError(
      `Cannot use ${decoded.kind}: the ${split} split must hold images, got none. Add images to it.`,
    );
  }
  if (pixels.length !== bytes) {
    throw new DatasetError(
      `Cannot use ${decoded.kind}: ${labels.length} ${split} images of ${channels}×${height}×${width} are ${bytes} bytes, ` +
        `got ${pixels.length}. Give one byte a pixel and one label an image.`,
    );
  }
  const classes = decoded.classNames.length;
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new DatasetError(
      `Cannot use ${decoded.kind}: labels must be below the class count ${classes}, ` +
        `got ${labels[wrong]} at ${split} image ${wrong}. Number the classes from 0.`,
    );
  }
}

function requireConstants(kind: string, channels: number, { mean, std }: Normalization): void {
  for (const [name, values] of [["mean", mean], ["std", std]] as const) {
    const good = values.length === channels &&
      values.every((value) => Number.isFinite(value) && (name === "mean" || value > 0));
    if (!good) {
      throw new DatasetError(
        `Cannot normalise ${kind}: ${name} must hold ${channels} finite${name === "std" ? " positive" : ""} ` +
          `number${channels === 1 ? "" : "s"}, got [${values.join(", ")}]. Give one number a channel.`,
      );
    }
  }
}

function requireAugment(kind: string, [, height, width]: OpenDataset["shape"], augment: readonly Transform[]): void {
  for (const change of augment) {
    if (change.kind === "flip") {
      if (change.probability >= 0 && change.probability <= 1) continue;
      throw new DatasetError(
        `Cannot augment ${kind}: the flip probability must be from 0 to 1, got ${change.probability}. Use 0.5.`,
      );
    }
    const most = change.mode === "reflect" ? Math.min(height, width) - 1 : Math.max(height, width);
    if (Number.isInteger(change.pad) && change.pad >= 0 && change.pad <= most) continue;
    throw new DatasetError(
      `Cannot augment ${kind}: a ${change.mode} crop of ${height}×${width} images pads by an integer from 0 to ${most}, ` +
        `got ${change.pad}. Use a smaller pad.`,
    );
  }
}
