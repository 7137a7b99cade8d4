import { assertEquals, assertNotEquals } from "@std/assert";
import type { Batch } from "../../../dsl/data.ts";
import { inFolder } from "../fixtures.ts";
import { all, listed, type Listing, writeImages } from "./fixtures.ts";

const options: Listing = {
  shape: [3, 4, 4],
  augment: [
    { kind: "resize", size: 7 },
    { kind: "centerCrop", size: [6, 6] },
    { kind: "crop", pad: 1, mode: "zero", size: 4 },
    { kind: "flip", probability: 0.5 },
  ],
  evaluation: [{ kind: "resize", size: [4, 4] }],
};

function floats(batches: readonly Batch[]): readonly number[][] {
  return batches.map(({ images }) => Array.from(images[0]!));
}

/** Runs `use` with files and an empty cache. */
async function withCache(
  use: (paths: readonly string[], cache: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/images`);
    await use(await writeImages(`${folder}/images`, 10), `${folder}/cache`);
  });
}

async function spoil(paths: readonly string[]): Promise<void> {
  for (const path of paths) await Deno.writeTextFile(path, "spoiled");
}

for (const workers of [0, 2]) {
  Deno.test(`batches() keeps what fixed transforms make, and reads it again, with ${workers} workers`, async () => {
    await withCache(async (paths, cache) => {
      const sources = paths.map((path) => ({ path }));
      const expected = floats(await all(listed(sources, options), { workers: 0 }));
      const kept = listed(sources, { ...options, cache });
      assertEquals(floats(await all(kept, { workers })), expected);
      const [second, test] = [await all(kept, { epoch: 2, workers }), await all(kept, { split: "test" })];
      await spoil(paths);
      assertEquals(floats(await all(kept, { workers })), expected);
      assertEquals(floats(await all(kept, { epoch: 2, workers })), floats(second));
      assertEquals(floats(await all(kept, { split: "test" })), floats(test));
      assertNotEquals(floats(second), expected);
    });
  });
}

Deno.test("the cache is another file for other sources, transforms and splits", async () => {
  await withCache(async (paths, cache) => {
    const sources = paths.map((path) => ({ path }));
    const names = async () => (await Array.fromAsync(Deno.readDir(cache), ({ name }) => name)).length;
    await all(listed(sources, { ...options, cache }));
    await all(listed(sources, { ...options, cache }), { epoch: 5 });
    assertEquals(await names(), 1);
    await all(listed(sources, { ...options, cache, version: "2" }));
    assertEquals(await names(), 2);
    await all(listed(sources, { ...options, cache }), { split: "test" });
    await all(listed(sources, { ...options, cache }), { augment: false });
    assertEquals(await names(), 4);
    // Only random transforms differ.
    await all(listed(sources, { ...options, cache, augment: options.augment!.slice(0, 3) }));
    assertEquals(await names(), 4);
  });
});

Deno.test("the cache makes a damaged record again, and a file of another format", async () => {
  await withCache(async (paths, cache) => {
    const kept = listed(paths.map((path) => ({ path })), { ...options, cache });
    const expected = floats(await all(kept));
    const [{ name }] = await Array.fromAsync(Deno.readDir(cache)) as [Deno.DirEntry];
    const file = `${cache}/${name}`;
    const bytes = await Deno.readFile(file);
    bytes[72 + 4 + 50]! ^= 1; // in the first record
    await Deno.writeFile(file, bytes);
    assertEquals(floats(await all(kept)), expected);
    assertEquals((await Deno.readFile(file))[72 + 4 + 50], bytes[72 + 4 + 50]! ^ 1);
    await Deno.writeTextFile(file, "something else");
    assertEquals(floats(await all(kept)), expected);
    assertEquals((await Deno.stat(file)).size, bytes.length);
  });
});

Deno.test("the cache is left out where it cannot be written or images differ in size", async () => {
  await withCache(async (paths, cache) => {
    const sources = paths.map((path) => ({ path }));
    await Deno.writeTextFile(cache, "a file where the folder would be");
    assertEquals(
      floats(await all(listed(sources, { ...options, cache }))),
      floats(await all(listed(sources, options))),
    );
    await Deno.remove(cache);
    await all(listed(sources, { shape: [3, 6, 8], augment: [{ kind: "resize", size: 6 }], cache }));
    assertEquals(await Deno.stat(cache).then(() => "there", () => "none"), "none");
  });
});
