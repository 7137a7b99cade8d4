import { assertEquals } from "@std/assert";
import { affine, rotation, shift, slantColumns, slantRows } from "../../../datasets/transforms/affine.ts";
import { autoContrast, equalize, posterize, solarize } from "../../../datasets/transforms/levels.ts";
import { operate, randAugment } from "../../../datasets/transforms/rand_augment.ts";
import { drawn, extent, painted, sumOf } from "./fixtures.ts";

const [height, width] = extent;
const image = () => ({ samples: painted(), channels: 3, height, width });
const small = { samples: Uint8Array.of(1, 2, 3, 4, 5, 6), channels: 1, height: 2, width: 3 };

function inPlace(change: (planes: Uint8Array) => void): Uint8Array {
  const planes = painted();
  change(planes);
  return planes;
}

Deno.test("affine() moves by whole pixels, black comes in", () => {
  assertEquals([...affine(small, shift(1, 0))], [0, 1, 2, 0, 4, 5]);
  assertEquals([...affine(small, shift(0, -1))], [4, 5, 6, 0, 0, 0]);
});

Deno.test("affine() slants: row y is read y · by further right", () => {
  // Middles of pixels: row 0 is read 0.5 further on, row 1 by 1.5.
  assertEquals([...affine(small, slantRows(1))], [2, 3, 0, 6, 0, 0]);
});

Deno.test("affine() turns a square counter-clockwise", () => {
  const square = { samples: Uint8Array.of(1, 2, 3, 4), channels: 1, height: 2, width: 2 };
  assertEquals([...affine(square, rotation(90, square))], [2, 4, 1, 3]);
});

/** CRC-32 after `Image.transform`, `Image.rotate` and `ImageOps` of Pillow 9.4. */
const PILLOW: Readonly<Record<string, readonly [result: () => Uint8Array, sum: number]>> = {
  "slantRows() by 0.25": [() => affine(image(), slantRows(0.25)), 326057190],
  "slantColumns() by −0.1": [() => affine(image(), slantColumns(-0.1)), 1663955692],
  "shift() by 3": [() => affine(image(), shift(3, 0)), 220912127],
  "rotation() by 20": [() => affine(image(), rotation(20, image())), 514961681],
  "rotation() by −9": [() => affine(image(), rotation(-9, image())), 2722606318],
  "posterize() to 3 bits": [() => inPlace((planes) => posterize(planes, 3)), 1993047529],
  "solarize() from 100.5": [() => inPlace((planes) => solarize(planes, 100.5)), 3919525176],
  "autoContrast()": [() => inPlace((planes) => autoContrast(planes, 3)), 3205643400],
  "equalize()": [() => inPlace((planes) => equalize(planes, 3)), 359493985],
};

for (const [name, [result, sum]] of Object.entries(PILLOW)) {
  Deno.test(`${name} gives Pillow's bits`, () => assertEquals(sumOf(result()), sum));
}

Deno.test("posterize(), solarize(), autoContrast() and equalize() by hand", () => {
  const planes = (change: (planes: Uint8Array) => void, ...values: readonly number[]) => {
    const samples = Uint8Array.from(values);
    change(samples);
    return [...samples];
  };
  assertEquals(planes((p) => posterize(p, 2), 63, 64, 200, 255), [0, 64, 192, 192]);
  assertEquals(planes((p) => solarize(p, 128), 127, 128, 255), [127, 127, 0]);
  assertEquals(planes((p) => autoContrast(p, 1), 100, 110, 120), [0, 127, 255]);
  assertEquals(planes((p) => autoContrast(p, 1), 9, 9), [9, 9]);
  assertEquals(planes((p) => equalize(p, 1), 1, 2, 3), [1, 2, 3]); // fewer samples than levels
});

Deno.test("randAugment() draws operations and their directions", () => {
  // Operation 3 moves along x; step 1 of 2 is the whole 150/331 · 3 = 1.36 pixels, cut to 1.
  assertEquals([...randAugment(small, 1, 1, 2, drawn(3, 0)).samples], [0, 1, 2, 0, 4, 5]);
  assertEquals([...randAugment(small, 1, 1, 2, drawn(3, 1)).samples], [2, 3, 0, 5, 6, 0]);
  assertEquals([...randAugment(small, 2, 1, 2, drawn(3, 0, 3, 0)).samples], [0, 0, 1, 0, 0, 4]);
  assertEquals([...randAugment(small, 2, 1, 2, drawn(0, 0, 11, 0)).samples], [254, 253, 252, 251, 250, 249]);
});

Deno.test("operate() takes torchvision's strengths at step 9 of 31", () => {
  const one = (number: number, ...values: readonly number[]) => {
    const samples = Uint8Array.from(values);
    return [...operate({ samples, channels: 1, height: 1, width: values.length }, number, 9, 31, false).samples];
  };
  assertEquals(one(6, 100), [127]); // brightness by 1 + 0.27
  assertEquals(one(10, 255, 100), [254, 100]); // 8 − round(9 / 7.5) = 7 bits
});
