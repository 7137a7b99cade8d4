import type { Normalization } from "../dsl/data.ts";
import type { Raster } from "./transforms/raster.ts";

/** Writes a raster as normalised floats at `out[at]`, in C, H, W order; holes are 0, the mean colour. */
export interface RasterWriter {
  (out: Float32Array, at: number, raster: Raster): void;
}

/**
 * A writer of normalised images `(pixel / 255 − mean) / std`. A zero pad is black before normalisation, as torchvision
 * pads.
 *
 * @example
 * ```ts
 * import { rasterWriter } from "./augment.ts";
 * import { planar } from "./transforms/raster.ts";
 * const write = rasterWriter({ mean: [0.5], std: [0.5] });
 * const out = new Float32Array(4);
 * write(out, 0, planar(new Uint8Array([0, 255, 0, 255]), 0, [1, 2, 2])); // −1, 1, −1, 1
 * ```
 */
export function rasterWriter(normalization: Normalization): RasterWriter {
  const levels = levelTables(normalization);
  return (out, at, raster) => {
    const { samples, planes, rows, columns, holes } = raster;
    const runs = runsOf(columns);
    for (let channel = 0, to = at; channel < planes.length; channel++) {
      const plane = planes[channel]!;
      const table = levels[channel]!;
      const black = table[0]!;
      for (let y = 0; y < rows.length; y++, to += columns.length) {
        const row = rows[y]!;
        for (let r = 0; r < runs.length; r++) {
          const { start, end, first, step } = runs[r]!;
          if (row < 0 || first < 0) {
            for (let x = to + start; x < to + end; x++) out[x] = black;
            continue;
          }
          for (let x = to + start, from = plane + row + first; x < to + end; x++, from += step) {
            out[x] = table[samples[from]!]!;
          }
        }
      }
    }
    if (holes !== undefined) cut(out, at, raster);
  };
}

/** Columns from `start` up to `end` that lie `step` apart from `first` on, or are all black (−1). */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly step: number;
}

/** A crop, flipped or not, is two or three runs, and a loop over a run is twice as fast as looking each column up. */
function runsOf(columns: readonly number[]): readonly Run[] {
  const runs: Run[] = [];
  for (let start = 0, end = 0; start < columns.length; start = end) {
    const first = columns[start]!;
    const second = columns[start + 1];
    const step = first < 0 || second === undefined || second < 0 ? 0 : second - first;
    for (end = start + 1; end < columns.length; end++) {
      const column = columns[end]!;
      if (first < 0 ? column >= 0 : column < 0 || step === 0 || column !== columns[end - 1]! + step) break;
    }
    runs.push({ start, end, first, step });
  }
  return runs;
}

function cut(out: Float32Array, at: number, { planes, rows, columns, holes = [] }: Raster): void {
  const [height, width] = [rows.length, columns.length];
  for (const { top, left, bottom, right } of holes) {
    for (let channel = 0; channel < planes.length; channel++) {
      for (let y = top; y < bottom; y++) {
        const row = at + (channel * height + y) * width;
        out.fill(0, row + left, row + right);
      }
    }
  }
}

function levelTables({ mean, std }: Normalization): readonly Float32Array[] {
  return mean.map((middle, channel) =>
    Float32Array.from({ length: 256 }, (_, level) => (level / 255 - middle) / std[channel]!)
  );
}
