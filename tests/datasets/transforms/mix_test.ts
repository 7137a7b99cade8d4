import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { beta, type Mixable, mixBatch } from "../../../datasets/transforms/mix.ts";
import { stream } from "../../../dsl/random.ts";

/** `count` images of 1×8×8, image i filled with i, and labels 0, 1, … */
function batch(count: number, views = 1): Mixable & { readonly labels: Uint16Array } {
  const images = Array.from({ length: views }, () => Float32Array.from({ length: count * 64 }, (_, i) => i >> 6));
  const draws = Uint32Array.from({ length: count }, (_, i) => i);
  return { step: 3, count, draws, images, labels: Uint16Array.from(draws) };
}

const at = { seed: 7, epoch: 2 };

Deno.test("mixup blends each image with the one whose label it names, by its weight", () => {
  const given = batch(16);
  const { labels, weights } = mixBatch({ kind: "mixup", alpha: 1 }, given, [1, 8, 8], given.labels, at);
  assertEquals([...labels].toSorted((a, b) => a - b), [...given.labels]); // partners are a permutation
  for (let i = 0; i < 16; i++) {
    const expected = weights[i]! * i + (1 - weights[i]!) * labels[i]!;
    // Two products and a sum of 32 bits.
    for (const value of given.images[0]!.subarray(64 * i, 64 * i + 64)) assertAlmostEquals(value, expected, 1e-5);
  }
  assert(new Set(weights).size > 10); // each image has its own
});

Deno.test("cutmix shows the other image in a box whose share is 1 − weight", () => {
  const given = batch(64);
  const { labels, weights } = mixBatch({ kind: "cutmix", alpha: 1 }, given, [1, 8, 8], given.labels, at);
  let mixed = 0;
  for (let i = 0; i < 64; i++) {
    const pixels = given.images[0]!.subarray(64 * i, 64 * i + 64);
    const others = pixels.filter((value) => value !== i).length;
    assert(pixels.every((value) => value === i || value === labels[i]));
    if (labels[i] === i) continue;
    assertAlmostEquals(weights[i]!, 1 - others / 64, 1e-7);
    if (others > 0) mixed++;
  }
  assert(mixed > 32);
});

Deno.test("mixBatch() mixes all views alike", () => {
  const given = batch(16, 2);
  for (const kind of ["mixup", "cutmix"] as const) {
    mixBatch({ kind, alpha: 0.5 }, given, [1, 8, 8], given.labels, at);
    assertEquals(given.images[0], given.images[1]);
  }
});

Deno.test("mixBatch() depends on seed, epoch, step and image", () => {
  const mixed = (changes: Partial<Mixable>, place = at) => {
    const given = { ...batch(16), ...changes };
    return mixBatch({ kind: "mixup", alpha: 1 }, given, [1, 8, 8], given.labels, place);
  };
  assertEquals(mixed({}), mixed({}));
  assertNotEquals(mixed({}).weights, mixed({}, { seed: 8, epoch: 2 }).weights);
  assertNotEquals(mixed({}).weights, mixed({}, { seed: 7, epoch: 3 }).weights);
  assertNotEquals(mixed({}).labels, mixed({ step: 4 }).labels);
  assertEquals(mixed({}).weights, mixed({ step: 4 }).weights);
});

for (const alpha of [0.2, 1, 3]) {
  Deno.test(`beta() of ${alpha} has mean 1/2 and variance 1 / (8 α + 4)`, () => {
    const random = stream(1);
    let at = 0;
    const values = Array.from({ length: 20000 }, () => beta(alpha, () => random.uniform(at++)));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    assertAlmostEquals(mean, 0.5, 0.015); // 5 standard errors of α = 0.2
    assertAlmostEquals(variance, 1 / (8 * alpha + 4), 0.006);
    assert(values.every((value) => value >= 0 && value <= 1));
  });
}
