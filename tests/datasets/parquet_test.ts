import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { cifar10, cifar100 } from "../../datasets/cifar.ts";
import { cifar100Classes, cifar10Classes } from "../../datasets/cifar_names.ts";
import { readParquet } from "../../datasets/parquet.ts";
import { readColumn } from "../../datasets/parquet/column.ts";
import { hyparquet } from "../../datasets/parquet/library.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { assertRefused, flat, inFolder, jpeg, parquet, write } from "./fixtures.ts";

const TRAIN = "plain_text/train-00000-of-00001.parquet";
const TEST = "plain_text/test-00000-of-00001.parquet";

Deno.test("cifar10() reads Hugging Face's parquet files, and its cache the second time", () =>
  inFolder(async (folder) => {
    const images = await Promise.all([10, 20, 30, 40, 50].map((red) => flat(32, red, 2, 3)));
    await write(folder, {
      [TRAIN]: await parquet(images, [9, 0, 4, 4, 1], { names: cifar10Classes }),
      [TEST]: await parquet(images.slice(0, 1), [3], { names: cifar10Classes }),
    });
    const told: string[] = [];
    const context = { cache: `${folder}/cache`, progress: (what: string) => void told.push(what) };
    const open = await cifar10({ path: folder }).open(context);
    assertEquals([[...open.train.labels], [...open.test.labels]], [[9, 0, 4, 4, 1], [3]]);
    assertEquals([0, 1, 2, 3, 4].map((image) => open.train.pixels[image * 3072]), [10, 20, 30, 40, 50]);
    assertEquals([open.train.pixels[1024], open.train.pixels[2048]], [2, 3]);
    assert(told.some((what) => what.startsWith("decoding")));
    told.length = 0;
    const again = await cifar10({ path: folder }).open(context);
    assertEquals([again.train, again.test], [open.train, open.test]);
    assert(!told.some((what) => what.startsWith("decoding")));
  }));

Deno.test("cifar100() takes the fine label of parquet files in several parts", () =>
  inFolder(async (folder) => {
    const options = { label: "fine_label", image: "image" };
    const image = await flat(32, 1, 2, 3);
    await write(folder, {
      "train-00000-of-00002.parquet": await parquet([image], [97], options),
      "train-00001-of-00002.parquet": await parquet([image], [5], options),
      "test-00000-of-00001.parquet": await parquet([image], [0], options),
    });
    const open = await cifar100({ path: folder }).open();
    assertEquals([[...open.train.labels], [...open.test.labels]], [[97, 5], [0]]);
  }));

Deno.test("readParquet() keeps the order of many rows, and reads snappy and dictionaries", () =>
  inFolder(async (folder) => {
    const images = Array.from({ length: 300 }, (_, i) => new Uint8Array(200).fill(i & 255));
    const labels = images.map((_, i) => i % 7);
    await write(folder, { "a.parquet": await parquet(images, labels) });
    const layout = { image: ["img"], label: ["label"], classNames: cifar10Classes };
    const files = await readParquet(`${folder}/a.parquet`, layout);
    assertEquals(files.map(({ label }) => label), labels);
    assertEquals(files.map(({ source }) => "bytes" in source && source.bytes[0]), images.map((bytes) => bytes[0]!));
  }));

