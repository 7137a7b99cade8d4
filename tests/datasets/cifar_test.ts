import { assertEquals } from "@std/assert";
import { cifar10, cifar100 } from "../../datasets/cifar.ts";
import { cifar100Classes } from "../../datasets/cifar_names.ts";
import { assertRefused, concat, gzip, inFolder, tar, write } from "./fixtures.ts";

function record(labels: readonly number[], first: number): Uint8Array {
  return Uint8Array.from([...labels, first, ...new Array(3071).fill(7)]);
}

function ten(): Record<string, Uint8Array> {
  const batches = [1, 2, 3, 4, 5].map((part) => [`data_batch_${part}.bin`, record([part], 10 * part)] as const);
  return { ...Object.fromEntries(batches), "test_batch.bin": concat([record([9], 99), record([0], 100)]) };
}

Deno.test("cifar10() joins the five training files in order", () =>
  inFolder(async (folder) => {
    await write(folder, ten());
    const open = await cifar10({ path: folder }).open();
    assertEquals([...open.train.labels], [1, 2, 3, 4, 5]);
    assertEquals([0, 1, 2, 3, 4].map((image) => open.train.pixels[image * 3072]), [10, 20, 30, 40, 50]);
    assertEquals([...open.test.labels], [9, 0]);
    assertEquals(open.shape, [3, 32, 32]);
    assertEquals(open.normalization, { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] });
    assertEquals(open.augment, [{ kind: "crop", pad: 4, mode: "reflect" }, { kind: "flip", probability: 0.5 }]);
  }));

Deno.test("cifar100() takes the fine label, the second byte", () =>
  inFolder(async (folder) => {
    await write(folder, {
      "cifar-100-binary/train.bin": concat([record([3, 97], 1), record([4, 5], 2)]),
      "cifar-100-binary/test.bin": record([19, 99], 3),
    });
    const open = await cifar100({ path: folder }).open();
    assertEquals([...open.train.labels], [97, 5]);
    assertEquals([...open.test.labels], [99]);
    assertEquals([...open.train.pixels.subarray(0, 2)], [1, 7]);
    assertEquals(open.normalization, { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] });
    assertEquals(open.classNames[97], "wolf");
  }));

Deno.test("cifar100() has a hundred different class names in alphabetical order", () => {
  assertEquals(cifar100Classes.length, 100);
  assertEquals([...new Set(cifar100Classes)].sort(), [...cifar100Classes]);
});

Deno.test("cifar10() reads the archive, and its cache the second time", () =>
  inFolder(async (folder) => {
    const inner = Object.entries(ten()).map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes] as const);
    await write(folder, { "cifar-10-binary.tar.gz": await gzip(tar(Object.fromEntries(inner))) });
    const context = { cache: `${folder}/cache` };
    const first = await cifar10({ path: `${folder}/cifar-10-binary.tar.gz` }).open(context);
    const second = await cifar10({ path: `${folder}/cifar-10-binary.tar.gz` }).open(context);
    assertEquals([...first.train.labels], [1, 2, 3, 4, 5]);
    assertEquals(second.train, first.train);
    assertEquals(second.test, first.test);
  }));

Deno.test("cifar10() finds its files below the cache folder", () =>
  inFolder(async (folder) => {
    const inner = Object.entries(ten()).map(([name, bytes]) =>
      [`cifar10/cifar-10-batches-bin/${name}`, bytes] as const
    );
    await write(folder, Object.fromEntries(inner));
    assertEquals((await cifar10().open({ cache: folder })).train.length, 5);
  }));

Deno.test("cifar10() refuses a cut .bin file", () =>
  inFolder(async (folder) => {
    await write(folder, { ...ten(), "data_batch_2.bin": record([1], 1).slice(0, 3000) });
    await assertRefused(
      () => cifar10({ path: folder }).open(),
      `Cannot read "${folder}/data_batch_2.bin": a CIFAR-10 file holds whole records of 3073 bytes, got 3000 bytes. ` +
        "Copy or download it again.",
    );
  }));

Deno.test("cifar10() refuses a label out of range", () =>
  inFolder(async (folder) => {
    await write(folder, { ...ten(), "test_batch.bin": concat([record([9], 1), record([10], 1)]) });
    await assertRefused(
      () => cifar10({ path: folder }).open(),
      `Cannot read "${folder}/test_batch.bin": labels must be from 0 to 9, got 10 at image 1. ` +
        "Give a file of the binary version of CIFAR-10.",
    );
  }));

Deno.test("cifar100() refuses an archive of another version", () =>
  inFolder(async (folder) => {
    await write(folder, { "python.tar": tar({ "cifar-100-python/train": new Uint8Array(8) }) });
    await assertRefused(
      () => cifar100({ path: `${folder}/python.tar` }).open(),
      `Cannot open "${folder}/python.tar": the archive of CIFAR-100 must hold train.bin, got 1 other entries. ` +
        "Give the binary version, cifar-100-binary.tar.gz.",
    );
  }));

Deno.test("cifar100() tells where it looked", () =>
  inFolder(async (folder) => {
    await assertRefused(
      () => cifar100().open({ cache: folder }),
      `Cannot open CIFAR-100: cifar-100-binary.tar.gz, its test.bin or parquet files must lie at ` +
        `"${folder}/cifar100", got nothing there. ` +
        "Give cifar100({ path }), or allow cifar100({ download: true }). On the command line, say --dataset PATH or --download.",
    );
  }));
