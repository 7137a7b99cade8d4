import { DatasetError } from "../../dsl/errors.ts";
import { between, type Draw, halfEven } from "./draw.ts";
import type { Hole, Raster } from "./raster.ts";

/** Height and width. */
export type Extent = readonly [height: number, width: number];

/** Height and width of a size: one number is a square. */
export function extentOf(size: number | Extent): Extent {
  return typeof size === "number" ? [size, size] : size;
}

/**
 * A window of `size` at an even random place of the image padded on all sides.
 *
 * Source: torchvision `RandomCrop` with `padding` and `padding_mode`; He et al. 2016, section 4.2, for pad 4 of 32×32.
 *
 * @throws {DatasetError} If the image is too small; sizes of files are known only when they are read.
 */
export function crop(raster: Raster, pad: number, reflect: boolean, [height, width]: Extent, draw: Draw): Raster {
  const { rows, columns } = raster;
  requireRoom([rows.length, columns.length], pad, reflect, [height, width]);
  return {
    ...raster,
    rows: moved(rows, draw.integer(0, rows.length + 2 * pad - height + 1) - pad, height, reflect),
    columns: moved(columns, draw.integer(1, columns.length + 2 * pad - width + 1) - pad, width, reflect),
  };
}

/** Left for right. */
export function mirrored(raster: Raster): Raster {
  return { ...raster, columns: raster.columns.toReversed() };
}

/**
 * The middle of an image, with black around it where it is too small.
 *
 * Source: torchvision `CenterCrop`, whose first row is `round((H − h) / 2)`, halves to even.
 */
export function centerCrop(raster: Raster, [height, width]: Extent): Raster {
  return {
    ...raster,
    rows: moved(raster.rows, centre(raster.rows.length, height), height, false),
    columns: moved(raster.columns, centre(raster.columns.length, width), width, false),
  };
}

/**
 * A random part of an image: an area of a share in `scale` with a ratio of width to height in `ratio`, both even (the
 * ratio in its logarithm). After ten that do not fit, the largest middle part within `ratio`.
 *
 * Source: torchvision `RandomResizedCrop.get_params`; Szegedy et al. 2015, section 6.
 */
export function randomPart(
  raster: Raster,
  scale: readonly [least: number, most: number],
  ratio: readonly [least: number, most: number],
  draw: Draw,
): Raster {
  const [height, width] = [raster.rows.length, raster.columns.length];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * between(draw, 4 * attempt, scale[0], scale[1]);
    const shape = Math.exp(between(draw, 4 * attempt + 1, Math.log(ratio[0]), Math.log(ratio[1])));
    const [h, w] = [halfEven(Math.sqrt(area / shape)), halfEven(Math.sqrt(area * shape))];
    if (h <= 0 || h > height || w <= 0 || w > width) continue;
    const top = draw.integer(4 * attempt + 2, height - h + 1);
    return part(raster, top, draw.integer(4 * attempt + 3, width - w + 1), [h, w]);
  }
  let [h, w] = [height, width];
  if (width / height < ratio[0]) h = halfEven(w / ratio[0]);
  else if (width / height > ratio[1]) w = halfEven(h * ratio[1]);
  return part(raster, Math.floor((height - h) / 2), Math.floor((width - w) / 2), [h, w]);
}

/** Rows from `top` and columns from `left`, all inside. */
export function part(raster: Raster, top: number, left: number, [height, width]: Extent): Raster {
  return {
    ...raster,
    rows: raster.rows.slice(top, top + height),
    columns: raster.columns.slice(left, left + width),
  };
}

/**
 * Squares of `size` at even random centres, cut at the edges, that show the mean colour (0 after normalisation).
 *
 * Source: DeVries and Taylor 2017, section 3.2, and their `Cutout`: from c − ⌊size / 2⌋ up to c + ⌊size / 2⌋.
 */
export function cutout(raster: Raster, size: number, count: number, draw: Draw): Raster {
  const [height, width] = [raster.rows.length, raster.columns.length];
  const half = Math.floor(size / 2);
  const holes: Hole[] = [...raster.holes ?? []];
  for (let hole = 0; hole < count; hole++) {
    const [y, x] = [draw.integer(2 * hole, height), draw.integer(2 * hole + 1, width)];
    holes.push({
      top: Math.max(0, y - half),
      left: Math.max(0, x - half),
      bottom: Math.min(height, y + half),
      right: Math.min(width, x + half),
    });
  }
  return { ...raster, holes };
}

function requireRoom([h, w]: Extent, pad: number, reflect: boolean, [height, width]: Extent): void {
  if (height > h + 2 * pad || width > w + 2 * pad) {
    throw new DatasetError(
      `Cannot crop an image to ${height}×${width}: it must fit after a pad of ${pad}, got ${h}×${w}. Resize it first.`,
    );
  }
  if (!reflect || pad < Math.min(h, w)) return;
  throw new DatasetError(
    `Cannot pad an image by reflection: the pad must be smaller than the image, got ${pad} for ${h}×${w}. ` +
      "Resize it first.",
  );
}

function centre(length: number, wanted: number): number {
  return wanted > length ? -Math.floor((wanted - length) / 2) : halfEven((length - wanted) / 2);
}

/** `length` entries of a map from `by` on, beside it black or its mirror without the edge again. */
function moved(map: readonly number[], by: number, length: number, reflect: boolean): readonly number[] {
  const last = map.length - 1;
  const out: number[] = [];
  for (let i = 0; i < length; i++) {
    const from = i + by;
    if (from >= 0 && from <= last) out.push(map[from]!);
    else out.push(reflect ? map[from < 0 ? -from : 2 * last - from]! : -1);
  }
  return out;
}
