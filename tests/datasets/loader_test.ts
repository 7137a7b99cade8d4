import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { batchCount } from "../../datasets/loader.ts";
import { fromImages } from "../../datasets/from_images.ts";
import { openDataset } from "../../datasets/open_dataset.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import type { Batch, BatchOptions, OpenDataset, Transform } from "../../dsl/data.ts";
import { DatasetError, OptionError } from "../../dsl/errors.ts";

const augment: Transform[] = [{ kind: "crop", pad: 1, mode: "reflect" }, { kind: "flip", probability: 0.5 }];

function open(train = 10, test = 5): Promise<OpenDataset> {
  return synthetic({ classes: 3, shape: [2, 4, 4], train, test, augment }).open();
}

async function all(source: OpenDataset, options: Partial<BatchOptions> = {}): Promise<Batch[]> {
  return await Array.fromAsync(source.batches({ split: "train", batch: 4, seed: 7, epoch: 1, ...options }));
}

Deno.test("batches() shows every image once, with its own label", async () => {
  const source = await open();
  const batches = await all(source);
  assertEquals(batches.map(({ step, count }) => [step, count]), [[0, 4], [1, 4], [2, 2]]);
  const index = batches.flatMap((batch) => [...batch.index]);
  assertEquals(index.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertNotEquals(index, index.toSorted((a, b) => a - b));
  assertEquals(batches.flatMap((batch) => [...batch.labels]), index.map((image) => image % 3));
  assertEquals(batches.map(({ images }) => images[0]!.length), [4 * 32, 4 * 32, 2 * 32]);
});

Deno.test("batches() is the same for the same seed and epoch, and another for another", async () => {
  const source = await open();
  assertEquals(await all(source), await all(source));
  assertNotEquals(await all(source), await all(source, { epoch: 2 }));
  assertNotEquals(await all(source), await all(source, { seed: 8 }));
});

Deno.test("batches() changes an image alike whatever the order and batch size", async () => {
  const source = await open();
  const byImage = (batches: Batch[]) =>
    new Map(
      batches.flatMap(({ images, index }) =>
        [...index].map((image, i) => [image, images[0]!.slice(i * 32, (i + 1) * 32)] as const)
      ),
    );
  const [shuffled, straight] = [byImage(await all(source)), byImage(await all(source, { shuffle: false, batch: 3 }))];
  for (let image = 0; image < 9; image++) assertEquals(shuffled.get(image), straight.get(image));
});

Deno.test("batches() goes on from `start` bit by bit", async () => {
  const source = await open();
  assertEquals(await all(source, { start: 1 }), (await all(source)).slice(1));
  assertEquals(await all(source, { start: 3 }), []);
  assertEquals(await all(source, { start: 99 }), []);
});

Deno.test("batches() gives the same batches however many are prepared ahead", async () => {
  const source = await open(200);
  const whole = await all(source, { prefetch: 0 });
  for (const prefetch of [1, 2, 5]) {
    const slow: Batch[] = [];
    for await (const batch of source.batches({ split: "train", batch: 4, seed: 7, epoch: 1, prefetch })) {
      slow.push(batch);
      if (batch.step % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    assertEquals(slow, whole);
  }
});

Deno.test("batches() prepares ahead while the reader waits", async () => {
  const source = await open(64);
  let touched = 0;
  const pixels = new Proxy(source.train.pixels, {
    get: (target, key) => {
      touched++;
      return Reflect.get(target, key);
    },
  });
  const watched = await fromImages({
    classes: 3,
    shape: [2, 4, 4],
    train: { pixels, labels: source.train.labels },
    test: { pixels: source.test.pixels, labels: source.test.labels },
    normalization: source.normalization,
  }).open();
  const reader = watched.batches({ split: "train", batch: 8, seed: 7, epoch: 1, prefetch: 2 })[Symbol.asyncIterator]();
  await reader.next();
  const after = touched;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(touched - after, 2 * 8 * 32); // two batches, not the whole epoch
  await reader.return?.();
});

Deno.test("batches() stops preparing once the reader leaves", async () => {
  const source = await open(1000);
  let seen = 0;
  for await (const _ of source.batches({ split: "train", batch: 4, seed: 7, epoch: 1, prefetch: 100 })) {
    if (++seen === 2) break;
  }
  assertEquals(seen, 2); // the test runner fails a test that leaves a timer behind
});

Deno.test("batches() can be read twice and left by an error", async () => {
  const source = await open();
  const batches = source.batches({ split: "train", batch: 4, seed: 7, epoch: 1 });
  assertEquals(await Array.fromAsync(batches), await Array.fromAsync(batches));
  let caught = "";
  try {
    for await (const _ of batches) throw new Error("reader failed");
  } catch (error) {
    caught = (error as Error).message;
  }
  assertEquals(caught, "reader failed");
});

Deno.test("batches() draws each view on its own", async () => {
  const source = await open();
  const [one] = await all(source, { views: 3 });
  assertEquals(one!.images.length, 3);
  assertNotEquals(one!.images[0], one!.images[1]);
  assertNotEquals(one!.images[1], one!.images[2]);
  const [single] = await all(source);
  assertEquals(one!.images[0], single!.images[0]); // more views do not change the first
});

Deno.test("batches() of the test split neither shuffles, changes nor drops", async () => {
  const source = await open(10, 5);
  const batches = await all(source, { split: "test", views: 2 });
  assertEquals(batches.flatMap(({ index }) => [...index]), [0, 1, 2, 3, 4]);
  const { mean, std } = source.normalization;
  const first = Float32Array.from({ length: 32 }, (_, i) => {
    const channel = i >> 4;
    return (source.test.pixels[i]! / 255 - mean[channel]!) / std[channel]!;
  });
  assertEquals(batches[0]!.images[0]!.slice(0, 32), first);
  assertEquals(batches[0]!.images[1], batches[0]!.images[0]);
});

Deno.test("batches() drops a rest of one image in training only, unless told otherwise", async () => {
  const source = await open(9, 5);
  assertEquals((await all(source)).map(({ count }) => count), [4, 4]);
  assertEquals((await all(source, { dropSingle: false })).map(({ count }) => count), [4, 4, 1]);
  assertEquals((await all(source, { batch: 1 })).length, 9); // whole batches of one are no rest
  assertEquals((await all(source, { split: "test" })).map(({ count }) => count), [4, 1]);
});

Deno.test("batches() gives second labels and weights with mixup, in training only and for all views alike", async () => {
  const mixed = await synthetic({
    classes: 3,
    shape: [2, 4, 4],
    train: 12,
    test: 5,
    augment: [{ kind: "mixup", alpha: 1 }],
  })
    .open();
  const plain = await synthetic({ classes: 3, shape: [2, 4, 4], train: 12, test: 5, augment: [] }).open();
  const [batch] = await all(mixed, { views: 2 });
  const [before] = await all(plain);
  const { labels, weights } = batch!.mix!;
  assertEquals([batch!.labels, [...labels].toSorted()], [before!.labels, [...before!.labels].toSorted()]);
  assertEquals(batch!.images[0], batch!.images[1]);
  // The partner of an image is one of the batch: the mixture lies between the two.
  const first = before!.images[0]!;
  const partners = Array.from({ length: 4 }, (_, i) => i).filter((i) => before!.labels[i] === labels[0]);
  const expected = partners.map((i) => Math.fround(weights[0]! * first[0]! + (1 - weights[0]!) * first[i * 32]!));
  assert(expected.includes(batch!.images[0]![0]!));
  assertEquals((await all(mixed, { split: "test" }))[0]!.mix, undefined);
  assertEquals((await all(mixed, { augment: false }))[0]!.mix, undefined);
  assertEquals(await all(mixed, { start: 1 }), (await all(mixed)).slice(1));
});

Deno.test("batches() shows fixed changes alone where images are not augmented", async () => {
  const { batches: _, ...decoded } = await open();
  const evaluation = [{ kind: "resize", size: [2, 2] }, { kind: "resize", size: [4, 4] }] as const;
  const source = openDataset({ ...decoded, evaluation });
  const [look, seen] = [await all(source, { augment: false, shuffle: false }), await all(source, { shuffle: false })];
  assertNotEquals(look, await all(await open(), { augment: false, shuffle: false }));
  assertEquals(seen, await all(await open(), { shuffle: false }));
});

Deno.test("batchCount() counts what batches() gives", () => {
  assertEquals([batchCount(10, 4, true), batchCount(9, 4, true), batchCount(9, 4, false)], [3, 2, 3]);
  assertEquals([batchCount(8, 4, true), batchCount(1, 4, true), batchCount(3, 1, true)], [2, 0, 3]);
});

Deno.test("batches() refuses a training pass over fewer images than one batch, but not a look at them", async () => {
  const source = await open(10);
  const error = assertThrows(() => source.batches({ split: "train", batch: 16, seed: 7, epoch: 1 }), DatasetError);
  assertEquals(
    (error as Error).message,
    "Cannot cut synthetic into batches: a training pass needs at least one full batch of 16 images, got 10. " +
      "Use a batch of at most 10.",
  );
  assertEquals((await all(source, { batch: 16, shuffle: false })).map(({ count }) => count), [10]);
  assertEquals((await all(source, { batch: 16, split: "test" })).map(({ count }) => count), [5]);
});

Deno.test("batches() refuses numbers outside their range", async () => {
  const source = await open();
  const wrong = { batch: 0, views: 1.5, start: -1, prefetch: NaN, epoch: -1, seed: Infinity };
  for (const [name, value] of Object.entries(wrong)) {
    const least = name === "batch" || name === "views" ? 1 : 0;
    const error = assertThrows(
      () => source.batches({ split: "train", batch: 4, seed: 7, epoch: 1, [name]: value }),
      OptionError,
    );
    assertEquals(
      (error as Error).message,
      `Cannot read batches: ${name} must be an integer of at least ${least}, got ${value}. Give another ${name}.`,
    );
  }
});

Deno.test("batches() lets other work run while it prepares a large batch ahead", async () => {
  const source = await synthetic({ shape: [3, 64, 64], train: 2048, test: 10, augment }).open();
  const pass = { split: "train", batch: 512, seed: 7, epoch: 1 } as const;
  const alone = source.batches({ ...pass, prefetch: 0 })[Symbol.asyncIterator]();
  const whole: number[] = [];
  for (let batch = 0; batch < 3; batch++) whole.push(await timed(() => alone.next()));
  const reader = source.batches(pass)[Symbol.asyncIterator]();
  await reader.next();
  // Two batches of eight pieces lie ahead. A piece takes an eighth of a batch, an idle turn about 2 ms.
  let worked = 0;
  for (let turn = 0; turn < 200 && worked < 8; turn++) {
    const turnTime = await timed(() => new Promise((resolve) => setTimeout(resolve, 0)));
    if (turnTime > Math.min(...whole) / 16) worked++;
  }
  assertEquals(worked, 8);
  await reader.return?.();
  await alone.return?.();
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
