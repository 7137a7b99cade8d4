import { assertEquals, assertThrows } from "@std/assert";
import { halfEven } from "../../../datasets/transforms/draw.ts";
import { centerCrop, crop, cutout, mirrored, randomPart } from "../../../datasets/transforms/frame.ts";
import { interleaved, planesOf } from "../../../datasets/transforms/raster.ts";
import { DatasetError } from "../../../dsl/errors.ts";
import { drawn, grey, rowsOf } from "./fixtures.ts";

const nine = grey([1, 2, 3], [4, 5, 6], [7, 8, 9]);

Deno.test("crop() takes a window of another size from the padded image", () => {
  // Draws count from the top left corner of the padded image.
  assertEquals(rowsOf(crop(nine, 1, false, [2, 2], drawn(0, 1))), [[0, 0], [1, 2]]);
  assertEquals(rowsOf(crop(nine, 1, false, [2, 2], drawn(3, 3))), [[9, 0], [0, 0]]);
  assertEquals(rowsOf(crop(nine, 2, true, [3, 2], drawn(0, 4))), [[9, 8], [6, 5], [3, 2]]);
  assertEquals(rowsOf(crop(nine, 0, false, [3, 1], drawn(0, 2))), [[3], [6], [9]]);
});

Deno.test("crop() draws among all places of the window and no other", () => {
  const bounds: number[] = [];
  crop(nine, 2, false, [4, 1], {
    uniform: () => 0,
    integer: (_, bound) => {
      bounds.push(bound);
      return 0;
    },
  });
  assertEquals(bounds, [4, 7]); // 3 + 2·2 − 4 + 1 and 3 + 2·2 − 1 + 1
});

Deno.test("crop() refuses an image that is too small", () => {
  assertThrows(
    () => crop(nine, 1, false, [6, 2], drawn(0, 0)),
    DatasetError,
    "Cannot crop an image to 6×2: it must fit after a pad of 1, got 3×3. Resize it first.",
  );
  assertThrows(
    () => crop(nine, 3, true, [3, 3], drawn(0, 0)),
    DatasetError,
    "Cannot pad an image by reflection: the pad must be smaller than the image, got 3 for 3×3. Resize it first.",
  );
});

Deno.test("centerCrop() takes the middle, halves to even, and puts black around a small image", () => {
  assertEquals(rowsOf(centerCrop(nine, [1, 1])), [[5]]);
  // (3 − 2) / 2 = 0.5 becomes 0, (4 − 1) / 2 = 1.5 becomes 2.
  assertEquals(rowsOf(centerCrop(nine, [2, 2])), [[1, 2], [4, 5]]);
  assertEquals(rowsOf(centerCrop(grey([1, 2, 3, 4]), [1, 1])), [[3]]);
  assertEquals(rowsOf(centerCrop(grey([1, 2]), [2, 5])), [[0, 1, 2, 0, 0], [0, 0, 0, 0, 0]]);
});

Deno.test("mirrored() and crop() read interleaved samples, and grey ones in every channel", () => {
  const rgba = interleaved(Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 255), [3, 1, 2], 4, false);
  assertEquals([...planesOf(mirrored(rgba))], [4, 1, 5, 2, 6, 3]);
  const single = interleaved(Uint8Array.of(7, 0, 8, 0), [3, 1, 2], 2, true);
  assertEquals([...planesOf(mirrored(single))], [8, 7, 8, 7, 8, 7]);
});

Deno.test("randomPart() takes the drawn area and ratio", () => {
  const wide = grey(...Array.from({ length: 4 }, (_, y) => Array.from({ length: 8 }, (_, x) => 10 * y + x)));
  // Area 32 · 0.25 = 8, ratio exp(ln 2) = 2: 2×4 pixels, from row 1 and column 3.
  const found = randomPart(wide, [0, 0.5], [1, 4], drawn(0.5, 0.5, 1, 3));
  assertEquals(rowsOf(found), [[13, 14, 15, 16], [23, 24, 25, 26]]);
});

Deno.test("randomPart() takes the largest middle part after ten that do not fit", () => {
  const wide = grey(...Array.from({ length: 2 }, () => Array.from({ length: 8 }, (_, x) => x)));
  // Area 16 at ratio 1 is 4×4, too high for two rows, ten times.
  const numbers = Array.from({ length: 40 }, (_, i) => [1, 0][i % 4] ?? 0);
  assertEquals(rowsOf(randomPart(wide, [1, 1], [1, 2], drawn(...numbers))), [[2, 3, 4, 5], [2, 3, 4, 5]]);
  const high = grey([0], [1], [2], [3], [4], [5]);
  assertEquals(rowsOf(randomPart(high, [1, 1], [0.5, 1], drawn(...numbers.map((n) => 1 - n)))), [[2], [3]]);
});

Deno.test("cutout() cuts squares from c − half up to c + half, and those at the edges", () => {
  assertEquals(cutout(nine, 2, 2, drawn(1, 1, 0, 2)).holes, [
    { top: 0, left: 0, bottom: 2, right: 2 },
    { top: 0, left: 1, bottom: 1, right: 3 },
  ]);
  assertEquals(cutout(nine, 3, 1, drawn(2, 0)).holes, [{ top: 1, left: 0, bottom: 3, right: 1 }]);
});

Deno.test("halfEven() rounds halves to the even neighbour", () => {
  assertEquals([0.5, 1.5, 2.5, -0.5, 2.4, 2.6, -1.5].map(halfEven), [0, 2, 2, -0, 2, 3, -2]);
});
