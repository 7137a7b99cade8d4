import { assert, assertEquals, assertRejects } from "@std/assert";
import { imageFolder } from "../../datasets/image_folder.ts";
import { unpack } from "../../datasets/unpack.ts";
import { readArchive } from "../../datasets/archive.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { assertRefused, flat, gzip, inFolder, tar, tinyFolder, write } from "./fixtures.ts";

const windows = Deno.build.os === "windows";
const mayReadAll = windows || Deno.uid() === 0;

Deno.test("imageFolder() reads paths with spaces, quotes and other scripts, composed or not", () =>
  inFolder(async (folder) => {
    const path = `${folder}/meine Bilder 'ü' 图片 #1 100%`;
    for (const split of ["train", "test"]) {
      await write(path, {
        [`${split}/cafe\u0301 "1"/a b.png`]: await flat(2, 1),
        [`${split}/café 2/ä?.png`.replace("?", windows ? "" : "?")]: await flat(2, 2),
        [`${split}/猫/🐈.png`]: await flat(2, 3),
      });
    }
    for (const options of [{ path }, { path: `${path}/` }, { path, size: 2 }]) {
      const open = await imageFolder(options).open({ cache: `${folder}/cache` });
      assertEquals(open.classNames, ['cafe\u0301 "1"', "café 2", "猫"]);
      assertEquals([...open.train.labels], [0, 1, 2]);
    }
  }));

Deno.test({
  name: "imageFolder() tells which file cannot be read",
  ignore: windows, // neither links nor pipes there
  fn: () =>
    inFolder(async (folder) => {
      await write(folder, await tinyFolder());
      const bad = `${folder}/train/dog/c.png`;
      const says = async (start: string): Promise<void> => {
        for (const options of [{ path: folder }, { path: folder, size: 2 }]) {
          const error = await assertRejects(() => imageFolder(options).open(), DatasetError);
          assert((error as Error).message.startsWith(start), (error as Error).message);
        }
        await Deno.remove(bad);
      };
      await Deno.symlink(`${folder}/nowhere.png`, bad);
      await says(`Cannot read "${bad}": it must be a readable file or folder, got "No such file or directory`);
      await Deno.symlink(bad, bad);
      await says(`Cannot read "${bad}": it must be a readable file or folder, got "Too many levels of symbolic links`);
      const made = await new Deno.Command("mkfifo", { args: [bad] }).output();
      assert(made.success);
      await says(`Cannot read "${bad}": it must be a file, got a pipe or device. Remove it.`);
    }),
});

Deno.test({
  name: "imageFolder() tells which file may not be read" + (mayReadAll ? " (ignored: the superuser may read all)" : ""),
  ignore: mayReadAll,
  fn: () =>
    inFolder(async (folder) => {
      await write(folder, await tinyFolder());
      await Deno.chmod(`${folder}/train/dog/b.png`, 0);
      const error = await assertRejects(() => imageFolder({ path: folder }).open(), DatasetError);
      const start =
        `Cannot read "${folder}/train/dog/b.png": it must be a readable file or folder, got "Permission denied`;
      assert((error as Error).message.startsWith(start), (error as Error).message);
    }),
});

Deno.test("imageFolder() tells the permission that is missing", () =>
  inFolder(async (folder) => {
    await write(folder, await tinyFolder());
    const script = `
      const { imageFolder } = await import(${JSON.stringify(import.meta.resolve("../../datasets/image_folder.ts"))});
      await imageFolder({ path: ${JSON.stringify(folder)} }).open().catch((error) => console.log(error.message));`;
    await Deno.writeTextFile(`${folder}/look.ts`, script);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--no-check",
        "--allow-read",
        `--deny-read=${folder}/train/dog`,
        `${folder}/look.ts`,
      ],
      cwd: import.meta.dirname!,
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert(said.startsWith(`Cannot read "${folder}/train/dog": it must be a readable file or folder, got "`), said);
    assert(said.trimEnd().endsWith("Allow it with --allow-read."), said);
  }));

Deno.test("imageFolder() ends at folders that lead in a circle", () =>
  inFolder(async (folder) => {
    await write(folder, await tinyFolder());
    if (windows) return;
    await Deno.mkdir(`${folder}/train/dog/deep/deeper`, { recursive: true });
    await Deno.symlink("../../../cat", `${folder}/train/dog/deep/deeper/cats`);
    await Deno.symlink("../dog", `${folder}/train/cat/dogs`);
    await Deno.symlink("..", `${folder}/train/up`);
    const { train } = await imageFolder({ path: folder }).open();
    // cat: its two and the dogs' two; dog: its two and the cats' two.
    assertEquals([...train.labels], [0, 0, 0, 0, 1, 1, 1, 1]);
  }));

