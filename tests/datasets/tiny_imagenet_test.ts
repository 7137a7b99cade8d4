import { assertEquals } from "@std/assert";
import { dataset } from "../../datasets/dataset.ts";
import { tinyImagenet } from "../../datasets/tiny_imagenet.ts";
import { sha256, withServer } from "./file_server.ts";
import { assertRefused, flat, inFolder, jpeg, write, zip } from "./fixtures.ts";

const ids = Array.from({ length: 200 }, (_, i) => `n${String(1000000 + 7 * i).padStart(8, "0")}`);

/** Two hundred classes with an image each, in the published layout; held-out images are in the reverse order. */
async function published(side = 64): Promise<Record<string, Uint8Array>> {
  const text = (lines: readonly string[]) => new TextEncoder().encode(lines.join("\n") + "\n");
  const colour = await jpeg(side, 200, 100, 50);
  const grey = await jpeg(side, 77);
  const names = ids.map((id, i) => `${id}\t${i < 2 ? "crane" : `thing ${i}`}, another word`);
  const files: Record<string, Uint8Array> = {
    "wnids.txt": text(ids.toReversed()),
    "words.txt": text(["n00000001\tunused", ...names]),
    "test/images/test_0.JPEG": colour,
    "val/val_annotations.txt": text(ids.toReversed().map((id, i) => `val_${i}.JPEG\t${id}\t0\t32\t44\t62`)),
  };
  ids.forEach((id, i) => {
    files[`train/${id}/images/${id}_0.JPEG`] = i === 3 ? grey : colour;
    files[`train/${id}/${id}_boxes.txt`] = text([`${id}_0.JPEG\t0\t10\t63\t58`]);
    files[`val/images/val_${i}.JPEG`] = colour;
  });
  return files;
}

function within(files: Readonly<Record<string, Uint8Array>>): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`tiny-imagenet-200/${path}`, bytes]));
}

Deno.test("tinyImagenet() reads the archive and the folder alike", () =>
  inFolder(async (folder) => {
    const files = within(await published());
    await write(folder, {
      ...files,
      "tiny-imagenet-200.zip": await zip({ "tiny-imagenet-200/": new Uint8Array(), ...files }),
    });
    const inArchive = await tinyImagenet({ path: `${folder}/tiny-imagenet-200.zip` }).open();
    for (const path of [folder, `${folder}/tiny-imagenet-200`]) {
      const open = await tinyImagenet({ path }).open();
      assertEquals([open.train, open.test, open.classNames], [inArchive.train, inArchive.test, inArchive.classNames]);
    }
    const { train, test, classNames, shape, normalization, augment } = inArchive;
    assertEquals(shape, [3, 64, 64]);
    assertEquals([...train.labels], ids.map((_, i) => i));
    assertEquals([...test.labels], ids.map((_, i) => 199 - i));
    assertEquals(classNames.slice(0, 3), [`crane (${ids[0]})`, `crane (${ids[1]})`, "thing 2"]);
    const grey = train.pixels.subarray(3 * 3 * 4096, 4 * 3 * 4096);
    assertEquals(new Set(grey).size, 1);
    assertEquals(normalization.std, [0.2023, 0.1994, 0.2010]);
    assertEquals(augment, [{ kind: "crop", pad: 4, mode: "zero" }, { kind: "flip", probability: 0.5 }]);
    assertEquals(dataset(folder).kind, "tiny_imagenet");
    assertEquals(dataset(`${folder}/tiny-imagenet-200.zip`).kind, "tiny_imagenet");
  }));

Deno.test("tinyImagenet() takes a val/ that was sorted into class folders", () =>
  inFolder(async (folder) => {
    const files = await published();
    const sorted = Object.entries(files).flatMap(([path, bytes]): [string, Uint8Array][] => {
      const held = /^val\/images\/val_(\d+)/.exec(path)?.[1];
      if (held !== undefined) return [[`val/${ids[199 - Number(held)]}/val_${held}.JPEG`, bytes]];
      return path.startsWith("val/") ? [] : [[path, bytes]];
    });
    await write(folder, Object.fromEntries(sorted));
    if (Deno.build.os !== "windows") {
      await Deno.rename(`${folder}/words.txt`, `${folder}/names`);
      await Deno.symlink(`${folder}/names`, `${folder}/words.txt`);
      await Deno.symlink(`${folder}/loop`, `${folder}/loop`);
    }
    const { test, classNames } = await tinyImagenet({ path: folder }).open();
    assertEquals([...test.labels], ids.map((_, i) => i));
    assertEquals(classNames[2], "thing 2");
  }));

