import { assert, assertEquals } from "@std/assert";
import { dataset } from "../../datasets/dataset.ts";
import { imageFolder } from "../../datasets/image_folder.ts";
import { imagenet } from "../../datasets/imagenet.ts";
import { withLimit } from "../../datasets/limit.ts";
import { sourceReader } from "../../datasets/read_source.ts";
import { wordnetNames } from "../../datasets/wordnet_names.ts";
import type { ImageSet } from "../../dsl/data.ts";
import { OptionError } from "../../dsl/errors.ts";
import { assertRefused, flat, gzip, inFolder, jpeg, tar, write, zip } from "./fixtures.ts";

const ids = Array.from({ length: 1000 }, (_, i) => `n${String(1440764 + 13 * i).padStart(8, "0")}`);

/** A thousand classes with a file each; what is in it tells which, since nothing is decoded on opening. */
function thousand(): Record<string, string> {
  const files: Record<string, string> = {};
  for (const id of ids) {
    files[`train/${id}/${id}_1.JPEG`] = `train ${id}`;
    files[`val/${id}/ILSVRC2012_val_00000001.JPEG`] = `val ${id}`;
  }
  return files;
}

function textAt({ files }: ImageSet, index: number): string {
  using reader = sourceReader();
  return new TextDecoder().decode(reader.read(files!.source(index)));
}

