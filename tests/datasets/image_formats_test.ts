import { assert, assertEquals, assertRejects } from "@std/assert";
import { imageDecoder } from "../../datasets/decode_image.ts";
import { imageFolder } from "../../datasets/image_folder.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { assertRefused, concat, flat, inFolder, jpeg, png, rawPng, tinyFolder, write } from "./fixtures.ts";

const greyLine = (...samples: readonly number[]) => [0, ...samples]; // filter 0, then the row

/** Opens a set of 2×2 images whose first training image is `image`. */
async function openWith(folder: string, image: Uint8Array, name = "a.png") {
  const files = await tinyFolder();
  delete files["train/cat/a.png"];
  await write(folder, { ...files, [`train/cat/${name}`]: image });
  return await imageFolder({ path: folder }).open();
}

async function firstImage(image: Uint8Array, name?: string): Promise<number[]> {
  let pixels: number[] = [];
  await inFolder(async (folder) => {
    const open = await openWith(folder, image, name);
    pixels = [...open.train.pixels.subarray(0, open.shape[0] * 4)];
  });
  return pixels;
}

Deno.test("imageFolder() puts colour into planes and drops alpha", async () => {
  const rgba = [1, 2, 3, 0, 4, 5, 6, 128, 7, 8, 9, 255, 10, 11, 12, 9];
  assertEquals(await firstImage(await png(2, 2, 4, rgba)), [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]);
  assertEquals(await firstImage(await png(2, 2, 2, [1, 0, 2, 0, 3, 0, 4, 0])), [1, 2, 3, 4]);
});

Deno.test("imageFolder() keeps the high byte of 16-bit samples", async () => {
  assertEquals(await firstImage(await png(2, 2, 1, [0x0100, 0x02ff, 0x8000, 0xffff], 16)), [1, 2, 128, 255]);
});

Deno.test("imageFolder() turns a palette into colour", async () => {
  const palette = ["PLTE", [255, 0, 0, 0, 255, 0, 0, 0, 255]] as const;
  const image = await rawPng({ width: 2, height: 2, depth: 2, colour: 3 }, [...greyLine(0x10), ...greyLine(0x80)], [
    palette,
    ["tRNS", [0]],
  ]);
  // Indices 0 1 / 2 0: red, green / blue, red.
  assertEquals(await firstImage(image), [255, 0, 0, 255, 0, 255, 0, 0, 0, 0, 255, 0]);
});

Deno.test("imageFolder() spreads 1-, 2- and 4-bit grey over 0…255", async () => {
  const grey = (depth: number, ...rows: readonly number[]) =>
    rawPng({ width: 2, height: 2, depth, colour: 0 }, rows.flatMap((row) => greyLine(row)));
  assertEquals(await firstImage(await grey(1, 0x40, 0x80)), [0, 255, 255, 0]);
  assertEquals(await firstImage(await grey(2, 0x10, 0xb0)), [0, 85, 170, 255]);
  assertEquals(await firstImage(await grey(4, 0x0f, 0x3c)), [0, 255, 51, 204]);
});

Deno.test("imageFolder() repeats grey in three channels when the set has colour, wherever it comes", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await tinyFolder(), "train/dog/a.png": await flat(2, 1, 2, 3) });
    const { train, test, shape } = await imageFolder({ path: folder }).open();
    assertEquals(shape, [3, 2, 2]);
    assertEquals([...train.pixels.subarray(0, 12)], new Array(12).fill(10));
    assertEquals([...train.pixels.subarray(24, 36)], [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    assertEquals([...train.pixels.subarray(36, 48)], new Array(12).fill(40));
    assertEquals([...test.pixels.subarray(12)], new Array(12).fill(60));
  }));

Deno.test("imageFolder() reads colour and grey JPEG", async () => {
  const near = (pixels: readonly number[], wanted: readonly number[]) =>
    // JPEG at quality 100 is within two steps of the colour that went in.
    assert(pixels.every((pixel, i) => Math.abs(pixel - wanted[i >> 2]!) <= 2), `${pixels} near ${wanted}`);
  near(await firstImage(await jpeg(2, 200, 100, 50), "a.jpg"), [200, 100, 50]);
  const grey = await firstImage(await jpeg(2, 77), "a.JPEG");
  assertEquals(grey.length, 4);
  near(grey, [77]);
});

