import { assertEquals } from "@std/assert";
import { planar, planesOf } from "../../../datasets/transforms/raster.ts";
import { fitted, resize } from "../../../datasets/transforms/resize.ts";
import { extent, grey, painted, rowsOf, sumOf } from "./fixtures.ts";

Deno.test("resize() lets every sample count where the image shrinks", () => {
  // Triangles of half-width 2 about 1 and 3: weights 3 3 1 of 0 100 200, and 1 3 3 of 100 200 60.
  assertEquals(rowsOf(resize(grey([0, 100, 200, 60]), [1, 2])), [[71, 126]]); // 500/7, 880/7
  assertEquals(rowsOf(resize(grey([0], [100], [200], [60]), [2, 1])), [[71], [126]]);
});

Deno.test("resize() interpolates where the image grows, and repeats the edge", () => {
  assertEquals(rowsOf(resize(grey([0, 100]), [1, 4])), [[0, 25, 75, 100]]);
  assertEquals(rowsOf(resize(grey([0, 100]), [2, 2])), [[0, 100], [0, 100]]);
});

/** CRC-32 of `Image.resize((w, h), BILINEAR)` in Pillow 9.4. */
const PILLOW: readonly (readonly [height: number, width: number, sum: number])[] = [
  [3, 4, 2885772353],
  [7, 4, 4041094134],
  [14, 20, 1104741397],
  [5, 31, 1705005553],
];

for (const [height, width, sum] of PILLOW) {
  Deno.test(`resize() to ${height}×${width} gives Pillow's bits`, () => {
    assertEquals(sumOf(planesOf(resize(planar(painted(), 0, [3, ...extent]), [height, width]))), sum);
  });
}

Deno.test("resize() to the same size changes nothing", () => {
  const image = grey([1, 2], [3, 4]);
  assertEquals(resize(image, [2, 2]), image);
});

Deno.test("fitted() sets the shorter edge and cuts the longer", () => {
  assertEquals([fitted([375, 500], 256), fitted([500, 333], 256), fitted([8, 8], 4)], [[256, 341], [384, 256], [4, 4]]);
});
