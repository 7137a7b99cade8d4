import type { ImageSet, Normalization } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { cifar100Classes, cifar100Normalization, cifar10Classes, cifar10Normalization } from "./cifar_names.ts";
import { imageSet } from "./open_dataset.ts";

/** One of the two sets: its files and the layout of a record. */
export interface CifarFormat<C extends number> {
  /** Identity. */
  readonly kind: "cifar10" | "cifar100";
  /** Name shown to people. */
  readonly name: string;
  /** Number of classes. */
  readonly classes: C;
  /** Name of each class. */
  readonly classNames: readonly string[];
  /** Constants of FFSD's released code. */
  readonly normalization: Normalization;
  /** Bytes before the pixels; the last of them is the label. */
  readonly labelBytes: number;
  /** Files of the training split, in order. */
  readonly train: readonly string[];
  /** File of the held-out split. */
  readonly test: string;
  /** Folder that the archive unpacks to. */
  readonly folder: string;
  /** Name of the official archive. */
  readonly archive: string;
  /** Bytes of the official archive. */
  readonly bytes: number;
  /** SHA-256 of the official archive, as several projects print it beside the MD5 of the authors' page. */
  readonly sha256: string;
  /** Folder of the parquet files in Hugging Face's repository. */
  readonly parquetFolder: string;
  /** Names of their column of labels. */
  readonly labelColumns: readonly string[];
}

/** CIFAR-10. */
export const cifar10Format: CifarFormat<10> = Object.freeze({
  kind: "cifar10",
  name: "CIFAR-10",
  classes: 10,
  classNames: cifar10Classes,
  normalization: cifar10Normalization,
  labelBytes: 1,
  train: Object.freeze([1, 2, 3, 4, 5].map((part) => `data_batch_${part}.bin`)),
  test: "test_batch.bin",
  folder: "cifar-10-batches-bin",
  archive: "cifar-10-binary.tar.gz",
  bytes: 170_052_171,
  sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
  parquetFolder: "plain_text",
  labelColumns: Object.freeze(["label"]),
});

/** CIFAR-100 with its fine classes. */
export const cifar100Format: CifarFormat<100> = Object.freeze({
  kind: "cifar100",
  name: "CIFAR-100",
  classes: 100,
  classNames: cifar100Classes,
  normalization: cifar100Normalization,
  labelBytes: 2,
  train: Object.freeze(["train.bin"]),
  test: "test.bin",
  folder: "cifar-100-binary",
  archive: "cifar-100-binary.tar.gz",
  bytes: 168_513_733,
  sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
  parquetFolder: "cifar100",
  labelColumns: Object.freeze(["fine_label"]),
});

/** The two splits of a set. */
export interface Splits {
  /** Training images. */
  readonly train: ImageSet;
  /** Held-out images. */
  readonly test: ImageSet;
}

/**
 * Both splits of the binary version.
 *
 * @param read Gives the bytes of a file by its name.
 * @param pathOf Gives the path of a file for messages.
 * @throws {DatasetError} If a file is cut or holds labels of other classes.
 */
export async function readCifar(
  format: CifarFormat<number>,
  read: (name: string) => Uint8Array | Promise<Uint8Array>,
  pathOf: (name: string) => string,
): Promise<Splits> {
  const part = async (name: string): Promise<ImageSet> => readRecords(format, pathOf(name), await read(name));
  const parts: ImageSet[] = [];
  for (const name of format.train) parts.push(await part(name));
  return { train: joined(parts), test: await part(format.test) };
}

function readRecords(format: CifarFormat<number>, path: string, bytes: Uint8Array): ImageSet {
  const size = 3 * 32 * 32;
  const record = format.labelBytes + size;
  const count = bytes.length / record;
  if (!Number.isInteger(count) || count === 0) {
    throw new DatasetError(
      `Cannot read "${path}": a ${format.name} file holds whole records of ${record} bytes, got ${bytes.length} bytes. ` +
        "Copy or download it again.",
    );
  }
  const pixels = new Uint8Array(count * size);
  const labels = new Uint16Array(count);
  for (let image = 0; image < count; image++) {
    const at = image * record + format.labelBytes;
    const label = labels[image] = bytes[at - 1]!;
    if (label >= format.classes) {
      throw new DatasetError(
        `Cannot read "${path}": labels must be from 0 to ${format.classes - 1}, got ${label} at image ${image}. ` +
          `Give a file of the binary version of ${format.name}.`,
      );
    }
    pixels.set(bytes.subarray(at, at + size), image * size);
  }
  return imageSet(pixels, labels);
}

function joined(parts: readonly ImageSet[]): ImageSet {
  if (parts.length === 1) return parts[0]!;
  const count = parts.reduce((sum, part) => sum + part.length, 0);
  const pixels = new Uint8Array(count * 3 * 32 * 32);
  const labels = new Uint16Array(count);
  let at = 0;
  for (const part of parts) {
    pixels.set(part.pixels, at * 3 * 32 * 32);
    labels.set(part.labels, at);
    at += part.length;
  }
  return imageSet(pixels, labels);
}