Deno.test("cifar10() refuses parquet files of another dataset", () =>
  inFolder(async (folder) => {
    const image = await flat(32, 1, 2, 3);
    const refused = async (train: Uint8Array, message: string) => {
      await write(folder, { [TRAIN]: train, [TEST]: await parquet([image], [0]) });
      await assertRefused(() => cifar10({ path: folder }).open(), message);
    };
    const path = `${folder}/${TRAIN}`;
    await refused(
      await parquet([image], [10]),
      `Cannot read "${path} row 0": labels must be from 0 to 9, got 10. Copy or download it again.`,
    );
    await refused(
      await parquet([image], [0], { label: "fine_label" }),
      `Cannot read "${path}": it must have a column label, got img.bytes, img.path, fine_label. ` +
        "Give the parquet files of this dataset.",
    );
    await refused(
      await parquet([image], [0], { names: cifar100Classes }),
      `Cannot read "${path}": its classes must be those of the dataset, "airplane" at 0, got "apple". ` +
        "Give the parquet files of this dataset.",
    );
    const small = await parquet([await jpeg(16, 1, 2, 3)], [0]);
    await write(folder, { [TRAIN]: small, [TEST]: small });
    await assertRefused(
      () => cifar10({ path: folder }).open(),
      `Cannot use "${folder}/plain_text": images of CIFAR-10 must be 3×32×32, got 3×16×16. ` +
        "Give the parquet files of this dataset.",
    );
    await Deno.remove(path);
    await assertRefused(
      () => cifar10({ path: folder }).open(),
      `Cannot open "${folder}/plain_text": it must hold train*.parquet beside test*.parquet, got none. Download both.`,
    );
  }));

Deno.test("cifar10() refuses parquet files that are cut, empty, or something else", () =>
  inFolder(async (folder) => {
    const image = await flat(32, 1, 2, 3);
    const whole = await parquet([image, image], [0, 1]);
    const path = `${folder}/${TRAIN}`;
    const message = async (train: Uint8Array): Promise<string> => {
      await write(folder, { [TRAIN]: train, [TEST]: whole });
      const error = await assertRejects(() => cifar10({ path: folder }).open(), DatasetError);
      return (error as Error).message;
    };
    for (const bytes of [whole.slice(0, -9), whole.slice(0, 50), new Uint8Array(), new Uint8Array(4000).fill(7)]) {
      const said = await message(bytes);
      assert(said.startsWith(`Cannot read "${path}": it must be a whole parquet file, got "`), said);
    }
    assertEquals(
      await message(await parquet([], [])),
      `Cannot read "${path}": it must hold images, got no rows. Copy or download it again.`,
    );
  }));

Deno.test("readParquet() ends on damaged headers of pages, some of which hyparquet alone reads for ever", () =>
  inFolder(async (folder) => {
    const images = [1, 2, 3].map((value) => new Uint8Array(50).fill(value));
    const whole = await parquet(images, [0, 1, 2]);
    const layout = { image: ["img"], label: ["label"], classNames: cifar10Classes };
    for (let at = 4; at < 64; at++) {
      for (const value of [0, 127, 255]) {
        await Deno.writeFile(`${folder}/a.parquet`, whole.map((byte, i) => i === at ? value : byte));
        const error = await readParquet(`${folder}/a.parquet`, layout).then(() => undefined, (error) => error);
        assert(error === undefined || error instanceof DatasetError, `${at} ${value}: ${error?.stack}`);
      }
    }
  }));

Deno.test("readColumn() refuses a run that goes on after its page, and keeps no part of it", async () => {
  const library = await hyparquet();
  // A dictionary of one integer, then a page of two indices whose run says 2²⁷ − 1.
  const dictionary = [0x15, 4, 0x15, 8, 0x15, 8, 0x4c, 0x15, 2, 0x15, 0, 0, 0, 7, 0, 0, 0];
  const page = (run: number[]) => {
    const body = [1, ...run, 0];
    return [0x15, 0, 0x15, 2 * body.length, 0x15, 2 * body.length, 0x2c, 0x15, 4, 0x15, 16, 0, 0, ...body];
  };
  const read = (run: number[]) =>
    readColumn(
      library,
      Uint8Array.from([...dictionary, ...page(run)]),
      { type: "INT32", codec: "UNCOMPRESSED" },
      2,
      0,
    );
  assertEquals(read([4]), [7, 7]);
  assertThrows(() => read([0xfe, 0xff, 0xff, 0x7f]), Error, "a run that goes on after 2 values");
});
