import type { Dataset, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { type ClassFolders, classFolders, type LabelledFile, type SourceFile, type Tree } from "./class_folders.ts";
import { decodeOnce } from "./decode_once.ts";
import { lookAt, realPath } from "./files.ts";
import type { LimitedContext } from "./limit.ts";
import type { Mirror } from "./mirror.ts";
import { openDataset } from "./open_dataset.ts";
import { findArchive, type PublishedArchive } from "./published_archive.ts";
import { sourceReader } from "./read_source.ts";
import { lookAtSource } from "./source_tree.ts";
import { wordnetNames } from "./wordnet_names.ts";

/** Options of {@linkcode tinyImagenet}. */
export interface TinyImagenetOptions {
  /** `tiny-imagenet-200.zip`, or the folder it unpacks to. */
  readonly path?: string;
  /** Download the archive (237 MB) into the cache if it is nowhere, from its official address or a mirror; false unless said. */
  readonly download?: boolean | Mirror;
  /** Normalisation constants; those of SwitOKD and SAKD unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; SwitOKD's unless said. */
  readonly augment?: readonly Transform[];
}

const published: PublishedArchive = Object.freeze({
  kind: "tiny_imagenet",
  name: "Tiny-ImageNet-200",
  call: "tinyImagenet",
  archive: Object.freeze({
    name: "tiny-imagenet-200.zip",
    address: "https://cs231n.stanford.edu",
    bytes: 248_100_043,
    // As Avalanche and several other projects print it.
    checksum: Object.freeze({ md5: "90528d7ca1a48142e341f4ef8d21d0de" }),
  }),
  folder: "tiny-imagenet-200",
  marker: "train",
});

const CLASSES = 200;

// Those of SwitOKD's and SAKD's released code: CIFAR-10's means with the mean of its per-image deviations.
const normalization: Normalization = Object.freeze({
  mean: Object.freeze([0.4914, 0.4822, 0.4465]),
  std: Object.freeze([0.2023, 0.1994, 0.2010]),
});

const augment: readonly Transform[] = Object.freeze([
  Object.freeze({ kind: "crop", pad: 4, mode: "zero" }),
  Object.freeze({ kind: "flip", probability: 0.5 }),
]);

/**
 * Tiny-ImageNet-200: 100 000 + 10 000 colour images, 3×64×64, two hundred classes numbered in the order of their
 * WordNet numbers. Held out are the images of `val/`, as all papers do; those of `test/` have no labels.
 *
 * Looked for at `path` if given, else in `tiny_imagenet` below the cache folder (`runs/cache` unless said), as the
 * official archive or the folder it unpacks to; its `val/` may be as published (`val/images` with
 * `val_annotations.txt`) or sorted into class folders. Training images get a zero crop with pad 4 and a flip with
 * probability ½, grey ones (there are some) become colour.
 *
 * @throws {DatasetError} When opened, if the files are nowhere, cut, or of other classes or sizes.
 *
 * Source: Le and Yang 2015, Stanford CS 231N; augmentation: SwitOKD's released code.
 *
 * @example
 * ```ts
 * import { tinyImagenet } from "./tiny_imagenet.ts";
 * tinyImagenet({ path: "tiny-imagenet-200.zip" }).shape; // [3, 64, 64]
 * ```
 */
export function tinyImagenet(options: TinyImagenetOptions = {}): Dataset<200> {
  const { path, normalization, augment } = options;
  return Object.freeze({
    kind: "tiny_imagenet",
    name: "Tiny-ImageNet-200",
    classes: CLASSES,
    shape: Object.freeze([3, 64, 64] as const),
    options: Object.freeze({
      ...(path === undefined ? {} : { path }),
      ...(normalization === undefined ? {} : { normalization: JSON.stringify(normalization) }),
      ...(augment === undefined ? {} : { augment: JSON.stringify(augment) }),
    }),
    open: (context: LoadContext = {}) => open(options, context),
  });
}

async function open(options: TinyImagenetOptions, context: LimitedContext): Promise<OpenDataset> {
  context.signal?.throwIfAborted();
  const path = await findArchive(published, options, context);
  const cached = context.cache !== undefined;
  const splits = { train: ["train"], test: ["val"] };
  const source = await lookAtSource(path, lookAt(path)!, { splits, versioned: cached }, context);
  const origin = {
    kind: "tiny_imagenet",
    source: cached ? await realPath(path) : path,
    version: source.version,
  };
  const list = async () => listed(path, await source.tree());
  const { shape, classNames, train, test } = await decodeOnce(path, origin, list, context);
  if (shape.join() !== "3,64,64") {
    throw new DatasetError(
      `Cannot use "${path}": images of Tiny-ImageNet-200 must be 3×64×64, got ${shape.join("×")}. ` +
        "Give the official files, or imageFolder({ path }).",
    );
  }
  return openDataset({
    kind: "tiny_imagenet",
    classNames,
    shape: [3, 64, 64],
    normalization: options.normalization ?? normalization,
    augment: options.augment ?? augment,
    train,
    test,
    source: `${path}: ${train.length} + ${test.length} images`,
  });
}

function listed(path: string, tree: Tree): ClassFolders {
  // Beside the images lie the boxes of objects.
  const files = tree.files.filter(({ path }) => !path.endsWith("_boxes.txt"));
  const annotations = files.find(({ path }) => path === "val/val_annotations.txt");
  if (annotations === undefined && tree.folders.includes("val/images")) {
    throw new DatasetError(
      `Cannot open "${path}": val/images must come with val/val_annotations.txt, which tells the classes, got none. ` +
        "Copy or download it again.",
    );
  }
  const folders = annotations === undefined
    ? classFolders(path, { ...tree, files }, { train: ["train"], test: ["val"] })
    : annotated(path, { ...tree, files }, textOf(annotations));
  const { classNames: ids } = folders;
  if (ids.length !== CLASSES) {
    throw new DatasetError(
      `Cannot use "${path}": Tiny-ImageNet-200 has ${CLASSES} classes, got ${ids.length} in train/. ` +
        "Give the official files, or imageFolder({ path }).",
    );
  }
  const words = files.find(({ path }) => path === "words.txt");
  return { ...folders, classNames: words === undefined ? ids : wordnetNames(ids, textOf(words)) };
}

/** The published layout: all held-out images in one folder, and a list of their classes. */
function annotated(path: string, tree: Tree, annotations: string): ClassFolders {
  const { classNames, train } = classFolders(path, tree, { train: ["train"], test: ["train"] });
  const labels = new Map(classNames.map((id, label) => [id, label]));
  const images = new Map(tree.files.map((file) => [file.path, file]));
  const test = annotations.split(/\r?\n/).filter((line) => line !== "").map((line, i): LabelledFile => {
    const [name = "", id = ""] = line.split("\t");
    const file = images.get(`val/images/${name}`);
    const label = labels.get(id);
    if (file !== undefined && label !== undefined) return { ...file, label };
    throw new DatasetError(
      `Cannot read "val/val_annotations.txt" of "${path}": every line must name an image of val/images and a class of ` +
        `train/, got "${name}" and "${id}" in line ${i + 1}. Copy or download it again.`,
    );
  });
  return { classNames, train, test };
}

function textOf({ source }: SourceFile): string {
  using reader = sourceReader();
  return new TextDecoder().decode(reader.read(source));
}
