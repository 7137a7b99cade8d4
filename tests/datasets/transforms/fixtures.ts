import { crc32 } from "node:zlib";
import type { Draw } from "../../../datasets/transforms/draw.ts";
import { planar, planesOf, type Raster } from "../../../datasets/transforms/raster.ts";

/** Draws that are the given numbers: uniform ones as they are, integers too. */
export function drawn(...numbers: readonly number[]): Draw {
  const at = (number: number): number => numbers[number]!;
  return { uniform: at, integer: at };
}

/** One grey image of the given rows. */
export function grey(...rows: readonly (readonly number[])[]): Raster {
  return planar(Uint8Array.from(rows.flat()), 0, [1, rows.length, rows[0]!.length]);
}

/** Rows of the first channel. */
export function rowsOf(raster: Raster): readonly (readonly number[])[] {
  const [samples, width] = [[...planesOf(raster)], raster.columns.length];
  return raster.rows.map((_, y) => samples.slice(y * width, (y + 1) * width));
}

/** Height and width of {@linkcode painted}. */
export const extent = [7, 10] as const;

/** Planes of an image of 7×10 whose sample c, y, x is (97 c + 31 y + 57 x + 13 x y) mod 256. */
export function painted(): Uint8Array<ArrayBuffer> {
  const [height, width] = extent;
  return Uint8Array.from({ length: 3 * height * width }, (_, i) => {
    const [c, y, x] = [Math.floor(i / height / width), Math.floor(i / width) % height, i % width];
    return (97 * c + 31 * y + 57 * x + 13 * x * y) % 256;
  });
}

/** CRC-32 of planes: that of Pillow 9.4 on the same image stands in the tests. */
export function sumOf(planes: Uint8Array): number {
  return crc32(planes);
}
