/**
 * Geometric changes by nearest samples; what comes in from outside is black.
 *
 * Source: Pillow, `Geometry.c` (`affine_fixed`, `ImagingScaleAffine`) and `Image.rotate`; torchvision `affine` and
 * `rotate` on images, which look up a point of the result in the image by the matrix.
 *
 * @module
 */

/** Row by row: where x and y of the result lie in the image, `[a b c; d e f] · (x, y, 1)`. */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Slants rows: x moves by `by` a row. */
export function slantRows(by: number): Matrix {
  return [1, Math.tan(Math.atan(by)), 0, 0, 1, 0];
}

/** Slants columns: y moves by `by` a column. */
export function slantColumns(by: number): Matrix {
  return [1, 0, 0, Math.tan(Math.atan(by)), 1, 0];
}

/** Moves the image by whole pixels. */
export function shift(right: number, down: number): Matrix {
  return [1, 0, -right, 0, 1, -down];
}

/** Turns the image counter-clockwise about its middle. */
export function rotation(degrees: number, { height, width }: { height: number; width: number }): Matrix {
  const angle = -((degrees % 360 + 360) % 360) * Math.PI / 180;
  const round = (value: number): number => Number(value.toFixed(15));
  const [cos, sin] = [round(Math.cos(angle)), round(Math.sin(angle))];
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y];
}

/** Planes C, H, W of the image seen through a matrix. */
export function affine(
  { samples, channels, height, width }: {
    readonly samples: Uint8Array;
    readonly channels: number;
    readonly height: number;
    readonly width: number;
  },
  matrix: Matrix,
): Uint8Array<ArrayBuffer> {
  const area = height * width;
  const out = new Uint8Array(samples.length);
  const [a, b, c, d, e, f] = fixed(matrix);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromX = Math.floor((c + a * x + b * y) / UNIT);
      const fromY = Math.floor((f + d * x + e * y) / UNIT);
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
      const [from, to] = [fromY * width + fromX, y * width + x];
      for (let channel = 0; channel < channels; channel++) out[channel * area + to] = samples[channel * area + from]!;
    }
  }
  return out;
}

const UNIT = 65536;

/** The matrix for pixel middles, in units of 1/65536. */
function fixed([a, b, c, d, e, f]: Matrix): Matrix {
  const unit = (value: number): number => Math.floor(value * UNIT + 0.5);
  return [unit(a), unit(b), unit(c + a * 0.5 + b * 0.5), unit(d), unit(e), unit(f + d * 0.5 + e * 0.5)];
}
