import { assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { digits } from "../../datasets/digits.ts";
import { fromImages } from "../../datasets/from_images.ts";
import { withLimit } from "../../datasets/limit.ts";
import { stratified, withSplit } from "../../datasets/split.ts";
import { subset } from "../../datasets/subset.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { withSampling } from "../../datasets/with_sampling.ts";
import type { ImageSet } from "../../dsl/data.ts";
import { DatasetError, OptionError } from "../../dsl/errors.ts";
import { listed } from "./loading/fixtures.ts";
import { assertRefused } from "./fixtures.ts";

function perClass(labels: ArrayLike<number>, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  return counts;
}

const labels = Uint16Array.from([...Array(50).fill(0), ...Array(30).fill(1), ...Array(20).fill(2)]);

Deno.test("stratified() takes the same share of every class, by share and by number", () => {
  for (const size of [0.1, 10]) {
    const { part, rest } = stratified(labels, size, 7);
    assertEquals(perClass(part.map((image) => labels[image]!), 3), [5, 3, 2]);
    assertEquals([...part, ...rest].toSorted((a, b) => a - b), Array.from(labels, (_, i) => i));
    assertEquals([...part], [...part].toSorted((a, b) => a - b));
  }
});

Deno.test("stratified() rounds by largest remainder", () => {
  // 4 of 100: 2, 1.2 and 0.8 images.
  const { part } = stratified(labels, 4, 7);
  assertEquals(perClass(part.map((image) => labels[image]!), 3), [2, 1, 1]);
});

Deno.test("stratified() depends on its seed only", () => {
  assertEquals(stratified(labels, 0.3, 1), stratified(labels, 0.3, 1));
  assertNotEquals(stratified(labels, 0.3, 1), stratified(labels, 0.3, 2));
});

Deno.test("withSplit() takes validation and test images from training, none twice", async () => {
  const whole = await digits().open();
  const open = await withSplit(digits(), { validation: 100, test: 0.2 }).open();
  const sets = [open.train, open.validation!, open.test];
  assertEquals(sets.map(({ length }) => length), [1438 - 100 - 288, 100, 288]);
  const rows = (set: ImageSet) =>
    Array.from(set.labels, (label, i) => `${label}:${set.pixels.subarray(64 * i, 64 * i + 64)}`);
  assertEquals(sets.flatMap(rows).toSorted(), rows(whole.train).toSorted());
  const left = perClass(whole.train.labels, 10).map((count) => count * 100 / 1438);
  // The test part is gone by then, and with it up to one image more or less of a class.
  perClass(open.validation!.labels, 10).forEach((count, label) => assertAlmostEquals(count, left[label]!, 1.1));
});

Deno.test("withSplit() keeps the test split unless told otherwise, and its part does not hang on validation", async () => {
  const whole = await digits().open();
  assertEquals((await withSplit(digits(), { validation: 0.1 }).open()).test, whole.test);
  const [with_, without] = [{ validation: 50, test: 60 }, { test: 60 }].map((parts) =>
    withSplit(digits(), parts).open()
  );
  assertEquals((await with_!).test, (await without!).test);
});

Deno.test("withSplit() gives batches of the validation split, unshuffled and unchanged", async () => {
  const open = await withSplit(synthetic({ classes: 2, shape: [1, 4, 4], train: 40, test: 6 }), { validation: 8 })
    .open();
  const batches = await Array.fromAsync(open.batches({ split: "validation", batch: 5, seed: 7, epoch: 1 }));
  assertEquals(batches.flatMap(({ index }) => [...index]), [0, 1, 2, 3, 4, 5, 6, 7]);
  const { batches: read } = await digits().open();
  assertThrows(
    () => read({ split: "validation", batch: 5, seed: 7, epoch: 1 }),
    DatasetError,
    'Cannot read batches of digits: it has no validation split, got "validation". Make one with withSplit().',
  );
});

Deno.test("withSplit() is part of what identifies the data, and says the same limited before or after", async () => {
  const split = withSplit(digits(), { validation: 0.1, seed: 3 });
  assertEquals(split.options, { validation: 0.1, splitSeed: 3 });
  const limited = await withLimit(split, 50).open();
  assertEquals([limited.train.length, limited.validation!.length], [50, 144]);
  assertThrows(
    () => withSplit(withLimit(digits(), 50), { validation: 0.1 }),
    OptionError,
    "Cannot split Digits (UCI): it is split once, before it is limited or sampled, got limit: 50. Say withSplit() first.",
  );
  assertThrows(() => withSplit(split, { test: 0.1 }), OptionError, "got validation: 0.1.");
  assertThrows(
    () => withSplit(withSampling(digits(), { kind: "balanced" }), { test: 0.1 }),
    OptionError,
    "got sampling",
  );
});

Deno.test("withSplit() refuses what is no part, and a part that takes a whole class", async () => {
  for (const size of [0, -1, 1.5, NaN]) {
    assertThrows(
      () => withSplit(digits(), { validation: size }),
      OptionError,
      `Cannot split a dataset: validation is a share below 1 or a number of images, got ${size}. Say 0.1 or 5000.`,
    );
  }
  const images = { pixels: new Uint8Array(4), labels: [0, 0, 0, 1] };
  const four = fromImages({ classes: 2, shape: [1, 1, 1], train: images, test: images });
  await assertRefused(
    () => withSplit(four, { validation: 3, seed: 1 }).open(),
    "Cannot split images: the validation part takes images and leaves every class one to train on, got 3 of 4, " +
      "with none left of class 1. Choose another size.",
  );
  await assertRefused(
    () => withSplit(four, { test: 0.1 }).open(),
    "Cannot split images: the test part takes images and leaves every class one to train on, got 0 of 4. " +
      "Choose another size.",
  );
});

Deno.test("subset() chooses files as it chooses pixels, under a version of its own", () => {
  const { train } = listed([{ path: "a" }, { path: "b" }, { path: "c" }]);
  const [some, others] = [[2, 0], [0, 2]].map((images) => subset(train, Uint32Array.from(images), [3, 6, 8]));
  assertEquals([some!.files!.source(0), some!.files!.source(1)], [{ path: "c" }, { path: "a" }]);
  assertEquals([...some!.labels], [2, 0]);
  assertNotEquals(some!.files!.version, others!.files!.version);
  assertNotEquals(some!.files!.version, train.files!.version);
});
