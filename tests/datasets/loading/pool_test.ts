import { assertEquals, assertStringIncludes } from "@std/assert";
import { allClaimed, allDone, counter, type Job, type Recipe, work } from "../../../datasets/loading/job.ts";
import { imageDecoder } from "../../../datasets/decode_image.ts";
import { imageMaker } from "../../../datasets/loading/make.ts";
import { packJob, unpackJob } from "../../../datasets/loading/packed_job.ts";
import { openPool } from "../../../datasets/loading/pool.ts";
import type { ImageSource } from "../../../dsl/data.ts";
import { inFolder } from "../fixtures.ts";
import { writeImages } from "./fixtures.ts";

const recipe: Recipe = {
  kind: "files",
  shape: [3, 6, 8],
  stored: [6, 8],
  normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
  transforms: [{ kind: "crop", pad: 2, mode: "zero" }, { kind: "randAugment" }],
  random: { seed: 7, epoch: 3 },
};

function jobOf(sources: readonly ImageSource[], step = 0): Job {
  const index = Uint32Array.from(sources, (_, i) => i);
  const images = [0, 1].map(() => new Float32Array(new SharedArrayBuffer(4 * 144 * sources.length)));
  const progress = new Int32Array(new SharedArrayBuffer(4 * counter.size));
  return { step, count: sources.length, index, draws: index, sources, images, progress };
}

Deno.test("openPool() makes whole batches in workers alone, the same as this thread", async () => {
  await inFolder(async (folder) => {
    const sources = (await writeImages(folder, 30)).map((path) => ({ path }));
    const [ours, theirs, next] = [jobOf(sources), jobOf(sources), jobOf(sources, 1)];
    const maker = imageMaker(recipe, imageDecoder());
    assertEquals(await work(ours, maker.make, 100, () => {}), true);
    maker.close();
    const pool = openPool(3, recipe);
    try {
      pool.post(theirs);
      pool.post(next);
      assertEquals(await pool.settled(next), []);
      assertEquals(await pool.settled(theirs), []);
    } finally {
      pool.close();
    }
    assertEquals([allClaimed(theirs), allDone(theirs)], [true, true]);
    for (const view of [0, 1]) {
      assertEquals(Array.from(theirs.images[view]!), Array.from(ours.images[view]!));
      assertEquals(Array.from(next.images[view]!), Array.from(ours.images[view]!));
    }
  });
});

Deno.test("openPool() gives the mistakes of all workers in order, and goes on", async () => {
  await inFolder(async (folder) => {
    const good = (await writeImages(folder, 30)).map((path) => ({ path }));
    const bad = good.map((source, i) => i % 7 === 3 ? { path: `${folder}/none ${i}` } : source);
    const pool = openPool(2, recipe);
    try {
      const [first, second] = [jobOf(bad), jobOf(good, 1)];
      pool.post(first);
      pool.post(second);
      const failures = await pool.settled(first);
      assertEquals(failures.map(({ position }) => position), [3, 10, 17, 24]);
      assertStringIncludes(failures[0]!.message, `Cannot read "${folder}/none 3": it must be a readable file`);
      assertEquals(await pool.settled(second), []);
    } finally {
      pool.close();
    }
  });
});

Deno.test({
  name: "openPool() starts no workers that may not read their program",
  permissions: { read: false },
  fn: () => {
    const pool = openPool(2, recipe);
    assertEquals(pool.size, 0);
    pool.close();
  },
});

Deno.test("unpackJob() gives back what packJob() was given", () => {
  const sources: readonly (readonly ImageSource[])[] = [
    [{ path: "a" }, { path: "b ä/c" }],
    [{ path: "a", from: 0, length: 7 }, { path: "a", from: 7, length: 2 }, { path: "whole" }],
    [{ path: "in memory", bytes: Uint8Array.of(1, 2) }, { path: "a" }],
  ];
  for (const list of sources) assertEquals(unpackJob(packJob(jobOf(list))), jobOf(list));
  const { sources: _, ...pixels } = { ...jobOf([{ path: "" }]), pixels: Uint8Array.of(1), packed: true };
  assertEquals(unpackJob(packJob(pixels)), pixels);
});