Deno.test("imageFolder() reads an archive that names a file twice as tar unpacks it, and not the links in it", () =>
  inFolder(async (folder) => {
    const first = tar({ "train/cat/a.png": await flat(2, 99) }).slice(0, -1024);
    const link = tar({ "train/cat/link.png": new Uint8Array() }).slice(0, 512);
    const sum = parseInt(new TextDecoder().decode(link.subarray(148, 154)), 8) + 2;
    link[156] = "2".charCodeAt(0);
    link.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0")), 148);
    const whole = new Uint8Array([...first, ...link, ...tar(await tinyFolder())]);
    await write(folder, { "a.tar": whole, "a.tar.gz": await gzip(whole) });
    for (const name of ["a.tar", "a.tar.gz"]) {
      const { train } = await imageFolder({ path: `${folder}/${name}` }).open();
      assertEquals([0, 4, 8, 12].map((at) => train.pixels[at]), [10, 20, 30, 40]);
    }
  }));

Deno.test("readArchive() names the kind of a file that is no archive it reads", () =>
  inFolder(async (folder) => {
    const kinds = {
      "BZh91AY&SY": "a bzip2 file",
      "\xfd7zXZ\0": "an xz file",
      "\x28\xb5\x2f\xfd": "a zstd file",
      "7z\xbc\xaf\x27\x1c": "a 7z file",
      "Rar!\x1a\x07": "a rar file",
      "\x89PNG\r\n": "a PNG image",
      "PAR1": "a parquet file",
      "": "an empty file",
    };
    for (const [start, kind] of Object.entries(kinds)) {
      const bytes = Uint8Array.from(start === "" ? "" : start.padEnd(700, "."), (char) => char.charCodeAt(0));
      await Deno.writeFile(`${folder}/a.tar.gz`, bytes);
      await assertRefused(
        () => readArchive(`${folder}/a.tar.gz`),
        `Cannot open "${folder}/a.tar.gz": it must be a .tar, a .tar.gz or a .zip file, got ${kind}. ` +
          "Download it again, or pack the folder again.",
      );
    }
  }));

Deno.test("readArchive() refuses damaged and cut gzip data", () =>
  inFolder(async (folder) => {
    const whole = await gzip(tar(await tinyFolder()));
    const damaged = whole.map((byte, i) => i > 60 && i < 70 ? byte ^ 0x55 : byte);
    for (const bytes of [whole.slice(0, whole.length >> 1), damaged, whole.slice(0, 12)]) {
      await Deno.writeFile(`${folder}/a.tar.gz`, bytes);
      const error = await assertRejects(() => readArchive(`${folder}/a.tar.gz`), DatasetError);
      const start = `Cannot unpack "${folder}/a.tar.gz": its gzip data must be whole, got "`;
      assert((error as Error).message.startsWith(start), (error as Error).message);
    }
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["a.tar.gz"]);
  }));

Deno.test("unpack() puts much into the cache folder, once for each version, and leaves no part behind", () =>
  inFolder(async (folder) => {
    const archive = `${folder}/a.tar.gz`;
    const contents = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) >> 5);
    await Deno.writeFile(archive, await gzip(contents));
    const cache = `${folder}/cache`;
    const kept = () => Array.from(Deno.readDirSync(cache), ({ name }) => name);
    const unpacked = async (most: number, context: { cache?: string; signal?: AbortSignal }) => {
      using file = Deno.openSync(archive);
      return await unpack(archive, file, context, most);
    };
    assertEquals(await unpacked(3_000_000, {}), contents);
    const path = await unpacked(1_000_000, { cache });
    assert(typeof path === "string");
    assertEquals(await Deno.readFile(path), contents);
    const { mtime } = await Deno.stat(path);
    assertEquals(await unpacked(1_000_000, { cache }), path);
    assertEquals((await Deno.stat(path)).mtime, mtime);
    await Deno.utime(archive, 1, 1);
    const other = await unpacked(1_000_000, { cache });
    assert(other !== path);
    assertEquals(kept().length, 1);
    await Deno.writeFile(archive, (await gzip(contents)).slice(0, -100_000));
    await assertRejects(() => unpacked(1_000_000, { cache }), DatasetError);
    await assertRejects(() => unpacked(1_000_000, { cache, signal: AbortSignal.abort() }), DOMException);
    assertEquals(kept().length, 1);
    await Deno.writeFile(archive, await gzip(contents));
    await assertRefused(
      () => unpacked(1_000_000, {}),
      `Cannot unpack "${archive}": without a cache folder it must unpack to at most 1000000 bytes, got more. ` +
        "Give a cache folder, unpack it yourself, or pack it as .tar or .zip.",
    );
  }));
