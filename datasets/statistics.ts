import type { ImageSet, Normalization } from "../dsl/data.ts";

/**
 * Mean and standard deviation per channel of all pixels of a split, in units of pixel / 255.
 *
 * The deviation is that of the whole population, not the mean of per-image deviations. A constant channel gets 1,
 * so that dividing by it changes nothing.
 *
 * @example
 * ```ts
 * import { statistics } from "./statistics.ts";
 * const set = { length: 1, pixels: new Uint8Array([0, 255]), labels: new Uint16Array(1) };
 * statistics(set, [1, 1, 2]); // { mean: [0.5], std: [0.5] }
 * ```
 */
export function statistics(
  { pixels, length }: ImageSet,
  [channels, height, width]: readonly [channels: number, height: number, width: number],
): Normalization {
  const area = height * width;
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    // Integer sums per byte value are exact, so the result does not depend on the order of images.
    const counts = new Float64Array(256);
    for (let image = 0; image < length; image++) {
      const from = (image * channels + channel) * area;
      for (let i = from; i < from + area; i++) counts[pixels[i]!]!++;
    }
    const total = length * area;
    const average = counts.reduce((sum, count, value) => sum + count * value, 0) / total / 255;
    const variance = counts.reduce((sum, count, value) => sum + count * (value / 255 - average) ** 2, 0) / total;
    mean.push(average);
    std.push(variance > 0 ? Math.sqrt(variance) : 1);
  }
  return Object.freeze({ mean: Object.freeze(mean), std: Object.freeze(std) });
}