Deno.test("imagenet() lists the images, decodes none, and names the classes", () =>
  inFolder(async (folder) => {
    await write(folder, { ...thousand(), "LOC_synset_mapping.txt": `${ids[1]} goldfish, Carassius auratus\n` });
    const open = await imagenet({ path: folder }).open();
    assertEquals([open.train.length, open.train.pixels.length, open.test.length], [1000, 0, 1000]);
    assertEquals([...open.train.labels], ids.map((_, i) => i));
    assertEquals(textAt(open.train, 17), `train ${ids[17]}`);
    assertEquals(textAt(open.test, 999), `val ${ids[999]}`);
    assertEquals(open.classNames.slice(0, 3), [ids[0], "goldfish", ids[2]]);
    assertEquals(open.shape, [3, 224, 224]);
    assertEquals(open.normalization, { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
    assertEquals(open.augment, [{ kind: "resizedCrop", size: 224 }, { kind: "flip", probability: 0.5 }]);
    assertEquals(open.evaluation, [{ kind: "resize", size: 256 }, { kind: "centerCrop", size: 224 }]);
    assertEquals(dataset(folder).kind, "imagenet");
    const part = await withLimit(imagenet({ path: folder, size: 64 }), 10, { testLimit: 5 }).open();
    assertEquals([part.train.length, part.test.length, part.shape], [10, 5, [3, 64, 64]]);
    assertEquals([part.classNames.length, textAt(part.train, 9)], [1000, `train ${ids[9]}`]);
  }));

Deno.test("imagenet() refuses a flat val/, with what to do, and other class counts", () =>
  inFolder(async (folder) => {
    const files = Object.entries(thousand());
    await write(folder, Object.fromEntries(files.filter(([path]) => path.startsWith("train/")).slice(0, 3)));
    await write(folder, { "val/ILSVRC2012_val_00000001.JPEG": "x", "val/ILSVRC2012_val_00000002.JPEG": "x" });
    await assertRefused(
      () => imagenet({ path: folder }).open(),
      `Cannot open "${folder}": val/ must hold a folder for each class as train/ does, got 2 files in val/ itself. ` +
        "Move each image to val/<wnid>/ first, by the list of labels it came with.",
    );
    await Deno.remove(folder, { recursive: true });
    await write(folder, Object.fromEntries(files.slice(0, 4)));
    await assertRefused(
      () => imagenet({ path: folder }).open(),
      `Cannot open "${folder}": ImageNet has 1000 classes, got 2 in train/. ` +
        "Give all of them, or open it by imageFolder({ path, size }).",
    );
    await assertRefused(
      () => imagenet({ path: `${folder}/none` }).open(),
      `Cannot open ImageNet: a folder with train/<wnid> and val/<wnid> must lie at "${folder}/none", got nothing there. ` +
        "Check the spelling; the images come from https://image-net.org after a registration.",
    );
    for (const size of [0, 1.5, NaN]) {
      const open = imageFolder({ path: folder, size }).open();
      const error = await open.then(() => undefined, (error) => error);
      assert(error instanceof OptionError);
      assertEquals(
        error.message,
        `Cannot open image_folder: size must be an integer from 1 to 4096, got ${size}. ` +
          "Give the height and width of a net's input.",
      );
    }
  }));

Deno.test("imageFolder() with a size lists images of any size, in a folder, a tar and a zip", () =>
  inFolder(async (folder) => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const files = {
      "train/cat/a b é.png": bytes("cat 1"),
      "train/cat/b.png": bytes("cat 2".repeat(100)),
      "train/dog/a.png": bytes("dog 1"),
      "test/cat/a.png": bytes("cat 3"),
      "test/dog/a.png": bytes("dog 2"),
    };
    await write(folder, { "set.tar": tar(files), "set.zip": await zip(files) });
    await write(`${folder}/set`, files);
    const context = { cache: `${folder}/cache` };
    const versions = new Set<string>();
    for (const name of ["set", "set.tar", "set.zip"]) {
      const { train, test, shape } = await imageFolder({ path: `${folder}/${name}`, size: 32 }).open(context);
      assertEquals(shape, [3, 32, 32]);
      assertEquals([...train.labels, ...test.labels], [0, 0, 1, 0, 1]);
      assertEquals([0, 1, 2].map((i) => textAt(train, i)), ["cat 1", "cat 2".repeat(100), "dog 1"]);
      assertEquals(textAt(test, 1), "dog 2");
      assertEquals(train.files!.cache, context.cache);
      versions.add(train.files!.version).add(test.files!.version);
    }
    assertEquals(versions.size, 6);
    const before = await imageFolder({ path: `${folder}/set`, size: 32 }).open(context);
    await Deno.utime(`${folder}/set/train/cat/b.png`, 1, 1);
    const after = await imageFolder({ path: `${folder}/set`, size: 32 }).open(context);
    assertEquals(before.train.files!.version === after.train.files!.version, false);
    assertEquals(before.test.files!.version === after.test.files!.version, true);
    await assertRefused(
      () => imageFolder({ path: folder, evaluation: [] }).open(),
      `Cannot open "${folder}": held-out images are changed only if all are cut to one size, got evaluation without ` +
        "size. Give imageFolder({ path, size, evaluation }).",
    );
  }));

Deno.test("imageFolder() with a size gives the same batches from a folder, a tar, a tar.gz and a zip", () =>
  inFolder(async (folder) => {
    const files: Record<string, Uint8Array> = {};
    for (const [i, name] of ["cat/a", "cat/b", "dog/a", "dog/b"].entries()) {
      files[`train/${name}.jpg`] = await jpeg(20 + 7 * i, 40 * i + 9, 100, 50);
      files[`test/${name}.png`] = await flat(9 + i, 30 * i);
    }
    await write(folder, { "set.tar": tar(files), "set.tar.gz": await gzip(tar(files)), "set.zip": await zip(files) });
    await write(`${folder}/set`, files);
    const seen: string[] = [];
    for (const name of ["set", "set.tar", "set.tar.gz", "set.zip"]) {
      const open = await imageFolder({ path: `${folder}/${name}`, size: 8 }).open();
      const batches = [];
      for (const split of ["train", "test"] as const) {
        for await (const { images, labels } of open.batches({ split, batch: 2, seed: 3, epoch: 1, workers: 0 })) {
          batches.push([...labels, ...images[0]!]);
        }
      }
      seen.push(JSON.stringify(batches));
      assertEquals(batches.map((batch) => batch.length), new Array(4).fill(2 + 2 * 3 * 8 * 8));
    }
    assertEquals(new Set(seen).size, 1);
  }));

Deno.test("imageFolder() with a size names the damaged file of an archive when its batch is read", () =>
  inFolder(async (folder) => {
    const good = await jpeg(8, 1, 2, 3);
    const files = {
      "train/cat/a.jpg": good,
      "train/dog/b.jpg": good.slice(0, -9),
      "test/cat/a.jpg": good,
      "test/dog/a.jpg": good,
    };
    await write(folder, { "set.zip": await zip(files) });
    const open = await imageFolder({ path: `${folder}/set.zip`, size: 8 }).open();
    const read = async () => {
      for await (const _ of open.batches({ split: "train", batch: 2, seed: 3, epoch: 1, workers: 0 }));
    };
    await assertRefused(
      read,
      'Cannot decode "train/dog/b.jpg": its JPEG data must be whole, got "Premature end of JPEG file". ' +
        "Replace or remove the file.",
    );
  }));

Deno.test("wordnetNames() tells classes of one name apart", () => {
  const lines = "n1\tcrane, a bird\nn2\tcrane\r\nn3 tench, Tinca tinca\nn4\n";
  assertEquals(wordnetNames(["n1", "n2", "n3", "n4"], lines), ["crane (n1)", "crane (n2)", "tench", "n4"]);
});
