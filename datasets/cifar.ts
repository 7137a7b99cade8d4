import type { Dataset, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { readArchive } from "./archive.ts";
import { readCache, writeCache } from "./cache.ts";
import { cifar100Format, cifar10Format, type CifarFormat, readCifar, type Splits } from "./cifar_files.ts";
import { decodeOnce } from "./decode_once.ts";
import { digest, lookAt, namesIn, readBytes, realPath, versionOf } from "./files.ts";
import type { LimitedContext } from "./limit.ts";
import { fetchOfficial, type Mirror } from "./mirror.ts";
import { openDataset } from "./open_dataset.ts";
import { readParquet } from "./parquet.ts";
import { sourceReader } from "./read_source.ts";

/** Options of {@linkcode cifar10} and {@linkcode cifar100}. */
export interface CifarOptions {
  /**
   * The official `.tar.gz` of the binary version, unpacked or not: the archive, or the folder with its `.bin` files; or
   * the folder of Hugging Face's parquet files (`uoft-cs/cifar10`, `uoft-cs/cifar100`).
   */
  readonly path?: string;
  /** Download the archive (170 MB) into the cache if it is nowhere, from its official address or a mirror; false unless said. */
  readonly download?: boolean | Mirror;
  /** Normalisation constants; those of the released code unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; FFSD's unless said. */
  readonly augment?: readonly Transform[];
}

const address = "https://www.cs.toronto.edu/~kriz";

// FFSD's: pad 4 by reflection, flip, crop. A flip and a crop of symmetric range may change places.
const ffsdAugment: readonly Transform[] = Object.freeze([
  Object.freeze({ kind: "crop", pad: 4, mode: "reflect" }),
  Object.freeze({ kind: "flip", probability: 0.5 }),
]);

/**
 * CIFAR-10: 50 000 + 10 000 colour images, 3×32×32, ten classes.
 *
 * Looked for at `path` if given, else in `cifar10` below the cache folder (`runs/cache` unless said), as the official
 * archive, the folder it unpacks to, or Hugging Face's parquet files. Training images get a reflect crop with pad 4 and a flip with probability ½.
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
  return cifar(cifar10Format, options);
}

/**
 * CIFAR-100: 50 000 + 10 000 colour images, 3×32×32, a hundred (fine) classes.
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
  return cifar(cifar100Format, options);
}

function cifar<C extends number>(format: CifarFormat<C>, options: CifarOptions): Dataset<C> {
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

async function open(format: CifarFormat<number>, options: CifarOptions, context: LimitedContext): Promise<OpenDataset> {
  context.signal?.throwIfAborted();
  const found = await find(format, options, context);
  const { path } = found;
  context.progress?.(`reading ${path}`, 0);
  const { train, test } = await load[found.layout](format, path, context);
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

interface Found {
  readonly path: string;
  readonly layout: keyof typeof load;
}

async function find(format: CifarFormat<number>, options: CifarOptions, context: LoadContext): Promise<Found> {
  const kept = `${context.cache ?? "runs/cache"}/${format.kind}`;
  const places = options.path === undefined
    ? [kept, `${kept}/${format.folder}`, `${kept}/${format.parquetFolder}`, `${kept}/${format.archive}`]
    : [`${options.path}/${format.folder}`, `${options.path}/${format.parquetFolder}`, options.path];
  for (const path of places) {
    const info = lookAt(path);
    if (info?.isFile) return { path, layout: "archive" };
    if (!info?.isDirectory) continue;
    if (lookAt(`${path}/${format.test}`)?.isFile) return { path, layout: "binary" };
    if (parquetFiles(path, "test").length > 0) return { path, layout: "parquet" };
  }
  const { archive: name, bytes, sha256 } = format;
  const { download = false } = options;
  if (download !== false) {
    const official = { name, address, bytes, checksum: { sha256 } };
    return { path: await fetchOfficial(official, kept, download, context), layout: "archive" };
  }
  throw new DatasetError(
    `Cannot open ${format.name}: ${format.archive}, its ${format.test} or parquet files must lie at ` +
      `"${options.path ?? kept}", got nothing there. Give ${format.kind}({ path }), ` +
      `or allow ${format.kind}({ download: true }). On the command line, say --dataset PATH or --download.`,
  );
}

type Load = (format: CifarFormat<number>, path: string, context: LimitedContext) => Promise<Splits>;

const load = {
  binary: async (format, path) =>
    await readCifar(format, (name) => readBytes(`${path}/${name}`), (name) => `${path}/${name}`),
  archive: loadArchive,
  parquet: loadParquet,
} as const satisfies Record<string, Load>;

async function loadArchive(format: CifarFormat<number>, path: string, context: LoadContext): Promise<Splits> {
  const source = context.cache === undefined ? path : await realPath(path);
  const origin = { kind: format.kind, source, version: versionOf(lookAt(path)!) };
  const cached = await readCache(context, origin);
  if (cached !== undefined) return cached;
  const entries = await readArchive(path, context);
  using reader = sourceReader();
  const splits = await readCifar(format, (name) => {
    const entry = entries.find((candidate) => candidate.path.split("/").at(-1) === name);
    if (entry?.source !== undefined) return reader.read(entry.source);
    throw new DatasetError(
      `Cannot open "${path}": the archive of ${format.name} must hold ${name}, got ${entries.length} other entries. ` +
        `Give the binary version, ${format.archive}.`,
    );
  }, (name) => `${path}/${name}`);
  await writeCache(context, origin, { classNames: format.classNames, shape: [3, 32, 32], mixed: false, ...splits });
  return splits;
}

async function loadParquet(format: CifarFormat<number>, path: string, context: LimitedContext): Promise<Splits> {
  const { classNames, labelColumns } = format;
  const layout = { image: ["img", "image"], label: labelColumns, classNames };
  const [train, test] = [parquetFiles(path, "train"), parquetFiles(path, "test")];
  if (train.length === 0) {
    throw new DatasetError(
      `Cannot open "${path}": it must hold train*.parquet beside test*.parquet, got none. Download both.`,
    );
  }
  const read = async (paths: readonly string[]) =>
    (await Array.fromAsync(paths, (file) => readParquet(file, layout, context))).flat();
  const versions = [...train, ...test].map((file) => `${file}:${versionOf(lookAt(file)!)}`);
  const source = context.cache === undefined ? path : await realPath(path);
  const origin = { kind: format.kind, source, version: await digest(versions.join("\n")) };
  const list = async () => ({ classNames, train: await read(train), test: await read(test) });
  const images = await decodeOnce(path, origin, list, context);
  if (images.shape.join() === "3,32,32") return images;
  throw new DatasetError(
    `Cannot use "${path}": images of ${format.name} must be 3×32×32, got ${images.shape.join("×")}. ` +
      "Give the parquet files of this dataset.",
  );
}

/** Parquet files of a split, in order, as Hugging Face names them: `train-00000-of-00001.parquet`. */
function parquetFiles(folder: string, split: string): readonly string[] {
  return namesIn(folder)
    .filter((name) => name.startsWith(split) && name.endsWith(".parquet"))
    .map((name) => `${folder}/${name}`);
}