Deno.test("tinyImagenet() downloads the archive from a mirror, and reads its cache the second time", () =>
  inFolder(async (folder) => {
    const archive = await zip(within(await published()));
    await withServer(archive, {}, async ({ address, asked }) => {
      const context = { cache: folder };
      const download = { address, sha256: { "tiny-imagenet-200.zip": sha256(archive) } };
      const first = await tinyImagenet({ download }).open(context);
      const second = await tinyImagenet().open(context);
      assertEquals([first.train.length, first.test.length], [200, 200]);
      assertEquals([second.train, second.test], [first.train, first.test]);
      assertEquals(asked.length, 1);
      await Deno.remove(`${folder}/tiny_imagenet`, { recursive: true });
      await assertRefused(
        () => tinyImagenet({ download: { address } }).open(context),
        `Cannot use "${address}/tiny-imagenet-200.zip": it must have 248100043 bytes, got ${archive.length}. ` +
          `Try again, or put the right file at "${folder}/tiny_imagenet/tiny-imagenet-200.zip".`,
      );
    });
  }));

Deno.test("tinyImagenet() tells where it looked", () =>
  inFolder(async (folder) => {
    await assertRefused(
      () => tinyImagenet().open({ cache: folder }),
      "Cannot open Tiny-ImageNet-200: tiny-imagenet-200.zip or the folder it unpacks to must lie at " +
        `"${folder}/tiny_imagenet", got nothing there. ` +
        "Give tinyImagenet({ path }), or allow tinyImagenet({ download: true }). On the command line, say --dataset PATH or --download.",
    );
    await assertRefused(
      () => tinyImagenet({ path: folder }).open(),
      `Cannot open "${folder}": a dataset holds train/<class>/ and val/<class>/, got nothing. Arrange the images so.`,
    );
  }));

Deno.test("tinyImagenet() refuses other classes, sizes and lists", () =>
  inFolder(async (folder) => {
    const files = await published();
    await write(folder, files);
    const list = `${folder}/val/val_annotations.txt`;
    const lines = await Deno.readTextFile(list);
    await Deno.writeTextFile(list, lines.replace(ids[0]!, "n99999999"));
    await assertRefused(
      () => tinyImagenet({ path: folder }).open(),
      `Cannot read "val/val_annotations.txt" of "${folder}": every line must name an image of val/images and a class of ` +
        'train/, got "val_199.JPEG" and "n99999999" in line 200. Copy or download it again.',
    );
    await Deno.remove(list);
    await assertRefused(
      () => tinyImagenet({ path: folder }).open(),
      `Cannot open "${folder}": val/images must come with val/val_annotations.txt, which tells the classes, got none. ` +
        "Copy or download it again.",
    );
    await Deno.writeTextFile(list, lines.split("\n").slice(1).join("\n"));
    await Deno.remove(`${folder}/train/${ids[199]}`, { recursive: true });
    await assertRefused(
      () => tinyImagenet({ path: folder }).open(),
      `Cannot use "${folder}": Tiny-ImageNet-200 has 200 classes, got 199 in train/. ` +
        "Give the official files, or imageFolder({ path }).",
    );
    await write(`${folder}/small`, await published(32));
    await assertRefused(
      () => tinyImagenet({ path: `${folder}/small` }).open(),
      `Cannot use "${folder}/small": images of Tiny-ImageNet-200 must be 3×64×64, got 3×32×32. ` +
        "Give the official files, or imageFolder({ path }).",
    );
    await write(`${folder}/mixed`, { ...await published(), [`train/${ids[7]}/images/a.png`]: await flat(8, 1) });
    await assertRefused(
      () => tinyImagenet({ path: `${folder}/mixed` }).open(),
      `Cannot use "train/${ids[7]}/images/a.png" of "${folder}/mixed": all images must have one size, 64×64 as ` +
        `"train/${ids[0]}/images/${ids[0]}_0.JPEG", got 8×8. ` +
        "Resize the images first, or open them by imageFolder({ path, size }).",
    );
  }));
