import type { Dataset, ImageSet, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { gunzip, isGzip, lookAt, readBytes } from "./files.ts";
import { readIdx } from "./idx.ts";
import { fetchOfficial, type Mirror } from "./mirror.ts";
import { imageSet, openDataset } from "./open_dataset.ts";

/** Options of {@linkcode fashionMnist}. */
export interface FashionMnistOptions {
  /** Folder with the four IDX files, gzipped or not. */
  readonly folder?: string;
  /** Download the files (31 MB) into the cache if they are nowhere, from their official address or a mirror; false unless said. */
  readonly download?: boolean | Mirror;
}

// Four files: size and SHA-256 of the official gzip files, as several projects print them beside the MD5 of Zalando's
// README.
const files = {
  trainImages: [
    "train-images-idx3-ubyte",
    26421880,
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
  ],
  trainLabels: ["train-labels-idx1-ubyte", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"],
  testImages: ["t10k-images-idx3-ubyte", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"],
  testLabels: ["t10k-labels-idx1-ubyte", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"],
} as const satisfies Record<string, readonly [name: string, bytes: number, sha256: string]>;

const address = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion";

/** Where the Debian package `dataset-fashion-mnist` puts the files. */
const debianFolder = "/usr/share/datasets/fashion-mnist";

const classNames: readonly string[] = Object.freeze(
  ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
);

// Computed by statistics() over the 60 000 training images: 0.28604, 0.35302.
const normalization: Normalization = Object.freeze({ mean: Object.freeze([0.2860]), std: Object.freeze([0.3530]) });

// Clothes keep their class when mirrored. Pad 2: they fill their 28×28 frame, and the frame itself is black.
const augment: readonly Transform[] = Object.freeze([
  Object.freeze({ kind: "crop", pad: 2, mode: "zero" }),
  Object.freeze({ kind: "flip", probability: 0.5 }),
]);

/**
 * Fashion-MNIST: 60 000 + 10 000 grey images of clothes, 1×28×28, ten classes.
 *
 * Looked for in `folder` if given, else in the folder of Debian's package `dataset-fashion-mnist`, else in
 * `fashion_mnist` below the cache folder (`runs/cache` unless said); with `download` fetched from Zalando's repository
 * and checked by SHA-256. Training images get a zero crop with pad 2 and a flip with probability ½.
 *
 * @throws {DatasetError} When opened, if the files are nowhere, cut, or of another format.
 *
 * Source: Xiao, Rasul, Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist, MIT licence.
 *
 * @example
 * ```ts
 * import { fashionMnist } from "./fashion_mnist.ts";
 * fashionMnist().classes; // 10
 * fashionMnist({ folder: "data/fashion" }).shape; // [1, 28, 28]
 * ```
 */
export function fashionMnist(options: FashionMnistOptions = {}): Dataset<10> {
  return Object.freeze({
    kind: "fashion_mnist",
    name: "Fashion-MNIST",
    classes: 10,
    shape: Object.freeze([1, 28, 28] as const),
    options: recorded(options),
    open: (context: LoadContext = {}) => open(options, context),
  });
}

function recorded({ folder }: FashionMnistOptions): Dataset["options"] {
  return folder === undefined ? Object.freeze({}) : Object.freeze({ folder });
}

async function open(options: FashionMnistOptions, context: LoadContext): Promise<OpenDataset> {
  context.signal?.throwIfAborted();
  const folder = await findFolder(options, context);
  const train = await readSplit(folder, files.trainImages[0], files.trainLabels[0]);
  context.progress?.(`reading ${folder}`, 0.8);
  const test = await readSplit(folder, files.testImages[0], files.testLabels[0]);
  context.progress?.(`reading ${folder}`, 1);
  context.signal?.throwIfAborted();
  return openDataset({
    kind: "fashion_mnist",
    classNames,
    shape: [1, 28, 28],
    normalization,
    augment,
    train,
    test,
    source: `${folder}: ${train.length} + ${test.length} images`,
  });
}

async function findFolder(options: FashionMnistOptions, context: LoadContext): Promise<string> {
  const kept = `${context.cache ?? "runs/cache"}/fashion_mnist`;
  const places = options.folder === undefined ? [debianFolder, kept] : [options.folder];
  const found = places.find((folder) => {
    try {
      return Object.values(files).every(([name]) => fileIn(folder, name) !== undefined);
    } catch (error) {
      // A system folder that may not be read (--allow-read=.) is one without the files.
      if (folder === debianFolder) return false;
      throw error;
    }
  });
  if (found !== undefined) return found;
  const { download = false } = options;
  if (download !== false) {
    for (const [name, bytes, sha256] of Object.values(files)) {
      await fetchOfficial({ name: `${name}.gz`, address, bytes, checksum: { sha256 } }, kept, download, context);
    }
    return kept;
  }
  const names = Object.values(files).map(([name]) => `${name}.gz`).join(", ");
  throw new DatasetError(
    `Cannot open Fashion-MNIST: its files ${names} must lie in ${places.map((place) => `"${place}"`).join(" or ")}, ` +
      "got nothing there. Install the Debian package dataset-fashion-mnist, give fashionMnist({ folder }), " +
      "or allow fashionMnist({ download: true }). On the command line, say --dataset PATH or --download.",
  );
}

function fileIn(folder: string, name: string): string | undefined {
  return [`${folder}/${name}.gz`, `${folder}/${name}`].find((path) => lookAt(path)?.isFile);
}

async function readSplit(folder: string, imagesName: string, labelsName: string): Promise<ImageSet> {
  const [imagesPath, labelsPath] = [fileIn(folder, imagesName)!, fileIn(folder, labelsName)!];
  const images = readIdx(imagesPath, await unpacked(imagesPath), 3);
  const labels = readIdx(labelsPath, await unpacked(labelsPath), 1);
  const [count, height, width] = images.sizes;
  if (height !== 28 || width !== 28) {
    throw new DatasetError(
      `Cannot read "${imagesPath}": images must be 28×28, got ${height}×${width}. Give Fashion-MNIST's own files.`,
    );
  }
  if (count !== labels.bytes.length) {
    throw new DatasetError(
      `Cannot read "${labelsPath}": it must hold one label for each of ${count} images, got ${labels.bytes.length}. ` +
        "Give images and labels of one split.",
    );
  }
  const wrong = labels.bytes.findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new DatasetError(
      `Cannot read "${labelsPath}": labels must be from 0 to 9, got ${labels.bytes[wrong]} at image ${wrong}. ` +
        "Copy or download it again.",
    );
  }
  return imageSet(images.bytes, Uint16Array.from(labels.bytes));
}

async function unpacked(path: string): Promise<Uint8Array> {
  const bytes = await readBytes(path);
  return isGzip(bytes) ? await gunzip(path, bytes) : bytes;
}
