import { assert } from "@std/assert";
import { readArchive } from "../../datasets/archive.ts";
import { readCache, writeCache } from "../../datasets/cache.ts";
import { cifar10Classes } from "../../datasets/cifar_names.ts";
import { imageDecoder } from "../../datasets/decode_image.ts";
import { readIdx } from "../../datasets/idx.ts";
import { imageSet } from "../../datasets/open_dataset.ts";
import { readParquet } from "../../datasets/parquet.ts";
import { sourceReader } from "../../datasets/read_source.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { stream } from "../../dsl/random.ts";
import { concat, gzip, idx, inFolder, jpeg, parquet, png, rawPng, tar, tinyFolder, zip } from "./fixtures.ts";

// COHORT_FUZZ=<n> tries n times as many files, from other seeds.
const MORE = Number(Deno.env.get("COHORT_FUZZ") ?? 1);

/** What a random integer below `end` is drawn with. */
type Draw = (end: number) => number;

/**
 * A file with a few of its bytes changed, most of them near the start or the end, where headers and indices lie; and
 * one in four files is cut, lengthened, or has a part twice.
 */
function mutated(bytes: Uint8Array, draw: Draw): Uint8Array {
  let result: Uint8Array = bytes.slice();
  const place = (): number => {
    const edge = Math.min(result.length, 96);
    return [draw(edge), draw(edge), result.length - 1 - draw(edge), draw(result.length)][draw(4)]!;
  };
  for (let change = draw(6); change >= 0 && result.length > 0; change--) {
    const at = place();
    const value = [draw(256), 0, 255, result[at]! ^ (1 << draw(8)), 0x7f][draw(5)]!;
    for (let end = at + [1, 1, 2, 4, 8][draw(5)]!, i = at; i < end && i < result.length; i++) result[i] = value;
  }
  const [from, to] = [draw(result.length + 1), draw(result.length + 1)];
  const way = draw(16);
  if (way === 0) result = result.slice(0, from);
  if (way === 1) result = concat([result, result.slice(Math.min(from, to), Math.max(from, to))]);
  if (way === 2) result = concat([result.slice(0, from), result.slice(Math.min(from, to))]);
  if (way === 3) result = result.slice(from);
  return result;
}

/** Reads mutated files; each has to be read or refused with a sentence, within five seconds. */
async function fuzz(
  name: string,
  times: number,
  files: readonly Uint8Array[],
  read: (bytes: Uint8Array) => Promise<unknown>,
): Promise<void> {
  for (let time = 0; time < times * MORE; time++) {
    const words = stream(time, "fuzz", name);
    let next = 0;
    const bytes = mutated(files[time % files.length]!, (end) => words.word(next++) % end);
    const began = performance.now();
    try {
      await read(bytes);
    } catch (error) {
      const fine = error instanceof DatasetError && /^Cannot .*: .*, got .*\. .*[.)]$/s.test(error.message);
      assert(fine, `${name}, seed ${time}: ${error instanceof Error ? error.stack : error}`);
    }
    const took = performance.now() - began;
    // Milliseconds are usual; a busy machine and the loading of a codec take more.
    assert(took < 5000, `${name}, seed ${time}: ${took} ms`);
  }
}

/** Reads through a file, which formats with an index want. */
function onDisk(
  read: (path: string) => Promise<unknown>,
): (use: (read: (bytes: Uint8Array) => Promise<unknown>) => Promise<void>) => Promise<void> {
  return (use) =>
    inFolder((folder) =>
      use(async (bytes) => {
        await Deno.writeFile(`${folder}/file`, bytes);
        await read(`${folder}/file`);
      })
    );
}

async function decoded(bytes: Uint8Array): Promise<void> {
  await decoder.decode("image", bytes, ({ width, height }) => {
    // As a set of images of one size refuses others.
    if (width * height > 4096) {
      throw new DatasetError("Cannot use it: it must be small, got a large one. Make it small.");
    }
  });
}

const decoder = imageDecoder();

async function readAll(path: string): Promise<void> {
  const entries = await readArchive(path);
  using reader = sourceReader();
  for (const { source } of entries) if (source !== undefined) reader.read(source);
}

Deno.test("imageDecoder() reads or refuses mutated JPEG files", async () => {
  const grey = await jpeg(16, 77);
  const colour = await jpeg(16, 200, 100, 50);
  // Four components of the same tables: enough to reach the other decoder.
  const start = colour.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc1, 0xc2].includes(colour[i + 1]!));
  const four = colour.slice();
  four[start + 9] = 4;
  await fuzz("jpeg", 300, [grey, colour, colour, four], decoded);
});

Deno.test("imageDecoder() reads or refuses mutated PNG files", async () => {
  const noise = (length: number) => Array.from({ length }, (_, i) => (i * 7919) >> 3 & 255);
  const files = [
    await png(8, 8, 3, noise(192)),
    await png(8, 8, 4, noise(256)),
    await png(8, 8, 1, noise(64), 16),
    await rawPng({ width: 8, height: 2, depth: 2, colour: 3 }, [0, 1, 2, 0, 3, 4], [["PLTE", noise(12)], ["tRNS", [
      0,
    ]]]),
  ];
  await fuzz("png", 400, files, decoded);
});

Deno.test("readArchive() reads or refuses mutated tar, gzip and zip files", async () => {
  const files = await tinyFolder();
  const archive = tar({ "train/": new Uint8Array(), ...files });
  const use = onDisk(readAll);
  await use((read) => fuzz("tar", 400, [archive], read));
  const packed = await gzip(archive);
  await use((read) => fuzz("gzip", 150, [packed], read));
  const zipped = await zip(files);
  await use((read) => fuzz("zip", 200, [zipped], read));
});

Deno.test("readParquet() reads or refuses mutated files", async () => {
  const images = [1, 2, 3].map((value) => new Uint8Array(50).fill(value));
  const file = await parquet(images, [0, 1, 2], { names: cifar10Classes });
  const layout = { image: ["img"], label: ["label"], classNames: cifar10Classes };
  await onDisk((path) => readParquet(path, layout))((read) => fuzz("parquet", 300, [file], read));
});

Deno.test("readIdx() reads or refuses mutated files", () =>
  // deno-lint-ignore require-await -- a throw becomes a rejection
  fuzz("idx", 500, [idx([3, 2, 2], new Array(12).fill(1)), idx([4], [1, 2, 3, 4])], async (bytes) => {
    readIdx("file", bytes, 3);
  }));

Deno.test("readCache() reads mutated files as if there were none", () =>
  inFolder(async (cache) => {
    const set = imageSet(new Uint8Array(8).fill(3), Uint16Array.of(0, 1));
    const origin = { kind: "images", source: "here", version: "1" };
    await writeCache({ cache }, origin, {
      classNames: ["a", "b"],
      shape: [1, 2, 2],
      mixed: false,
      train: set,
      test: set,
    });
    const [{ name }] = Array.from(Deno.readDirSync(cache)) as [Deno.DirEntry];
    const file = await Deno.readFile(`${cache}/${name}`);
    await fuzz("cache", 300, [file], async (bytes) => {
      await Deno.writeFile(`${cache}/${name}`, bytes);
      const read = await readCache({ cache }, origin);
      // Names of classes are the one part that no checksum covers.
      assert(read === undefined || read.train.pixels.every((value) => value === 3));
    });
  }));
