import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { decodeFiles } from "../../../datasets/decode_files.ts";
import { imageSet, openDataset } from "../../../datasets/open_dataset.ts";
import type { Batch, OpenDataset } from "../../../dsl/data.ts";
import { DatasetError } from "../../../dsl/errors.ts";
import { concat, flat, inFolder, jpeg } from "../fixtures.ts";
import { all, listed, writeImages } from "./fixtures.ts";

/** The same images decoded into memory. */
async function inMemory(open: OpenDataset, paths: readonly string[]): Promise<OpenDataset> {
  const files = paths.map((path, i) => ({ path, label: i % 3, source: { path } }));
  const { pixels } = await decodeFiles("test", files, {});
  const { batches: _, ...decoded } = open;
  return openDataset({ ...decoded, train: imageSet(pixels, open.train.labels) });
}

function plain(batches: readonly Batch[]): unknown {
  return batches.map(({ images, ...rest }) => ({ ...rest, images: images.map((view) => Array.from(view)) }));
}

for (const workers of [0, 1, 2, 3]) {
  Deno.test(`batches() of files are those of the images in memory, with ${workers} workers`, async () => {
    await inFolder(async (folder) => {
      const paths = await writeImages(folder, 22);
      const open = listed(paths.map((path) => ({ path })));
      const expected = await all(await inMemory(open, paths), { views: 2 });
      assertEquals(plain(await all(open, { views: 2, workers })), plain(expected));
    });
  });
}

