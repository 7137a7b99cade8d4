import type { Dataset, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError, OptionError } from "../dsl/errors.ts";
import { cifar10Classes } from "./cifar_names.ts";
import { classFolders, type SplitFolders } from "./class_folders.ts";
import { decodeOnce } from "./decode_once.ts";
import { lookAt, realPath } from "./files.ts";
import type { LimitedContext } from "./limit.ts";
import type { Mirror } from "./mirror.ts";
import { openDataset } from "./open_dataset.ts";
import { findArchive, type PublishedArchive } from "./published_archive.ts";
import { lookAtSource } from "./source_tree.ts";

/** Options of {@linkcode cinic10}. */
export interface Cinic10Options {
  /** `CINIC-10.tar.gz`, or the folder with its `train/`, `valid/` and `test/`. */
  readonly path?: string;
  /** Download the archive (656 MB) into the cache if it is nowhere, from its official address or a mirror; false unless said. */
  readonly download?: boolean | Mirror;
  /** Folders to train on; `"train"` (90 000 images) unless said, with `"train+valid"` 180 000. */
  readonly trainOn?: "train" | "train+valid";
  /** Folder of the held-out images (90 000); `"test"` unless said. */
  readonly testOn?: "test" | "valid";
  /** Normalisation constants; the authors' unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; zero crop with pad 4 and flip unless said. */
  readonly augment?: readonly Transform[];
}

const published: PublishedArchive = Object.freeze({
  kind: "cinic10",
  name: "CINIC-10",
  call: "cinic10",
  archive: Object.freeze({
    name: "CINIC-10.tar.gz",
    address: "https://datashare.ed.ac.uk/bitstream/handle/10283/3192",
    bytes: 687_544_992,
    // As torchvision-style loaders of several projects print it.
    checksum: Object.freeze({ md5: "6ee4d0c996905fe93221de577967a372" }),
  }),
  marker: "train",
});

// Those of the authors' README.
const normalization: Normalization = Object.freeze({
  mean: Object.freeze([0.47889522, 0.47227842, 0.43047404]),
  std: Object.freeze([0.24205776, 0.23828046, 0.25874835]),
});

const augment: readonly Transform[] = Object.freeze([
  Object.freeze({ kind: "crop", pad: 4, mode: "zero" }),
  Object.freeze({ kind: "flip", probability: 0.5 }),
]);

/**
 * CINIC-10: CIFAR-10's ten classes with pictures of ImageNet added, 3×32×32, 90 000 images in each of three splits.
 *
 * Looked for at `path` if given, else in `cinic10` below the cache folder (`runs/cache` unless said), as the official
 * archive or the folder it unpacks to. Training images get a zero crop with pad 4 and a flip with probability ½.
 *
 * @throws {DatasetError} When opened, if the files are nowhere, cut, or of other classes or sizes.
 *
 * Source: Darlow, Crowley, Antoniou, Storkey 2018, arXiv 1810.03505; https://github.com/BayesWatch/cinic-10.
 *
 * @example
 * ```ts
 * import { cinic10 } from "./cinic10.ts";
 * cinic10({ path: "CINIC-10.tar.gz", trainOn: "train+valid" }).classes; // 10
 * ```
 */
export function cinic10(options: Cinic10Options = {}): Dataset<10> {
  const { path, trainOn, testOn, normalization, augment } = options;
  if (trainOn === "train+valid" && testOn === "valid") {
    throw new OptionError(
      'Cannot open CINIC-10: images trained on must not be held out, got trainOn "train+valid" and testOn "valid". ' +
        'Hold out "test".',
    );
  }
  return Object.freeze({
    kind: "cinic10",
    name: "CINIC-10",
    classes: 10,
    shape: Object.freeze([3, 32, 32] as const),
    options: Object.freeze({
      ...(path === undefined ? {} : { path }),
      ...(trainOn === undefined ? {} : { trainOn }),
      ...(testOn === undefined ? {} : { testOn }),
      ...(normalization === undefined ? {} : { normalization: JSON.stringify(normalization) }),
      ...(augment === undefined ? {} : { augment: JSON.stringify(augment) }),
    }),
    open: (context: LoadContext = {}) => open(options, context),
  });
}

async function open(options: Cinic10Options, context: LimitedContext): Promise<OpenDataset> {
  context.signal?.throwIfAborted();
  const path = await findArchive(published, options, context);
  const splits: SplitFolders = { train: (options.trainOn ?? "train").split("+"), test: [options.testOn ?? "test"] };
  const cached = context.cache !== undefined;
  const source = await lookAtSource(path, lookAt(path)!, { splits, versioned: cached }, context);
  const origin = {
    kind: "cinic10",
    source: cached ? await realPath(path) : path,
    version: `${splits.train.join("+")} ${splits.test[0]} ${source.version}`,
  };
  const list = async () => {
    const folders = classFolders(path, await source.tree(), splits);
    if (folders.classNames.join() !== cifar10Classes.join()) throw otherClasses(path, folders.classNames);
    return folders;
  };
  const { shape, train, test } = await decodeOnce(path, origin, list, context);
  if (shape.join() !== "3,32,32") {
    throw new DatasetError(
      `Cannot use "${path}": images of CINIC-10 must be 3×32×32, got ${shape.join("×")}. Give the official files.`,
    );
  }
  return openDataset({
    kind: "cinic10",
    classNames: cifar10Classes,
    shape: [3, 32, 32],
    normalization: options.normalization ?? normalization,
    augment: options.augment ?? augment,
    train,
    test,
    source: `${path}: ${train.length} + ${test.length} images`,
  });
}

function otherClasses(path: string, got: readonly string[]): DatasetError {
  const other = got.find((name) => !cifar10Classes.includes(name));
  return new DatasetError(
    `Cannot use "${path}": CINIC-10 has the ten classes of CIFAR-10, got ${
      other === undefined ? `${got.length} of them` : `"${other}"`
    }. Give the official files, or imageFolder({ path }).`,
  );
}
