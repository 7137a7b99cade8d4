import { assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { fromImages } from "../../datasets/from_images.ts";
import { statistics } from "../../datasets/statistics.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import type { Transform } from "../../dsl/data.ts";
import { OptionError } from "../../dsl/errors.ts";
import { assertRefused } from "./fixtures.ts";

const two = { pixels: new Uint8Array([0, 0, 0, 0, 255, 255, 255, 255]), labels: [0, 1] };
const options = { classes: 2, shape: [1, 2, 2], train: two, test: two } as const;

Deno.test("fromImages() opens a user's arrays", async () => {
  const open = await fromImages({ ...options, name: "toy", classNames: ["black", "white"] }).open();
  assertEquals([open.classNames, open.source], [["black", "white"], "toy: arrays in memory"]);
  assertEquals(open.normalization, { mean: [0.5], std: [0.5] });
  const classes: 2 | undefined = fromImages(options).classes;
  assertEquals(classes, 2);
});

Deno.test("fromImages() refuses arrays that contradict each other", async () => {
  await assertRefused(
    () => fromImages({ ...options, test: { pixels: new Uint8Array(7), labels: [0, 1] } }).open(),
    "Cannot use images: 2 test images of 1×2×2 are 8 bytes, got 7. Give one byte a pixel and one label an image.",
  );
  await assertRefused(
    () => fromImages({ ...options, train: { ...two, labels: [0, 2] } }).open(),
    "Cannot use images: labels must be below the class count 2, got 2 at train image 1. Number the classes from 0.",
  );
  await assertRefused(
    () => fromImages({ ...options, test: { pixels: new Uint8Array(), labels: [] } }).open(),
    "Cannot use images: the test split must hold images, got none. Add images to it.",
  );
});

Deno.test("fromImages() refuses constants and changes that do not fit the images", async () => {
  await assertRefused(
    () => fromImages({ ...options, normalization: { mean: [0, 0, 0], std: [1] } }).open(),
    "Cannot normalise images: mean must hold 1 finite number, got [0, 0, 0]. Give one number a channel.",
  );
  await assertRefused(
    () => fromImages({ ...options, normalization: { mean: [0], std: [0] } }).open(),
    "Cannot normalise images: std must hold 1 finite positive number, got [0]. Give one number a channel.",
  );
  const crop: Transform = { kind: "crop", pad: 2, mode: "reflect" };
  await assertRefused(
    () => fromImages({ ...options, augment: [crop] }).open(),
    "Cannot augment images: a reflect crop of 2×2 images pads by an integer from 0 to 1, got 2. Use a smaller pad.",
  );
  await assertRefused(
    () => fromImages({ ...options, augment: [{ kind: "flip", probability: 2 }] }).open(),
    "Cannot augment images: the flip probability must be from 0 to 1, got 2. Use 0.5.",
  );
});

Deno.test("statistics() is the deviation of all pixels, channel by channel", () => {
  const pixels = new Uint8Array([0, 255, 51, 51, 255, 0, 51, 51]);
  const { mean, std } = statistics({ length: 2, pixels, labels: new Uint16Array(2) }, [2, 1, 2]);
  assertEquals(mean[0], 0.5);
  assertEquals(std[0], 0.5);
  assertAlmostEquals(mean[1]!, 0.2, 1e-15); // float64 rounding of 51/255
  assertEquals(std[1], 1); // a constant channel is left as it is
});

Deno.test("synthetic() depends on its seed only", async () => {
  const make = (seed: number) => synthetic({ classes: 4, shape: [1, 5, 3], train: 8, test: 4, seed }).open();
  const [a, b, c] = [await make(1), await make(1), await make(2)];
  assertEquals(a.train, b.train);
  assertNotEquals(a.train.pixels, c.train.pixels);
  assertEquals([...a.train.labels], [0, 1, 2, 3, 0, 1, 2, 3]);
});

Deno.test("synthetic() can be learned: the nearest class mean is right for held-out images", async () => {
  const { train, test } = await synthetic({ classes: 5, shape: [1, 8, 8], train: 100, test: 50 }).open();
  const means = Array.from({ length: 5 }, () => new Float64Array(64));
  train.labels.forEach((label, image) => {
    for (let i = 0; i < 64; i++) means[label]![i]! += train.pixels[image * 64 + i]! / 20;
  });
  let right = 0;
  test.labels.forEach((label, image) => {
    const far = means.map((mean) => mean.reduce((sum, m, i) => sum + (m - test.pixels[image * 64 + i]!) ** 2, 0));
    if (far.indexOf(Math.min(...far)) === label) right++;
  });
  assertEquals(right, 50);
});

Deno.test("synthetic() refuses counts and sides that are no positive integers", () => {
  const error = assertThrows(() => synthetic({ shape: [3, 0, 32] }), OptionError);
  assertEquals(
    (error as Error).message,
    "Cannot make synthetic images: height must be a positive integer, got 0. Give another height.",
  );
});
