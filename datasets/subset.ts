import type { ImageSet } from "../dsl/data.ts";
import { fnv1a } from "../dsl/random.ts";

/**
 * Some images of a set, in the given order. `channels`, `height` and `width` are those of the dataset.
 *
 * @example
 * ```ts
 * import { subset } from "./subset.ts";
 * const set = { length: 2, pixels: new Uint8Array([7, 9]), labels: new Uint16Array([0, 1]) };
 * subset(set, Uint32Array.of(1), [1, 1, 1]).pixels; // [9]
 * ```
 */
export function subset(
  set: ImageSet,
  images: Uint32Array,
  [channels, height, width]: readonly [channels: number, height: number, width: number],
): ImageSet {
  const labels = Uint16Array.from(images, (image) => set.labels[image]!);
  const { files, stored, pixels } = set;
  const sized = stored === undefined ? {} : { stored };
  if (files !== undefined) {
    return Object.freeze({
      length: images.length,
      pixels,
      labels,
      ...sized,
      files: Object.freeze({
        ...files,
        source: (index: number) => files.source(images[index]!),
        version: `${files.version} ${fingerprint(images)}`,
      }),
    });
  }
  const size = channels * (stored?.[0] ?? height) * (stored?.[1] ?? width);
  const kept = new Uint8Array(images.length * size);
  images.forEach((image, i) => kept.set(pixels.subarray(image * size, (image + 1) * size), i * size));
  return Object.freeze({ length: images.length, pixels: kept, labels, ...sized });
}

/** Tells one choice of images from another: two hashes of 32 bits and the number of images. */
function fingerprint(images: Uint32Array): string {
  const text = images.join();
  return `${images.length}:${fnv1a(text)}:${fnv1a(`${images.length} ${text}`)}`;
}
