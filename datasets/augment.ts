import type { Normalization, Transform } from "../dsl/data.ts";
import type { RandomStream } from "../dsl/random.ts";

/** Writes one image of a split, changed and normalised, into a batch. */
export interface ImageWriter {
  /**
   * Writes image `index` of `pixels` as floats at `out[at]`, in C, H, W order. Without `draws` nothing random happens.
   */
  (out: Float32Array, at: number, pixels: Uint8Array, index: number, draws?: RandomStream): void;
}

/**
 * A writer of normalised images `(pixel / 255 − mean) / std`, changed by the given transforms in order.
 *
 * A random number is addressed by image index and place of the transform, so neither the order of images nor the
 * number of threads can change it. A zero pad is black before normalisation, as torchvision pads.
 *
 * @example
 * ```ts
 * import { imageWriter } from "./augment.ts";
 * import { stream } from "../dsl/random.ts";
 * const write = imageWriter([1, 2, 2], { mean: [0.5], std: [0.5] }, [{ kind: "flip", probability: 1 }]);
 * const out = new Float32Array(4);
 * write(out, 0, new Uint8Array([0, 255, 0, 255]), 0, stream(7, "augment", 1, 0)); // 1, −1, 1, −1
 * ```
 */
export function imageWriter(
  [channels, height, width]: readonly [channels: number, height: number, width: number],
  normalization: Normalization,
  augment: readonly Transform[],
): ImageWriter {
  const levels = levelTable(normalization, channels);
  const size = channels * height * width;
  const straight = { rows: identity(height), columns: identity(width) };
  return (out, at, pixels, index, draws) => {
    const { rows, columns } = draws === undefined ? straight : changed(straight, augment, index, draws);
    let to = at;
    for (let channel = 0; channel < channels; channel++) {
      const plane = index * size + channel * height * width;
      const level = channel * 256;
      for (let y = 0; y < height; y++) {
        const row = rows[y]!;
        const from = plane + row * width;
        for (let x = 0; x < width; x++) {
          const column = columns[x]!;
          out[to++] = levels[level + (row < 0 || column < 0 ? 0 : pixels[from + column]!)]!;
        }
      }
    }
  };
}

/** Which row and column of the image each row and column of the result shows; −1 is padding. */
interface Maps {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

function changed(maps: Maps, augment: readonly Transform[], index: number, draws: RandomStream): Maps {
  let { rows, columns } = maps;
  augment.forEach((change, place) => {
    // The transform's place goes into the high word of the counter: no two transforms or images share a number.
    const address = place * 2 ** 32 + index * 2;
    switch (change.kind) {
      case "crop": {
        const spread = 2 * change.pad + 1;
        const reflect = change.mode === "reflect";
        rows = shifted(rows, draws.integer(address, spread) - change.pad, reflect);
        columns = shifted(columns, draws.integer(address + 1, spread) - change.pad, reflect);
        break;
      }
      case "flip":
        if (draws.uniform(address) < change.probability) columns = columns.slice().reverse();
        break;
      default:
        change satisfies never;
    }
  });
  return { rows, columns };
}

function shifted(map: Int32Array, by: number, reflect: boolean): Int32Array {
  const last = map.length - 1;
  return map.map((_, i) => {
    const from = i + by;
    if (from >= 0 && from <= last) return map[from]!;
    if (!reflect) return -1;
    return map[from < 0 ? -from : 2 * last - from]!;
  });
}

function identity(length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => i);
}

function levelTable({ mean, std }: Normalization, channels: number): Float32Array {
  return Float32Array.from(
    { length: channels * 256 },
    (_, i) => ((i & 255) / 255 - mean[i >> 8]!) / std[i >> 8]!,
  );
}
