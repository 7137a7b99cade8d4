import type { BatchOptions, ImageFiles, ImageSet, Normalization, OpenDataset, SplitName } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { imageDecoder } from "./decode_image.ts";
import { batches } from "./loader.ts";
import { requireEnough } from "./sampling.ts";
import { requireTransforms } from "./transforms/check.ts";

/** Everything of an {@linkcode OpenDataset} but its loader. */
export type Decoded = Omit<OpenDataset, "batches">;

/**
 * The splits of a dataset as an open one, after checking that sizes, labels, constants and transforms agree.
 *
 * @throws {DatasetError} If pixels, labels, constants or transforms contradict each other.
 */
export function openDataset(decoded: Decoded): OpenDataset {
  for (const [split, set] of splitsOf(decoded)) requireConsistent(decoded, split, set);
  requireConstants(decoded.kind, decoded.shape[0], decoded.normalization);
  if (decoded.sampling !== undefined) requireEnough(decoded.kind, decoded.train.length, decoded.sampling);
  for (const [split, set] of splitsOf(decoded)) {
    // Training images are looked at without augmentation too.
    if (split === "train") requireChanges(decoded, set, decoded.augment, false);
    requireChanges(decoded, set, decoded.evaluation ?? [], true);
  }
  const decoder = imageDecoder();
  return Object.freeze({
    ...decoded,
    batches: (options: BatchOptions) => batches(decoded, options, decoder),
  });
}

/** An image set over given pixels and labels. */
export function imageSet(pixels: Uint8Array, labels: Uint16Array): ImageSet {
  return Object.freeze({ length: labels.length, pixels, labels });
}

/** An image set over files that are read when a batch needs them. */
export function listedImages(labels: Uint16Array, files: ImageFiles): ImageSet {
  return Object.freeze({ length: labels.length, pixels: new Uint8Array(), labels, files: Object.freeze(files) });
}

/** The splits there are, by name. */
function splitsOf(
  { train, validation, test }: Pick<Decoded, SplitName>,
): readonly (readonly [SplitName, ImageSet])[] {
  return [["train", train], ...(validation ? [["validation", validation] as const] : []), ["test", test]];
}

function requireConsistent(decoded: Decoded, split: SplitName, { pixels, labels, stored, files }: ImageSet): void {
  const [channels, height, width] = [decoded.shape[0], ...(stored ?? [decoded.shape[1], decoded.shape[2]])];
  const bytes = files === undefined ? labels.length * channels! * height! * width! : 0;
  if (labels.length === 0) {
    throw new DatasetError(
      `Cannot use ${decoded.kind}: the ${split} split must hold images, got none. Add images to it.`,
    );
  }
  if (pixels.length !== bytes) {
    throw new DatasetError(
      files === undefined
        ? `Cannot use ${decoded.kind}: ${labels.length} ${split} images of ${channels}×${height}×${width} are ${bytes} ` +
          `bytes, got ${pixels.length}. Give one byte a pixel and one label an image.`
        : `Cannot use ${decoded.kind}: ${split} images that are read from files have no pixels in memory, ` +
          `got ${pixels.length} bytes. Leave out one of both.`,
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

function requireChanges(
  { kind, shape }: Decoded,
  { files, stored }: ImageSet,
  transforms: Decoded["augment"],
  fixed: boolean,
): void {
  const to = [shape[1], shape[2]] as const;
  requireTransforms({ kind, transforms, from: files === undefined ? stored ?? to : undefined, to, fixed });
}
