import type { Dataset, ImageSet, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { readArchive } from "./archive.ts";
import { type CachedImages, readCache, writeCache } from "./cache.ts";
import { cifar100Classes, cifar100Normalization, cifar10Classes, cifar10Normalization } from "./cifar_names.ts";
import { download } from "./download.ts";
import { lookAt, readBytes, versionOf } from "./files.ts";
import { imageSet, openDataset } from "./open_dataset.ts";

/** Options of {@linkcode cifar10} and {@linkcode cifar100}. */
export interface CifarOptions {
  /** The official `.tar.gz` of the binary version, unpacked or not: the archive, or the folder with its `.bin` files. */
  readonly path?: string;
  /** Download the archive (170 MB) into the cache if it is nowhere; false unless said. */
  readonly download?: boolean;
  /** Normalisation constants; those of the released code unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; FFSD's unless said. */
  readonly augment?: readonly Transform[];
}

/** One of the two sets: its files and the layout of a record. */
interface Format<C extends number> {
  readonly kind: string;
  readonly name: string;
  readonly classes: C;
  readonly classNames: readonly string[];
  readonly normalization: Normalization;
  /** Bytes before the pixels; the last of them is the label. */
  readonly labelBytes: number;
  readonly train: readonly string[];
  readonly test: string;
  readonly folder: string;
  readonly archive: string;
  /** SHA-256 of the official archive, as several projects print it beside the MD5 of the authors' page. */
  readonly sha256: string;
}

const ten: Format<10> = Object.freeze({
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
  sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
});

const hundred: Format<100> = Object.freeze({
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
  sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
});

const address = "https://www.cs.toronto.edu/~kriz";

// FFSD's: pad 4 by reflection, flip, crop. A flip and a crop of symmetric range may change places.
const ffsdAugment: readonly Transform[] = Object.freeze([
  Object.freeze({ kind: "crop", pad: 4, mode: "reflect" }),
  Object.freeze({ kind: "flip", probability: 0.5 }),
]);

/**
 * CIFAR-10 in its binary version: 50 000 + 10 000 colour images, 3×32×32, ten classes.
 *
 * Looked for at `path` if given, else in `cifar10` below the cache folder (`runs/cache` unless said), as the official
 * archive or the folder it unpacks to. Training images get a reflect crop with pad 4 and a flip with probability ½.
 *
 * @throws {DatasetError} When opened, if the files are nowhere, cut, or hold labels of other classes.
 *
 * Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html; augmentation: FFSD's released code.
 *
 * @example
 * ```ts
 * import { cifar10 } from "./cifar.ts";
 * cifar10({ path: "cifar-10-binary.tar.gz" }).shape; // [3, 32, 32]
 * ```
 */
export function cifar10(options: CifarOptions = {}): Dataset<10> {
  return cifar(ten, options);
}

/**
 * CIFAR-100 in its binary version: 50 000 + 10 000 colour images, 3×32×32, a hundred (fine) classes.
 *
 * Looked for as {@linkcode cifar10} is, in `cifar100` below the cache folder. Constants and augmentation (reflect crop
 * with pad 4, flip with probability ½) are FFSD's.
 *
 * @throws {DatasetError} When opened, if the files are nowhere, cut, or hold labels of other classes.
 *
 * Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html; augmentation: FFSD's released code.
 *
 * @example
 * ```ts
 * import { cifar100 } from "./cifar.ts";
 * cifar100({ path: "data/cifar-100-binary" }).classes; // 100
 * ```
 */
export function cifar100(options: CifarOptions = {}): Dataset<100> {
  return cifar(hundred, options);
}

function cifar<C extends number>(format: Format<C>, options: CifarOptions): Dataset<C> {
  const { path, normalization, augment } = options;
  return Object.freeze({
    kind: format.kind,
    name: format.name,
    classes: format.classes,
    shape: Object.freeze([3, 32, 32] as const),
    options: Object.freeze({
      ...(path === undefined ? {} : { path }),
      ...(normalization === undefined ? {} : { normalization: JSON.stringify(normalization) }),
      ...(augment === undefined ? {} : { augment: JSON.stringify(augment) }),
    }),
    open: (context: LoadContext = {}) => open(format, options, context),
  });
}

async function open(format: Format<number>, options: CifarOptions, context: LoadContext): Promise<OpenDataset> {
  context.signal?.throwIfAborted();
  const path = await find(format, options, context);
  context.progress?.(`reading ${path}`, 0);
  const { train, test } = await load(format, path, context);
  context.progress?.(`reading ${path}`, 1);
  context.signal?.throwIfAborted();
  return openDataset({
    kind: format.kind,
    classNames: format.classNames,
    shape: [3, 32, 32],
    normalization: options.normalization ?? format.normalization,
    augment: options.augment ?? ffsdAugment,
    train,
    test,
    source: `${path}: ${train.length} + ${test.length} images`,
  });
}

async function find(format: Format<number>, options: CifarOptions, context: LoadContext): Promise<string> {
  const kept = `${context.cache ?? "runs/cache"}/${format.kind}`;
  const places = options.path === undefined
    ? [kept, `${kept}/${format.folder}`, `${kept}/${format.archive}`]
    : [`${options.path}/${format.folder}`, options.path];
  const found = places.find((place) => {
    const info = lookAt(place);
    return info?.isFile || (info?.isDirectory && lookAt(`${place}/${format.test}`)?.isFile);
  });
  if (found !== undefined) return found;
  const archive = `${kept}/${format.archive}`;
  if (options.download === true) {
    await download({ url: `${address}/${format.archive}`, file: archive, sha256: format.sha256 }, context);
    return archive;
  }
  throw new DatasetError(
    `Cannot open ${format.name}: ${format.archive} or its ${format.test} must lie at "${options.path ?? kept}", ` +
      `got nothing there. Give ${format.kind}({ path }), or allow ${format.kind}({ download: true }).`,
  );
}

async function load(
  format: Format<number>,
  path: string,
  context: LoadContext,
): Promise<Pick<CachedImages, "train" | "test">> {
  const info = lookAt(path)!;
  if (info.isDirectory) {
    return await readSplits(format, (name) => readBytes(`${path}/${name}`), (name) => `${path}/${name}`);
  }
  const source = context.cache === undefined ? path : await Deno.realPath(path);
  const origin = { kind: format.kind, source, version: versionOf(info) };
  const cached = await readCache(context, origin);
  if (cached !== undefined) return cached;
  const entries = await readArchive(path);
  const splits = await readSplits(format, (name) => {
    const entry = entries.find((candidate) => candidate.path.split("/").at(-1) === name);
    if (entry?.bytes !== undefined) return Promise.resolve(entry.bytes);
    throw new DatasetError(
      `Cannot open "${path}": the archive of ${format.name} must hold ${name}, got ${entries.length} other entries. ` +
        `Give the binary version, ${format.archive}.`,
    );
  }, (name) => `${path}/${name}`);
  await writeCache(context, origin, { classNames: format.classNames, shape: [3, 32, 32], mixed: false, ...splits });
  return splits;
}

async function readSplits(
  format: Format<number>,
  read: (name: string) => Promise<Uint8Array>,
  pathOf: (name: string) => string,
): Promise<{ readonly train: ImageSet; readonly test: ImageSet }> {
  const part = async (name: string): Promise<ImageSet> => readRecords(format, pathOf(name), await read(name));
  const parts: ImageSet[] = [];
  for (const name of format.train) parts.push(await part(name));
  return { train: joined(parts), test: await part(format.test) };
}

function readRecords(format: Format<number>, path: string, bytes: Uint8Array): ImageSet {
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
