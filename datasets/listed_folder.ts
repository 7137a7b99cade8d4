import type { ImageSet, LoadContext, Normalization, Transform } from "../dsl/data.ts";
import { OptionError } from "../dsl/errors.ts";
import type { LabelledFile } from "./class_folders.ts";
import { digest, lookAt, versionOf } from "./files.ts";
import { listedImages } from "./open_dataset.ts";

/** How photographs of any size are shown to a net. */
export interface PhotoSettings {
  /** ImageNet's constants. */
  readonly normalization: Normalization;
  /** A random resized crop and a flip. */
  readonly augment: readonly Transform[];
  /** Resized to 8/7 of the size (256 for 224) and cut in the middle. */
  readonly evaluation: readonly Transform[];
}

const imagenetNormalization: Normalization = Object.freeze({
  mean: Object.freeze([0.485, 0.456, 0.406]),
  std: Object.freeze([0.229, 0.224, 0.225]),
});

/**
 * The usual settings for photographs: those of FFSD, SAKD, SwitOKD and OKDDip for ImageNet, at any size.
 *
 * @throws {OptionError} If the size is not a positive integer.
 */
export function photoSettings(kind: string, size: number): PhotoSettings {
  if (!Number.isSafeInteger(size) || size < 1 || size > 4096) {
    throw new OptionError(
      `Cannot open ${kind}: size must be an integer from 1 to 4096, got ${size}. Give the height and width of a net's input.`,
    );
  }
  return {
    normalization: imagenetNormalization,
    augment: Object.freeze([
      Object.freeze({ kind: "resizedCrop", size }),
      Object.freeze({ kind: "flip", probability: 0.5 }),
    ]),
    evaluation: Object.freeze([
      Object.freeze({ kind: "resize", size: Math.round(size * 8 / 7) }),
      Object.freeze({ kind: "centerCrop", size }),
    ]),
  };
}

// More images than this would fill the disk with what is kept between epochs, and looking at each takes long.
const MOST_KEPT = 100_000;

/**
 * An image set over files that are read when a batch needs them.
 *
 * @param origin Path and version of the folder or archive that the files are of.
 */
export async function listImages(
  files: readonly LabelledFile[],
  origin: string,
  context: LoadContext,
): Promise<ImageSet> {
  const sources = files.map(({ source }) => source);
  const labels = Uint16Array.from(files, ({ label }) => label);
  const source = (index: number) => sources[index]!;
  if (context.cache === undefined || files.length > MOST_KEPT) return listedImages(labels, { source, version: "" });
  // Only a file of its own may change alone.
  const versions = files.map(({ path, source }) =>
    "bytes" in source || source.from !== undefined ? path : `${path}:${versionOf(lookAt(source.path)!)}`
  );
  const version = await digest([origin, ...versions].join("\n"));
  return listedImages(labels, { source, version, cache: context.cache });
}
