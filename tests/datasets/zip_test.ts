import { assert, assertEquals, assertRejects } from "@std/assert";
import { readArchive } from "../../datasets/archive.ts";
import { imageFolder } from "../../datasets/image_folder.ts";
import { sourceReader } from "../../datasets/read_source.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { assertRefused, inFolder, tinyFolder, write, zip } from "./fixtures.ts";

const bytes = (content: string) => new TextEncoder().encode(content);

Deno.test("readArchive() reads stored and deflated files of a zip archive, whatever its name", () =>
  inFolder(async (folder) => {
    const archive = await zip({
      "a/": new Uint8Array(),
      "a/one é 図.txt": bytes("1"),
      "./two": bytes("x".repeat(70_000)),
      "three": bytes("y".repeat(700)),
    });
    await write(folder, { "named.tar.gz": archive });
    const entries = await readArchive(`${folder}/named.tar.gz`);
    using reader = sourceReader();
    const lengths = entries.map(({ path, source }) => [path, source && reader.read(source).length]);
    assertEquals(lengths, [["a", undefined], ["a/one é 図.txt", 1], ["two", 70_000], ["three", 700]]);
  }));

Deno.test("imageFolder() reads a zip archive as it reads the folder", () =>
  inFolder(async (folder) => {
    const files = await tinyFolder();
    await write(folder, { ...files });
    const wrapped = Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`pets/${path}`, bytes]));
    const junk = { "__MACOSX/pets/._train": new Uint8Array(3) };
    await write(folder, { "pets.zip": await zip({ ...wrapped, ...junk }) });
    const [open, wanted] = [
      await imageFolder({ path: `${folder}/pets.zip` }).open(),
      await imageFolder({ path: folder }).open(),
    ];
    assertEquals([open.classNames, open.train, open.test], [wanted.classNames, wanted.train, wanted.test]);
  }));

Deno.test("readArchive() refuses zip archives that are empty, cut, encrypted, or damaged", () =>
  inFolder(async (folder) => {
    const whole = await zip({ "a.png": bytes("a".repeat(500)), "b.png": bytes("b".repeat(500)) });
    await write(folder, {
      "empty.zip": await zip({}),
      "cut.zip": whole.slice(0, -30),
      "secret.zip": await zip({ "a.png": bytes("1") }, { password: "p" }),
    });
    await assertRefused(
      () => readArchive(`${folder}/empty.zip`),
      `Cannot open "${folder}/empty.zip": a zip archive must hold at least one file, got 22 bytes without any. ` +
        "Pack the folder again.",
    );
    const error = await assertRejects(() => readArchive(`${folder}/cut.zip`), DatasetError);
    const start = `Cannot open "${folder}/cut.zip": the zip archive must be whole, got "`;
    assert((error as Error).message.startsWith(start), (error as Error).message);
    await assertRefused(
      () => readArchive(`${folder}/secret.zip`),
      `Cannot read "a.png" of "${folder}/secret.zip": a zip archive of images must not be encrypted, ` +
        "got an encrypted file. Unpack it first.",
    );
    // The second file is deflated; its data is broken, then its index says another length.
    const [, second] = await (await write(folder, { "a.zip": whole }), readArchive(`${folder}/a.zip`));
    const { source } = second!;
    assert(source !== undefined && !("bytes" in source));
    await write(folder, { "a.zip": whole.map((byte, i) => i >= source.from! && i < source.from! + 3 ? 255 : byte) });
    using reader = sourceReader();
    const broken = await assertRejects(async () => await reader.read(source), DatasetError);
    const rule = `Cannot unpack "b.png" of "${folder}/a.zip": its zip data must be whole, got "`;
    assert((broken as Error).message.startsWith(rule), (broken as Error).message);
    await write(folder, { "b.zip": whole });
    await assertRefused(
      async () => await reader.read({ ...source, path: `${folder}/b.zip`, inflated: 600 }),
      `Cannot unpack "b.png" of "${folder}/b.zip": its zip data must be whole, got "500 of 600 bytes". ` +
        "Copy or download it again.",
    );
  }));
