/** A part of a result that shows the mean colour: rows from `top` up to `bottom`, columns from `left` up to `right`. */
export interface Hole {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/**
 * An image as it lies in memory. Sample c, y, x is `samples[planes[c] + rows[y] + columns[x]]`, or black where its row
 * or column is negative; so cropping, padding and mirroring move no sample.
 */
export interface Raster {
  /** Samples 0…255 in any order. */
  readonly samples: Uint8Array;
  /** Where each channel starts. */
  readonly planes: readonly number[];
  /** Where each row starts in a channel; −1 is black. */
  readonly rows: readonly number[];
  /** Where each column lies in a row; −1 is black. */
  readonly columns: readonly number[];
  /** Parts that show the mean colour whatever lies there. */
  readonly holes?: readonly Hole[];
}

/** Planes C, H, W that start at `at`. */
export function planar(
  samples: Uint8Array,
  at: number,
  [channels, height, width]: readonly [channels: number, height: number, width: number],
): Raster {
  return {
    samples,
    planes: Array.from({ length: channels }, (_, channel) => at + channel * height * width),
    rows: steps(height, width),
    columns: steps(width, 1),
  };
}

/** Interleaved samples, `stride` a pixel; a grey image shows its one sample in every channel. */
export function interleaved(
  samples: Uint8Array,
  [channels, height, width]: readonly [channels: number, height: number, width: number],
  stride: number,
  grey: boolean,
): Raster {
  return {
    samples,
    planes: Array.from({ length: channels }, (_, channel) => grey ? 0 : channel),
    rows: steps(height, width * stride),
    columns: steps(width, stride),
  };
}

/** Samples of a raster as planes C, H, W; holes are not drawn. */
export function planesOf({ samples, planes, rows, columns }: Raster): Uint8Array<ArrayBuffer> {
  const [height, width] = [rows.length, columns.length];
  const out = new Uint8Array(planes.length * height * width);
  let to = 0;
  for (const plane of planes) {
    for (let y = 0; y < height; y++) {
      const row = rows[y]!;
      if (row < 0) {
        to += width;
        continue;
      }
      for (let x = 0; x < width; x++, to++) {
        const column = columns[x]!;
        if (column >= 0) out[to] = samples[plane + row + column]!;
      }
    }
  }
  return out;
}

/** A raster over new planes of the same channels. */
export function replaced({ planes }: Raster, samples: Uint8Array, height: number, width: number): Raster {
  return planar(samples, 0, [planes.length, height, width]);
}

/** 0, `step`, 2 · `step`, … */
export function steps(length: number, step: number): readonly number[] {
  // Short typed arrays take longer to make than to fill.
  const map: number[] = [];
  for (let i = 0; i < length; i++) map.push(i * step);
  return map;
}