Deno.test("imageFolder() refuses CMYK JPEG and interlaced PNG below 8 bits", () =>
  inFolder(async (folder) => {
    const colour = await jpeg(2, 1, 2, 3);
    const frame = colour.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc1, 0xc2].includes(colour[i + 1]!));
    colour[frame + 9] = 4;
    await assertRefused(
      () => openWith(folder, colour, "a.jpg"),
      'Cannot decode "train/cat/a.jpg": a JPEG image must be grey or have three colours, ' +
        "got 4 components (CMYK has four). Save it as 8-bit colour.",
    );
    await Deno.remove(`${folder}/train/cat/a.jpg`);
    await assertRefused(
      async () => openWith(folder, await rawPng({ width: 2, height: 2, depth: 1, colour: 0, interlace: 1 }, [0, 0])),
      'Cannot decode "train/cat/a.png": an interlaced PNG image must have 8 or 16 bits a sample, got 1. ' +
        "Save it as 8-bit colour.",
    );
  }));

Deno.test("imageFolder() refuses files that are no images, empty, or without pixels", () =>
  inFolder(async (folder) => {
    await assertRefused(
      () => openWith(folder, new TextEncoder().encode("hello")),
      'Cannot decode "train/cat/a.png": it must be a JPEG or PNG image, got a file that starts with 68 65 6c 6c. ' +
        "Replace or remove the file.",
    );
    await assertRefused(
      () => openWith(folder, new Uint8Array()),
      `Cannot read "${folder}/train/cat/a.png": a file of a dataset must not be empty, got 0 bytes. ` +
        "Copy or download it again.",
    );
    await assertRefused(
      async () => openWith(folder, await rawPng({ width: 0, height: 2, depth: 8, colour: 0 }, [])),
      'Cannot decode "train/cat/a.png": an image must have pixels, got 2×0. Save it as 8-bit colour.',
    );
  }));

Deno.test("imageFolder() refuses cut and damaged JPEG and PNG files", () =>
  inFolder(async (folder) => {
    const colour = await jpeg(2, 200, 100, 50);
    await assertRefused(
      () => openWith(folder, colour.slice(0, -4), "a.jpg"),
      'Cannot decode "train/cat/a.jpg": its JPEG data must be whole, got "Premature end of JPEG file". ' +
        "Replace or remove the file.",
    );
    await assertRefused(
      () => openWith(folder, colour.slice(0, 20), "a.jpg"),
      'Cannot decode "train/cat/a.jpg": its JPEG data must be whole, got 20 bytes without a frame header. ' +
        "Replace or remove the file.",
    );
    await Deno.remove(`${folder}/train/cat/a.jpg`);
    const grey = await flat(2, 9);
    await assertRefused(
      () => openWith(folder, grey.slice(0, 20)),
      'Cannot decode "train/cat/a.png": its PNG data must be whole, got 20 bytes. Replace or remove the file.',
    );
    const damaged = concat([grey]);
    damaged[44]! ^= 0xff;
    for (const bytes of [damaged, grey.slice(0, -13)]) {
      let message = "";
      await openWith(folder, bytes).catch((error: Error) => message = error.message);
      assert(message.startsWith('Cannot decode "train/cat/a.png": its PNG data must be whole, got "'), message);
    }
  }));

Deno.test("imageDecoder() goes on after a damaged file", async () => {
  const decoder = imageDecoder();
  const good = await jpeg(2, 77);
  const damaged = good.slice(0, -20);
  for (let time = 0; time < 3; time++) {
    await assertRejects(() => decoder.decode("bad.jpg", damaged, () => {}), DatasetError);
    const { samples, stride } = await decoder.decode("good.jpg", good, () => {});
    assertEquals([samples.length, stride], [16, 4]);
  }
});

Deno.test("imageFolder() refuses a set too large for memory before decoding it", () =>
  inFolder(async (folder) => {
    const huge = await rawPng({ width: 30000, height: 30000, depth: 8, colour: 0 }, [0]);
    await assertRefused(
      () => openWith(folder, huge),
      `Cannot use "${folder}": decoded images must fit into 4 GiB, got 6 images of 30000×30000, 15.1 GiB. ` +
        "Use fewer or smaller images.",
    );
  }));
