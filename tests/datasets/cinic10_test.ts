import { assertEquals, assertThrows } from "@std/assert";
import { cifar10Classes } from "../../datasets/cifar_names.ts";
import { cinic10 } from "../../datasets/cinic10.ts";
import { dataset } from "../../datasets/dataset.ts";
import { OptionError } from "../../dsl/errors.ts";
import { sha256, withServer } from "./file_server.ts";
import { assertRefused, flat, gzip, inFolder, tar, write } from "./fixtures.ts";

/** Three splits of the ten classes with an image each, whose red tells the split. */
async function published(side = 32): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = { "README.md": new Uint8Array(3) };
  for (const [i, split] of ["train", "valid", "test"].entries()) {
    const image = await flat(side, 10 * (i + 1), 2, 3);
    for (const name of cifar10Classes) files[`${split}/${name}/cifar10-train-1.png`] = image;
  }
  return files;
}

Deno.test("cinic10() reads the archive and the folder alike, and trains on what is said", () =>
  inFolder(async (folder) => {
    const files = await published();
    await write(folder, files);
    const archive = `${folder}.tar.gz`;
    await Deno.writeFile(archive, await gzip(tar(files)));
    try {
      for (const path of [folder, archive]) {
        const reds = async (options: Parameters<typeof cinic10>[0]) => {
          const { train, test } = await cinic10({ path, ...options }).open({ cache: `${folder}/cache` });
          return [train, test].map(({ pixels, length }) => Array.from({ length }, (_, i) => pixels[i * 3072]!));
        };
        const ten = (red: number) => new Array(10).fill(red);
        assertEquals(await reds({}), [ten(10), ten(30)]);
        assertEquals(await reds({ testOn: "valid" }), [ten(10), ten(20)]);
        const both = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? 10 : 20);
        assertEquals(await reds({ trainOn: "train+valid" }), [both, ten(30)]);
        assertEquals(await reds({}), [ten(10), ten(30)]);
      }
    } finally {
      await Deno.remove(archive);
    }
    const open = await cinic10({ path: folder }).open();
    assertEquals(open.shape, [3, 32, 32]);
    assertEquals(open.normalization.mean, [0.47889522, 0.47227842, 0.43047404]);
    assertEquals(dataset(folder).kind, "cinic10");
  }));

Deno.test("cinic10() downloads the archive from a mirror that breaks off, and tells how far it is", () =>
  inFolder(async (folder) => {
    const archive = await gzip(tar(await published()));
    await withServer(archive, { breaks: { 1: 300 } }, async ({ address }) => {
      const download = { address, sha256: { "CINIC-10.tar.gz": sha256(archive) } };
      const notes: string[] = [];
      const progress = (what: string, _: number, note?: string) =>
        void (what.startsWith("downloading") && notes.push(note!));
      const { train, test } = await cinic10({ download }).open({ cache: folder, progress });
      assertEquals([train.length, test.length], [10, 10]);
      assertEquals(notes.some((note) => note.endsWith("trying again")), true);
    });
  }));

Deno.test("cinic10() refuses other classes, other sizes, and images trained on that are held out", () =>
  inFolder(async (folder) => {
    await write(folder, await published(16));
    await assertRefused(
      () => cinic10({ path: folder }).open(),
      `Cannot use "${folder}": images of CINIC-10 must be 3×32×32, got 3×16×16. Give the official files.`,
    );
    for (const split of ["train", "test"]) await Deno.rename(`${folder}/${split}/cat`, `${folder}/${split}/lion`);
    await assertRefused(
      () => cinic10({ path: folder }).open(),
      `Cannot use "${folder}": CINIC-10 has the ten classes of CIFAR-10, got "lion". ` +
        "Give the official files, or imageFolder({ path }).",
    );
    for (const split of ["train", "test"]) await Deno.remove(`${folder}/${split}/lion`, { recursive: true });
    await assertRefused(
      () => cinic10({ path: folder }).open(),
      `Cannot use "${folder}": CINIC-10 has the ten classes of CIFAR-10, got 9 of them. ` +
        "Give the official files, or imageFolder({ path }).",
    );
    assertThrows(
      () => cinic10({ trainOn: "train+valid", testOn: "valid" }),
      OptionError,
      'Cannot open CINIC-10: images trained on must not be held out, got trainOn "train+valid" and testOn "valid". ' +
        'Hold out "test".',
    );
  }));

Deno.test("cinic10() tells where it looked", () =>
  inFolder((folder) =>
    assertRefused(
      () => cinic10({ path: `${folder}/none` }).open(),
      `Cannot open CINIC-10: CINIC-10.tar.gz or the folder it unpacks to must lie at "${folder}/none", ` +
        "got nothing there. Give cinic10({ path }), or allow cinic10({ download: true }). On the command line, say --dataset PATH or --download.",
    )
  ));