for (const workers of [0, 2]) {
  Deno.test(`batches() with costly changes are the same from memory and files, with ${workers} workers`, async () => {
    await inFolder(async (folder) => {
      const paths = await writeImages(folder, 13);
      const open = listed(paths.map((path) => ({ path })), {
        augment: [
          { kind: "colorJitter", brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
          { kind: "randAugment" },
          { kind: "resizedCrop", size: [6, 8] },
          { kind: "cutout", size: 4 },
          { kind: "cutmix", alpha: 1 },
        ],
      });
      const memory = await inMemory(open, paths);
      const expected = plain(await all(memory, { workers: 0 }));
      assertEquals(plain(await all(open, { workers })), expected);
      assertEquals(plain(await all(memory, { workers })), expected);
    });
  });
}

Deno.test("batches() reads stretches of a file, bytes in memory and whole files alike", async () => {
  await inFolder(async (folder) => {
    const paths = await writeImages(folder, 4);
    const bytes = await Promise.all(paths.map((path) => Deno.readFile(path)));
    await Deno.writeFile(`${folder}/all`, concat(bytes));
    const starts = bytes.map((_, i) => bytes.slice(0, i).reduce((sum, { length }) => sum + length, 0));
    const whole = plain(await all(listed(paths.map((path) => ({ path })))));
    for (const workers of [0, 2]) {
      const stretches = bytes.map(({ length }, i) => ({ path: `${folder}/all`, from: starts[i]!, length }));
      assertEquals(
        plain(await all(listed(stretches), { workers, batch: 2 })),
        plain(await all(listed(paths.map((path) => ({ path }))), { batch: 2 })),
      );
      const contents = bytes.map((content, i) =>
        i === 1 ? { path: paths[i]! } : { path: `member ${i}`, bytes: content }
      );
      assertEquals(plain(await all(listed(contents), { workers })), whole);
    }
  });
});

Deno.test("batches() turns grey files into three channels, and refuses colour in one", async () => {
  const grey = { path: "grey.png", bytes: await flat(2, 9) };
  const red = { path: "red.png", bytes: await flat(2, 200, 0, 0) };
  const options = { augment: [], shape: [3, 2, 2] as const };
  const [batch] = await all(listed([grey, red, grey], options), { shuffle: false });
  assertEquals(Array.from(batch!.images[0]!.subarray(0, 12)), Array(12).fill(9));
  const one = (source: typeof red) =>
    openDataset({
      ...listed([source, source, source], options),
      shape: [1, 2, 2],
      normalization: { mean: [0], std: [1] },
    });
  const error = await assertRejects(() => all(one(red), { shuffle: false }), DatasetError);
  assertEquals(
    (error as Error).message,
    'Cannot use "red.png" of files: images of one channel must be grey, got colour. Convert it to grey.',
  );
  assertEquals((await all(one(grey), { shuffle: false })).length, 1);
});

Deno.test("batches() makes one size of files of several", async () => {
  await inFolder(async (folder) => {
    const large = await writeImages(folder, 2, [20, 30]);
    const sources = [{ path: large[0]! }, { path: large[1]! }, { path: "flat.jpg", bytes: await jpeg(16, 90, 60, 30) }];
    const open = listed(sources, {
      shape: [3, 8, 8],
      augment: [{ kind: "resizedCrop", size: 8 }],
      evaluation: [{ kind: "resize", size: 10 }, { kind: "centerCrop", size: 8 }],
    });
    for (const options of [{ batch: 3 }, { augment: false, shuffle: false }, { split: "test" }] as const) {
      const [batch] = await all(open, options);
      assertEquals([batch!.count, batch!.images[0]!.length], [3, 3 * 192]);
      const place = batch!.index.indexOf(2);
      // One colour stays one colour; JPEG is within a few levels of it.
      for (const value of batch!.images[0]!.subarray(place * 192, place * 192 + 64)) assertAlmostEquals(value, 90, 3);
    }
  });
});

for (const workers of [0, 2]) {
  Deno.test(`batches() names the first image that cannot be read, with ${workers} workers`, async () => {
    await inFolder(async (folder) => {
      const paths = [...await writeImages(folder, 12)];
      await Deno.writeTextFile(paths[9]!, "no image");
      paths[10] = `${folder}/missing.png`;
      const open = listed(paths.map((path) => ({ path })));
      const error = await assertRejects(() => all(open, { shuffle: false, workers }), DatasetError);
      assertEquals(
        (error as Error).message,
        `Cannot decode "${paths[9]}": it must be a JPEG or PNG image, got a file that starts with 6e 6f 20 69. ` +
          "Replace or remove the file.",
      );
    });
  });
}

Deno.test("batches() refuses a file whose transforms end at another size, and a stretch past the end", async () => {
  await inFolder(async (folder) => {
    const [path = ""] = await writeImages(folder, 3, [5, 8]);
    await assertRejects(
      () => all(listed([{ path }, { path }, { path }], { augment: [] }), { shuffle: false }),
      DatasetError,
      `Cannot use "${path}" of files: its transforms must end at 6×8, got 5×8. ` +
        'Add a "resize", "centerCrop" or "resizedCrop".',
    );
    const { size } = await Deno.stat(path);
    const past = { path, from: 10, length: size };
    await assertRejects(
      () => all(listed([past, past, past], { augment: [] }), { shuffle: false }),
      DatasetError,
      `Cannot read "${path}": it must hold ${size} bytes from byte 10 on, got ${size - 10}. Copy or download it again.`,
    );
  });
});

Deno.test("batches() of files can be left early, and read from the middle", async () => {
  await inFolder(async (folder) => {
    const paths = await writeImages(folder, 40);
    const open = listed(paths.map((path) => ({ path })));
    for (const workers of [0, 2]) {
      for await (const batch of open.batches({ split: "train", batch: 4, seed: 7, epoch: 1, workers })) {
        if (batch.step === 1) break; // the test runner fails a test that leaves a worker or timer behind
      }
      assertEquals(plain(await all(open, { workers, start: 7 })), plain((await all(open, { workers: 0 })).slice(7)));
    }
  });
});

Deno.test("batches() holds no more batches than it may, with workers too", async () => {
  await inFolder(async (folder) => {
    const paths = await writeImages(folder, 40);
    const asked = new Set<number>();
    const counted = openDataset({
      ...listed(paths.map((path) => ({ path }))),
      train: {
        length: 40,
        pixels: new Uint8Array(),
        labels: new Uint16Array(40),
        files: {
          version: "1",
          source: (index) => {
            asked.add(index);
            return { path: paths[index]! };
          },
        },
      },
    });
    for (const workers of [0, 2]) {
      asked.clear();
      const pass = counted.batches({ split: "train", batch: 4, seed: 7, epoch: 1, workers, prefetch: 2 });
      const reader = pass[Symbol.asyncIterator]();
      await reader.next();
      assertEquals(asked.size, 3 * 4);
      await reader.next();
      await new Promise((resolve) => setTimeout(resolve, 20));
      assertEquals(asked.size, 4 * 4);
      await reader.return?.();
    }
  });
});

Deno.test({
  name: "batches() does without workers that may not read their program",
  permissions: { read: false },
  fn: async () => {
    const grey = await flat(6, 9);
    const open = listed(Array.from({ length: 10 }, () => ({ path: "grey", bytes: grey })), {
      shape: [3, 6, 6],
      augment: [{ kind: "resizedCrop", size: 6 }],
    });
    const batches = await all(open, { workers: 2 });
    assertEquals(batches.map(({ images }) => new Set(images[0]!)), batches.map(() => new Set([9])));
  },
});
