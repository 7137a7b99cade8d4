import { assertEquals } from "@std/assert";
import { brightness, colorJitter, contrast, hue, saturation, sharpness } from "../../../datasets/transforms/color.ts";
import { stream } from "../../../dsl/random.ts";
import { drawsOf } from "../../../datasets/transforms/draw.ts";
import { drawn, extent, painted, sumOf } from "./fixtures.ts";

function after(planes: readonly number[], change: (planes: Uint8Array) => void): number[] {
  const samples = Uint8Array.from(planes);
  change(samples);
  return [...samples];
}

Deno.test("brightness() multiplies, cuts to a byte and rounds down", () => {
  assertEquals(after([0, 101, 200], (planes) => brightness(planes, 1.5)), [0, 151, 255]); // 151.5, 300
  assertEquals(after([0, 101, 200], (planes) => brightness(planes, 0)), [0, 0, 0]);
});

Deno.test("contrast() keeps the mean brightness", () => {
  // Mean 101: 101 + 2 · (100 − 101) and 101 + 2 · (102 − 101).
  assertEquals(after([100, 102], (planes) => contrast(planes, 1, 2)), [99, 103]);
  assertEquals(after([100, 103], (planes) => contrast(planes, 1, 0)), [102, 102]); // 101.5 is rounded up
});

Deno.test("saturation() keeps the brightness of each pixel", () => {
  // Luma of (255, 0, 0) is 76.245, rounded to 76; half of the way to it.
  assertEquals(after([255, 0, 0], (planes) => saturation(planes, 3, 0.5)), [165, 38, 38]);
  assertEquals(after([9, 8], (planes) => saturation(planes, 1, 0.5)), [9, 8]);
});

Deno.test("sharpness() goes from the smoothed image over the image itself", () => {
  const peak = [0, 0, 0, 0, 130, 0, 0, 0, 0];
  assertEquals(after(peak, (planes) => sharpness(planes, [3, 3], 0))[4], 50); // 130 · 5 / 13
  assertEquals(after(peak, (planes) => sharpness(planes, [3, 3], 1.5))[4], 170); // 50 + 1.5 · 80
  assertEquals(after(peak, (planes) => sharpness(planes, [3, 3], 1)), peak);
});

Deno.test("hue() turns the colour circle: a third takes red to green, grey stays", () => {
  assertEquals(after([255, 7, 0, 7, 0, 7], (planes) => hue(planes, 3, 1 / 3)), [0, 7, 255, 7, 0, 7]);
  // 256 − 85 is one more than two thirds of 255: Pillow's circle has 256 places of 1/255.
  assertEquals(after([255, 0, 0], (planes) => hue(planes, 3, -1 / 3)), [6, 0, 255]);
});

/** CRC-32 after `ImageEnhance` and the HSV mode of Pillow 9.4. */
const PILLOW: Readonly<Record<string, readonly [change: (planes: Uint8Array) => void, sum: number]>> = {
  "brightness() by 0.3": [(planes) => brightness(planes, 0.3), 2438005816],
  "brightness() by 1.7": [(planes) => brightness(planes, 1.7), 3932065032],
  "contrast() by 0.3": [(planes) => contrast(planes, 3, 0.3), 1772691188],
  "contrast() by 1.7": [(planes) => contrast(planes, 3, 1.7), 1544303461],
  "saturation() by 0.3": [(planes) => saturation(planes, 3, 0.3), 3023581747],
  "saturation() by 1.7": [(planes) => saturation(planes, 3, 1.7), 2275183032],
  "sharpness() by 0.3": [(planes) => sharpness(planes, extent, 0.3), 2732711391],
  "sharpness() by 1.7": [(planes) => sharpness(planes, extent, 1.7), 3108979150],
  "hue() by −0.4": [(planes) => hue(planes, 3, -0.4), 2977144234],
  "hue() by 0.1": [(planes) => hue(planes, 3, 0.1), 1961773400],
};

for (const [name, [change, sum]] of Object.entries(PILLOW)) {
  Deno.test(`${name} gives Pillow's bits`, () => {
    const planes = painted();
    change(planes);
    assertEquals(sumOf(planes), sum);
  });
}

Deno.test("colorJitter() draws a factor for each property and an order of all four", () => {
  // Factor 0.5 + 0.75 = 1.25 of brightness first, then saturation by 0.75 + 0.5 · 0.25 …: only what is not 0 changes.
  const jitter = { brightness: 0.5, contrast: 0, saturation: 0, hue: 0 };
  assertEquals(after([100, 200], (planes) => colorJitter(planes, 1, jitter, drawn(0.75, 0, 0, 0, 0, 0, 0, 0, 0))), [
    125,
    250,
  ]);
});

Deno.test("colorJitter() applies the properties in every order", () => {
  const jitter = { brightness: 0.4, contrast: 0.4, saturation: 0, hue: 0 };
  const seen = new Set<string>();
  // With the same factors the two orders of brightness and contrast differ.
  for (let image = 0; image < 64; image++) {
    const draw = drawsOf(stream(7), 0, image);
    const planes = Uint8Array.of(10, 250, 90);
    colorJitter(planes, 1, jitter, { uniform: (number) => [1, 0.25][number]!, integer: draw.integer });
    seen.add(planes.join());
  }
  assertEquals(seen.size, 2);
});
