import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { fromImages } from "../../datasets/from_images.ts";
import { epochOrder } from "../../datasets/sampling.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { withSampling } from "../../datasets/with_sampling.ts";
import { imagesPerEpoch } from "../../dsl/data.ts";
import { OptionError } from "../../dsl/errors.ts";
import { stream } from "../../dsl/random.ts";
import { assertRefused } from "./fixtures.ts";

// 12, 6 and 2 images.
const labels = Uint16Array.from({ length: 20 }, (_, i) => i < 12 ? 0 : i < 18 ? 1 : 2);

function times(index: Uint32Array): number[] {
  const counts = new Array<number>(20).fill(0);
  for (const image of index) counts[image]!++;
  return counts;
}

Deno.test("epochOrder() shuffles as the loader always did", () => {
  const { index, draws } = epochOrder(labels, { kind: "shuffle" }, 7, 3);
  assertEquals(index, stream(7, "shuffle", 3).permutation(20));
  assertEquals(draws, index);
});

Deno.test("epochOrder() shows another part each epoch, no image twice", () => {
  const parts = [1, 2].map((epoch) => epochOrder(labels, { kind: "shuffle", images: 8 }, 7, epoch).index);
  for (const part of parts) assertEquals([part.length, new Set(part).size], [8, 8]);
  assertNotEquals(parts[0], parts[1]);
});

Deno.test("epochOrder() balances classes, and takes the images of a class in turn", () => {
  const { index } = epochOrder(labels, { kind: "balanced", images: 18 }, 7, 1);
  const counts = times(index);
  assertEquals([counts.slice(0, 12), counts.slice(12, 18), counts.slice(18)].map((c) => c.reduce((a, b) => a + b)), [
    6,
    6,
    6,
  ]);
  assert(counts.slice(0, 12).every((count) => count <= 1));
  assertEquals([counts.slice(12, 18), counts.slice(18)], [[1, 1, 1, 1, 1, 1], [3, 3]]);
});

Deno.test("epochOrder() gives a rest to other classes each epoch", () => {
  const sizes = new Set(
    Array.from({ length: 20 }, (_, epoch) => {
      const counts = times(epochOrder(labels, { kind: "balanced" }, 7, epoch).index);
      return counts.slice(0, 12).reduce((a, b) => a + b);
    }),
  );
  assertEquals(sizes, new Set([7, 6])); // 20 images of 3 classes
});

Deno.test("epochOrder() changes an image that comes again in another way", () => {
  const { index, draws } = epochOrder(labels, { kind: "balanced", images: 60 }, 7, 1);
  assertEquals(new Set(draws).size, 60);
  draws.forEach((draw, i) => assertEquals(draw % 20, index[i]));
});

Deno.test("epochOrder() depends on seed and epoch only", () => {
  for (const kind of ["shuffle", "balanced"] as const) {
    assertEquals(epochOrder(labels, { kind }, 7, 1), epochOrder(labels, { kind }, 7, 1));
    assertNotEquals(epochOrder(labels, { kind }, 7, 1).index, epochOrder(labels, { kind }, 8, 1).index);
    assertNotEquals(epochOrder(labels, { kind }, 7, 1).index, epochOrder(labels, { kind }, 7, 2).index);
  }
});

Deno.test("withSampling() decides what an epoch shows, and nothing of the test split", async () => {
  const toy = synthetic({ classes: 4, shape: [1, 4, 4], train: 40, test: 6 });
  const open = await withSampling(toy, { kind: "balanced", images: 64 }).open();
  assertEquals([imagesPerEpoch(open), imagesPerEpoch(await toy.open())], [64, 40]);
  const batches = await Array.fromAsync(open.batches({ split: "train", batch: 16, seed: 7, epoch: 1 }));
  const seen = batches.flatMap((batch) => [...batch.labels]);
  assertEquals([0, 1, 2, 3].map((label) => seen.filter((one) => one === label).length), [16, 16, 16, 16]);
  const test = await Array.fromAsync(open.batches({ split: "test", batch: 16, seed: 7, epoch: 1 }));
  assertEquals(test.map(({ count }) => count), [6]);
  const look = open.batches({ split: "train", batch: 64, seed: 7, epoch: 1, shuffle: false });
  assertEquals((await Array.fromAsync(look)).map(({ count }) => count), [40]);
});

Deno.test("withSampling() refuses what cannot be sampled", async () => {
  const images = { pixels: new Uint8Array(3), labels: [0, 1, 1] };
  const three = fromImages({ classes: 2, shape: [1, 1, 1], train: images, test: images });
  await assertRefused(
    () => withSampling(three, { kind: "shuffle", images: 4 }).open(),
    "Cannot sample images: a shuffled epoch shows each of its 3 training images once, got 4 images. " +
      'Ask for fewer, or sample "balanced".',
  );
  assertThrows(
    () => withSampling(three, { kind: "balanced", images: 0 }),
    OptionError,
    "Cannot sample images: images must be a positive integer, got 0. Give a number of images an epoch.",
  );
  assertThrows(
    () => withSampling(three, { kind: "weighted" as "balanced" }),
    OptionError,
    'Cannot sample images: the kind is "shuffle" or "balanced", got "weighted". Choose one.',
  );
});
