import { assert, assertEquals } from "@std/assert";
import { imageFolder } from "../../datasets/image_folder.ts";
import { withLimit } from "../../datasets/limit.ts";
import { flat, gzip, inFolder, tar, tinyFolder, write } from "./fixtures.ts";

/** Opens an archive with a cache and gives back what was told. */
async function open(folder: string, limit?: number) {
  const told: string[] = [];
  const whole = imageFolder({ path: `${folder}/pets.tar.gz` });
  const dataset = limit === undefined ? whole : withLimit(whole, limit);
  const images = await dataset.open({ cache: `${folder}/cache`, progress: (what) => told.push(what) });
  return { images, told, decoded: told.some((what) => what.startsWith("decoding")) };
}

async function cacheFiles(folder: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(`${folder}/cache`), ({ name }) => `${folder}/cache/${name}`);
}

async function pack(folder: string, files: Record<string, Uint8Array>): Promise<void> {
  await write(folder, { "pets.tar.gz": await gzip(tar(files)) });
}

Deno.test("imageFolder() decodes once and then reads its cache", () =>
  inFolder(async (folder) => {
    await pack(folder, await tinyFolder());
    const first = await open(folder);
    const second = await open(folder);
    assertEquals([first.decoded, second.decoded], [true, false]);
    assertEquals((await cacheFiles(folder)).length, 1); // no part file is left
    const { train, test, classNames, shape, normalization } = second.images;
    assertEquals([train, test, classNames, shape, normalization], [
      first.images.train,
      first.images.test,
      first.images.classNames,
      first.images.shape,
      first.images.normalization,
    ]);
  }));

Deno.test("imageFolder() decodes again when the archive changed, and keeps one cache file", () =>
  inFolder(async (folder) => {
    await pack(folder, await tinyFolder());
    await open(folder);
    await pack(folder, { ...await tinyFolder(), "train/dog/c.png": await flat(2, 7) });
    await Deno.utime(`${folder}/pets.tar.gz`, 1, 1);
    const again = await open(folder);
    assertEquals([again.decoded, again.images.train.length], [true, 5]);
    assertEquals((await cacheFiles(folder)).length, 1);
  }));

Deno.test("imageFolder() notices a changed, added or removed file of a folder", () =>
  inFolder(async (folder) => {
    await write(folder, await tinyFolder());
    const train = async () => {
      const { train } = await imageFolder({ path: folder }).open({ cache: `${folder}/.cache` });
      return Array.from({ length: train.length }, (_, image) => train.pixels[image * 4]);
    };
    assertEquals(await train(), [10, 20, 30, 40]);
    await write(folder, { "train/cat/a.png": await flat(2, 99) });
    await Deno.utime(`${folder}/train/cat/a.png`, 1, 1);
    assertEquals(await train(), [99, 20, 30, 40]);
    await write(folder, { "train/cat/c.png": await flat(2, 21) });
    assertEquals(await train(), [99, 20, 21, 30, 40]);
    await Deno.remove(`${folder}/train/cat/b.png`);
    assertEquals(await train(), [99, 21, 30, 40]);
  }));

Deno.test("imageFolder() decodes again, and says so, when its cache is cut or damaged", () =>
  inFolder(async (folder) => {
    await pack(folder, await tinyFolder());
    const { images } = await open(folder);
    const [file] = await cacheFiles(folder);
    const whole = await Deno.readFile(file!);
    const flipped = whole.slice();
    flipped[flipped.length - 1]! ^= 1;
    const foreign = whole.slice();
    foreign[0] = 0;
    const damages = [
      [whole.slice(0, -1), "another length"],
      [flipped, "another checksum"],
      [foreign, "another format"],
      [whole.slice(0, 40), undefined],
      [new Uint8Array(), undefined],
    ] as const;
    for (const [bytes, reason] of damages) {
      await Deno.writeFile(file!, bytes);
      const { told, decoded, images: again } = await open(folder);
      const said = told.find((what) => what.includes("is damaged"));
      assert(decoded && said !== undefined);
      if (reason !== undefined) assertEquals(said, `cache "${file}" is damaged (${reason}), decoding again`);
      assertEquals(again.train, images.train);
    }
    assertEquals((await open(folder)).decoded, false);
  }));

Deno.test("imageFolder() goes on without a cache it cannot write", () =>
  inFolder(async (folder) => {
    await pack(folder, await tinyFolder());
    await write(folder, { "cache": "a file where the folder should be" });
    const { images, told } = await open(folder);
    assertEquals(images.train.length, 4);
    assert(told.some((what) => what.startsWith("cannot keep decoded images in ")));
  }));

Deno.test("withLimit() gives the same images from class folders with a cache and without", () =>
  inFolder(async (folder) => {
    await pack(folder, { ...await tinyFolder(), "train/dog/c.png": await flat(2, 1, 2, 3) });
    const before = await open(folder, 3);
    await open(folder);
    const after = await open(folder, 3);
    assertEquals(before.images.shape, [1, 2, 2]); // the only colour image is not among the three
    assertEquals([after.images.shape, after.images.train], [before.images.shape, before.images.train]);
    assertEquals(after.images.normalization, before.images.normalization);
  }));

Deno.test("withLimit() decodes only the images that are kept", () =>
  inFolder(async (folder) => {
    await pack(folder, { ...await tinyFolder(), "train/dog/b.png": new TextEncoder().encode("not an image") });
    const { images } = await open(folder, 2);
    assertEquals([...images.train.labels], [0, 1]);
  }));
