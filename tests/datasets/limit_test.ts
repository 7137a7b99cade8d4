import { assertEquals, assertThrows } from "@std/assert";
import { digits } from "../../datasets/digits.ts";
import { balanced, withLimit } from "../../datasets/limit.ts";
import { OptionError } from "../../dsl/errors.ts";

Deno.test("withLimit() keeps equally many of each class, the first of each in file order", async () => {
  const [whole, part] = [await digits().open(), await withLimit(digits(), 50).open()];
  const counts = new Array(10).fill(0);
  for (const label of part.train.labels) counts[label]++;
  assertEquals(counts, new Array(10).fill(5));
  const kept = balanced(whole.train.labels, 50);
  kept.forEach((image, i) => {
    assertEquals(part.train.labels[i], whole.train.labels[image]);
    assertEquals(part.train.pixels.slice(i * 64, i * 64 + 64), whole.train.pixels.slice(image * 64, image * 64 + 64));
  });
});

Deno.test("withLimit() keeps the test split whole unless told a limit for it", async () => {
  assertEquals((await withLimit(digits(), 20).open()).test.length, 359);
  const { train, test } = await withLimit(digits(), 20, { testLimit: 30 }).open();
  assertEquals([train.length, test.length], [20, 30]);
});

Deno.test("withLimit() is part of what identifies the data, and keeps the type", () => {
  const dataset = withLimit(digits(), 20, { testLimit: 30 });
  const classes: 10 | undefined = dataset.classes;
  assertEquals([dataset.kind, classes], ["digits", 10]);
  assertEquals(dataset.options, { limit: 20, testLimit: 30 });
});

Deno.test("withLimit() leaves a smaller set as it is, and the smaller of two limits counts", async () => {
  assertEquals((await withLimit(digits(), 99999).open()).train.length, 1438);
  const once = await withLimit(digits(), 30).open();
  assertEquals((await withLimit(withLimit(digits(), 100), 30).open()).train, once.train);
  assertEquals((await withLimit(withLimit(digits(), 30), 100).open()).train, once.train);
});

Deno.test("withLimit() gives batches of what it keeps", async () => {
  const open = await withLimit(digits(), 20).open();
  let count = 0;
  for await (const batch of open.batches({ split: "train", batch: 8, seed: 7, epoch: 1 })) count += batch.count;
  assertEquals(count, 20);
});

Deno.test("withLimit() refuses what is no number of images", () => {
  for (const value of [0, -1, 1.5, NaN]) {
    const error = assertThrows(() => withLimit(digits(), value), OptionError);
    assertEquals(
      (error as Error).message,
      `Cannot limit a dataset: limit must be a positive integer, got ${value}. Give a number of images.`,
    );
  }
  const error = assertThrows(() => withLimit(digits(), 1, { testLimit: 0 }), OptionError);
  assertEquals(
    (error as Error).message,
    "Cannot limit a dataset: testLimit must be a positive integer, got 0. Give a number of images.",
  );
});

Deno.test("balanced() takes turns over unequal classes", () => {
  assertEquals([...balanced([0, 0, 0, 1, 1, 2], 4)], [0, 1, 3, 5]);
  assertEquals([...balanced([0, 0, 0, 1, 1, 2], 5)], [0, 1, 3, 4, 5]);
  assertEquals([...balanced([2, 1, 0], 1)], [2]);
});
