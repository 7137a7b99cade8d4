import type { Extent } from "./frame.ts";
import { planesOf, type Raster, replaced } from "./raster.ts";

/**
 * Height and width of an image resized so that its shorter edge is `edge`; the longer one is cut to an integer.
 *
 * Source: torchvision `Resize` with one number.
 */
export function fitted([height, width]: Extent, edge: number): Extent {
  return height <= width ? [edge, Math.trunc(edge * width / height)] : [Math.trunc(edge * height / width), edge];
}

/**
 * An image of another size, bilinear and antialiased: where it shrinks, the triangle is as wide as the step, so that
 * every sample counts. Rows first, then columns, each rounded to bytes: the bits of Pillow.
 *
 * Source: Pillow, `Resample.c` (`ImagingResample`, 8 bits a channel, `BILINEAR`), which torchvision's `Resize` and
 * `RandomResizedCrop` call on images.
 */
export function resize(raster: Raster, [height, width]: Extent): Raster {
  const [inHeight, inWidth] = [raster.rows.length, raster.columns.length];
  if (inHeight === height && inWidth === width) return raster;
  const narrow = inWidth === width ? planesOf(raster) : acrossRows(raster, width);
  const short = inHeight === height ? narrow : acrossColumns(narrow, raster.planes.length, inHeight, width, height);
  return replaced(raster, short, height, width);
}

// Pillow's: 8 bits are for the result, 2 for what goes beyond it.
const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/** For each sample of a result: the first sample it reads, and `size` weights in units of 2^−22, zeros after the last. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly values: Int32Array;
  readonly size: number;
}

function weightsOf(from: number, to: number): Weights {
  const scale = from / to;
  const wide = Math.max(1, scale);
  const size = Math.ceil(wide) * 2 + 1;
  const weights = { first: new Int32Array(to), count: new Int32Array(to), values: new Int32Array(to * size), size };
  const raw = new Float64Array(size);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - wide + 0.5));
    const count = Math.min(from, Math.trunc(centre + wide + 0.5)) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      raw[k] = Math.max(0, 1 - Math.abs((k + first - centre + 0.5) / wide));
      sum += raw[k]!;
    }
    for (let k = 0; k < count; k++) weights.values[i * size + k] = Math.trunc(0.5 + raw[k]! / sum * 2 ** PRECISION);
    weights.first[i] = first;
    weights.count[i] = count;
  }
  return weights;
}

function acrossRows({ samples, planes, rows, columns }: Raster, width: number): Uint8Array<ArrayBuffer> {
  const { first, count, values, size } = weightsOf(columns.length, width);
  const out = new Uint8Array(planes.length * rows.length * width);
  const line = new Int32Array(columns.length);
  let to = 0;
  for (const plane of planes) {
    for (let y = 0; y < rows.length; y++) {
      const row = rows[y]!;
      for (let x = 0; x < line.length; x++) {
        const column = columns[x]!;
        line[x] = row < 0 || column < 0 ? 0 : samples[plane + row + column]!;
      }
      for (let x = 0; x < width; x++, to++) {
        let sum = HALF;
        let at = x * size;
        const from = first[x]!;
        for (let i = from; i < from + count[x]!; i++) sum += Math.imul(line[i]!, values[at++]!);
        out[to] = sum >> PRECISION;
      }
    }
  }
  return out;
}

function acrossColumns(
  samples: Uint8Array,
  channels: number,
  inHeight: number,
  width: number,
  height: number,
): Uint8Array<ArrayBuffer> {
  const { first, count, values, size } = weightsOf(inHeight, height);
  const out = new Uint8Array(channels * height * width);
  for (let channel = 0, to = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const from = (channel * inHeight + first[y]!) * width;
      const weights = values.subarray(y * size, y * size + count[y]!);
      const end = to + width;
      for (let start = from; to < end; to++, start++) {
        let sum = HALF;
        for (let k = 0, at = start; k < weights.length; k++, at += width) sum += Math.imul(samples[at]!, weights[k]!);
        out[to] = sum >> PRECISION;
      }
    }
  }
  return out;
}
