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

Deno.test("imageFolder() turns CMYK and YCCK JPEG into RGB as Pillow does", async () => {
  const near = (file: Uint8Array, wanted: readonly number[]) =>
    inFolder(async (folder) => {
      await write(folder, {
        "train/cat/1.jpg": file,
        "train/dog/1.jpg": file,
        "test/cat/1.jpg": file,
        "test/dog/1.jpg": file,
      });
      const { train: { pixels }, shape } = await imageFolder({ path: folder }).open();
      assertEquals(shape, [3, 16, 16]);
      const got = [2, 12].flatMap((x) => [0, 1, 2].map((channel) => pixels[channel * 256 + 2 * 16 + x]!));
      // Two roundings of a product of inks.
      assert(got.every((value, i) => Math.abs(value - wanted[i]!) <= 1), `${got} near ${wanted}`);
    });
  // The numbers are those of Pillow 9.4: Image.open(file).convert("RGB").getpixel((2, 2)) and (12, 2).
  const cmyk = Uint8Array.from(atob(CMYK), (char) => char.charCodeAt(0));
  await near(cmyk, [51, 207, 180, 187, 57, 126]);
  cmyk[17] = 2; // Adobe's mark for YCCK
  await near(cmyk, [98, 235, 26, 0, 14, 80]);
});

Deno.test("imageFolder() takes the still image of an animated PNG", async () => {
  assertEquals(await firstImage(Uint8Array.from(atob(ANIMATED), (char) => char.charCodeAt(0))), [
    ...[0, 0, 0, 0],
    ...[20, 20, 20, 20],
    ...[30, 30, 30, 30],
  ]);
});

Deno.test("imageFolder() goes by the first bytes of an image and not by its name", async () => {
  assertEquals(await firstImage(await flat(2, 9), "a.JPEG"), [9, 9, 9, 9]);
});

Deno.test("imageFolder() refuses JPEG of 12 bits or 2 components, and interlaced PNG below 8 bits", () =>
  inFolder(async (folder) => {
    const colour = await jpeg(2, 1, 2, 3);
    const frame = colour.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc1, 0xc2].includes(colour[i + 1]!));
    colour[frame + 9] = 2;
    await assertRefused(
      () => openWith(folder, colour, "a.jpg"),
      'Cannot decode "train/cat/a.jpg": a JPEG image must be grey, colour or CMYK, got 2 components. ' +
        "Save it as 8-bit colour.",
    );
    colour[frame + 4] = 12;
    await assertRefused(
      () => openWith(folder, colour, "a.jpg"),
      'Cannot decode "train/cat/a.jpg": a JPEG image must have 8 bits a sample, got 12. Save it as 8-bit colour.',
    );
    await Deno.remove(`${folder}/train/cat/a.jpg`);
    await assertRefused(
      async () => openWith(folder, await rawPng({ width: 2, height: 2, depth: 1, colour: 0, interlace: 1 }, [0, 0])),
      'Cannot decode "train/cat/a.png": an interlaced PNG image must have 8 or 16 bits a sample, got 1. ' +
        "Save it as 8-bit colour.",
    );
    await assertRefused(
      async () => openWith(folder, await rawPng({ width: 2, height: 2, depth: 3, colour: 0 }, [0, 0])),
      'Cannot decode "train/cat/a.png": a PNG image must be of a kind that PNG has, got colour type 0 of 3 bits. ' +
        "Save it as 8-bit colour.",
    );
  }));

Deno.test("imageFolder() names the format of an image that it does not read", () =>
  inFolder(async (folder) => {
    const kinds = [
      ["GIF89a", "a GIF image, which may move"],
      ["RIFF....WEBPVP8 ", "a WebP image, which may move"],
      ["BM......", "a BMP image"],
      ["II*\0....", "a TIFF image"],
      ["....ftypavif", "an AVIF, HEIC or video file"],
      ["%PDF-1.7", "a PDF file"],
      ["<!DOCTYPE html>", "a web page"],
      ["version https://git-lfs.github.com/spec/v1", "a Git LFS pointer, not the file itself"],
      ["hello", "a file that starts with 68 65 6c 6c"],
    ] as const;
    for (const [start, kind] of kinds) {
      await assertRefused(
        () => openWith(folder, new TextEncoder().encode(start.padEnd(64, "."))),
        `Cannot decode "train/cat/a.png": it must be a JPEG or PNG image, got ${kind}. Replace or remove the file.`,
      );
    }
  }));

Deno.test("imageFolder() refuses images that are empty or without pixels", () =>
  inFolder(async (folder) => {
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

Deno.test("imageFolder() refuses an image and a set too large for memory before decoding them", () =>
  inFolder(async (folder) => {
    await assertRefused(
      async () => openWith(folder, await rawPng({ width: 30000, height: 30000, depth: 8, colour: 0 }, [0])),
      'Cannot decode "train/cat/a.png": an image must have at most 134217728 pixels, got 30000×30000. ' +
        "Make it smaller or remove it.",
    );
    const large = await rawPng({ width: 10000, height: 10000, depth: 8, colour: 0 }, [0]);
    for (let i = 0; i < 12; i++) await write(folder, { [`train/cat/a${i}.png`]: large });
    await assertRefused(
      () => openWith(folder, large),
      `Cannot use "${folder}": decoded images must fit into 4 GiB, got 18 images of 10000×10000, 5.0 GiB. ` +
        "Use fewer or smaller images, or open them by imageFolder({ path, size }).",
    );
  }));

// 16×16, left half 200, 30, 60, 20, right half 10, 180, 90, 60; made by Pillow 9.4, Image.new("CMYK"), quality 100.
const CMYK =
  "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwABAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ" +
  "EB/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUS" +
  "ITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFho" +
  "eIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD+" +
  "bev7CK/oYr+1iv8AXwr/ADT6+D6/L+v8g+v9LCvvCv1Ar/Xwr/NPr4Pr8v6//9k=";

// 2×2, three frames of (10 · frame, 20, 30); made by Pillow 9.4.
const ANIMATED =
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAACGFjVEwAAAADAAAAAM7tusAAAAAaZmNUTAAAAAAAAAACAAAAAgAAAAAAAAAAAAAD6A" +
  "AAbedekAAAABZJREFUeJxjZBCRY2BgYGJgYGBgYAAAAmQANpi3iG8AAAAaZmNUTAAAAAEAAAACAAAAAgAAAAAAAAAAAAAD6AAA9pS0RAAAABpmZEFU" +
  "AAAAAnicY+QSkWNgYGBiYGBgYGAAAALmAED9gLoqAAAAGmZjVEwAAAADAAAAAgAAAAIAAAAAAAAAAAAAA+gAABsCZ60AAAAaZmRBVAAAAAR4nGMUEZ" +
  "FjYGBgYmBgYGBgAAADaABKq9HUpQAAAABJRU5ErkJggg==";
