import { assertEquals, assertThrows } from "@std/assert";
import { dataset, datasetByName, datasetNames } from "../../datasets/dataset.ts";
import { DatasetError, UnknownNameError } from "../../dsl/errors.ts";
import { inFolder, tar, tinyFolder, write } from "./fixtures.ts";

Deno.test("dataset() knows each listed name", () => {
  assertEquals(datasetNames.map((name) => datasetByName(name).kind), [...datasetNames]);
  assertEquals(datasetNames.map((name) => dataset(name).classes), [10, 10, 10, 100, 10, 200]);
});

Deno.test("dataset() suggests the name that was meant", () => {
  const error = assertThrows(() => dataset("cifar-100"), UnknownNameError);
  assertEquals(
    (error as Error).message,
    'Cannot find a dataset: it must be a known name or an existing path, got "cifar-100". Did you mean "cifar100"?',
  );
  assertThrows(() => dataset(""), UnknownNameError);
  assertThrows(() => dataset("toString"), UnknownNameError);
});

Deno.test("dataset() tells a missing path from an unknown name", () => {
  const error = assertThrows(() => dataset("data/pets.tar.gz"), DatasetError);
  assertEquals(
    (error as Error).message,
    'Cannot open "data/pets.tar.gz": it must be a folder, a .tar, a .tar.gz or a .zip file, got nothing there. ' +
      "Check the spelling, or use a known name: digits, fashion_mnist, cifar10, cifar100, cinic10, tiny_imagenet.",
  );
});

Deno.test("dataset() opens folders and archives of images", () =>
  inFolder(async (folder) => {
    const files = await tinyFolder();
    await write(folder, files);
    await write(folder, { "pack/pets.tar": tar(files) });
    assertEquals((await dataset(folder).open()).train.length, 4);
    assertEquals((await dataset(`${folder}/pack/pets.tar`).open()).train.length, 4);
  }));

Deno.test("dataset() recognises folders of CIFAR and Fashion-MNIST files", () =>
  inFolder(async (folder) => {
    await write(folder, {
      "ten/data_batch_1.bin": "x",
      "ten/test_batch.bin": "x",
      "hundred/cifar-100-binary/test.bin": "x",
      "fashion/t10k-images-idx3-ubyte.gz": "x",
      "cifar-10-binary.tar.gz": "x",
      "cifar-100-binary.tar.gz": "x",
      "CINIC-10.tar.gz": "x",
      "hf10/plain_text/test-00000-of-00001.parquet": "x",
      "hf100/cifar100/test-00000-of-00001.parquet": "x",
      "pets.zip": "x",
    });
    const kinds = {
      "ten": "cifar10",
      "hundred": "cifar100",
      "fashion": "fashion_mnist",
      "cifar-10-binary.tar.gz": "cifar10",
      "cifar-100-binary.tar.gz": "cifar100",
      "CINIC-10.tar.gz": "cinic10",
      "hf10": "cifar10",
      "hf100": "cifar100",
      "pets.zip": "image_folder",
    };
    assertEquals(Object.keys(kinds).map((at) => dataset(`${folder}/${at}`).kind), Object.values(kinds));
  }));
