import { assertAlmostEquals, assertEquals } from "@std/assert";
import { digits } from "../../datasets/digits.ts";
import { statistics } from "../../datasets/statistics.ts";

Deno.test("digits() holds out every fifth image", async () => {
  const { train, test } = await digits().open();
  assertEquals([train.length, test.length], [1438, 359]);
  // Labels of the file's first ten lines: 0 1 2 3 4 5 6 7 8 9.
  assertEquals([...train.labels.subarray(0, 8)], [0, 1, 2, 3, 5, 6, 7, 8]);
  assertEquals([...test.labels.subarray(0, 2)], [4, 9]);
});

Deno.test("digits() scales 0…16 to 0…255", async () => {
  const { train } = await digits().open();
  // First line of the file: 0,0,5,13,9,1,0,0.
  assertEquals([...train.pixels.subarray(0, 8)], [0, 0, 80, 207, 143, 16, 0, 0]);
  assertEquals(train.pixels.reduce((most, pixel) => Math.max(most, pixel), 0), 255);
});

Deno.test("digits() has the class counts of the published file", async () => {
  const { train, test } = await digits().open();
  const counts = new Array(10).fill(0);
  for (const label of [...train.labels, ...test.labels]) counts[label]++;
  // Source: UCI, optdigits.names, "Class distribution", testing.
  assertEquals(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
});

Deno.test("digits() normalises by its own training images and never mirrors them", async () => {
  const open = await digits().open();
  const { mean, std } = statistics(open.train, open.shape);
  // The constants are rounded to four decimals.
  assertAlmostEquals(open.normalization.mean[0]!, mean[0]!, 5e-5);
  assertAlmostEquals(open.normalization.std[0]!, std[0]!, 5e-5);
  assertEquals(open.augment, [{ kind: "crop", pad: 1, mode: "zero" }]);
});

Deno.test("digits() tells its classes and shape before it is opened", () => {
  const classes: 10 | undefined = digits().classes;
  assertEquals(classes, 10);
  assertEquals(digits().shape, [1, 8, 8]);
});
