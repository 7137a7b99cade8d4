import type { Dataset, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { type ClassFolders, classFolders, type Tree } from "./class_folders.ts";
import { limitFiles } from "./decode_once.ts";
import { lookAt, realPath } from "./files.ts";
import type { LimitedContext } from "./limit.ts";
import { listImages, photoSettings } from "./listed_folder.ts";
import { openDataset } from "./open_dataset.ts";
import { lookAtSource } from "./source_tree.ts";
import { wordnetNames } from "./wordnet_names.ts";

/** Options of {@linkcode imagenet}. */
export interface ImagenetOptions {
  /** Folder (or `.tar` or `.zip` file) that holds `train/<wnid>/…` and `val/<wnid>/…`. */
  readonly path: string;
  /** Height and width of a net's input; 224 unless said. */
  readonly size?: number;
  /** Normalisation constants; the usual ones of ImageNet unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; random resized crop and flip unless said. */
  readonly augment?: readonly Transform[];
  /** Fixed changes of held-out images; the shorter edge to 8/7 of the size and a centre crop unless said. */
  readonly evaluation?: readonly Transform[];
}

const CLASSES = 1000;
const splits = Object.freeze({ train: Object.freeze(["train"]), test: Object.freeze(["val"]) });

/**
 * ImageNet (ILSVRC 2012): 1 281 167 + 50 000 photographs of a thousand classes, which are numbered in the order of
 * their WordNet numbers. It may not be downloaded without an account, so `path` says where it is.
 *
 * Only paths are read at the start; each image is decoded when a batch needs it. Training images get a random resized
 * crop (scale .08 to 1, ratio 3/4 to 4/3) and a flip, held-out ones are resized (shorter edge 256 for size 224) and cut
 * in the middle. CMYK images, of which there are some, become RGB. Other class counts are {@linkcode imageFolder}'s.
 *
 * Names of classes are read from `LOC_synset_mapping.txt` or `words.txt` in the same folder, if there is one.
 *
 * @throws {DatasetError} When opened, if the layout is another or there are not a thousand classes.
 *
 * Source: Russakovsky et al. 2015; constants and transforms: FFSD, SAKD, SwitOKD and OKDDip.
 *
 * @example
 * ```ts
 * import { imagenet } from "./imagenet.ts";
 * imagenet({ path: "/data/imagenet" }).shape; // [3, 224, 224]
 * ```
 */
export function imagenet(options: ImagenetOptions): Dataset<1000> {
  const { path, size = 224, normalization, augment, evaluation } = options;
  return Object.freeze({
    kind: "imagenet",
    name: "ImageNet",
    classes: CLASSES,
    shape: Object.freeze([3, size, size] as const),
    options: Object.freeze({
      path,
      ...(options.size === undefined ? {} : { size }),
      ...(normalization === undefined ? {} : { normalization: JSON.stringify(normalization) }),
      ...(augment === undefined ? {} : { augment: JSON.stringify(augment) }),
      ...(evaluation === undefined ? {} : { evaluation: JSON.stringify(evaluation) }),
    }),
    open: (context: LoadContext = {}) => open(options, size, context),
  });
}

async function open(options: ImagenetOptions, size: number, context: LimitedContext): Promise<OpenDataset> {
  context.signal?.throwIfAborted();
  const settings = photoSettings("ImageNet", size);
  const path = placeOf(options.path);
  context.progress?.(`listing ${path}`, 0);
  const source = await lookAtSource(path, lookAt(path)!, { splits, versioned: false }, context);
  const { classNames: ids, train, test } = limitFiles(listed(path, await source.tree()), context);
  context.progress?.(`listing ${path}`, 1);
  const origin = `${context.cache === undefined ? path : await realPath(path)}:${source.version}`;
  return openDataset({
    kind: "imagenet",
    classNames: await namesOf(path, options.path, ids),
    shape: [3, size, size],
    normalization: options.normalization ?? settings.normalization,
    augment: options.augment ?? settings.augment,
    evaluation: options.evaluation ?? settings.evaluation,
    train: await listImages(train, origin, context),
    test: await listImages(test, origin, context),
    source: `${path}: ${train.length} + ${test.length} images, decoded as needed`,
  });
}

/** The folder that holds the splits; Kaggle's download has it below others. */
function placeOf(path: string): string {
  const kaggle = `${path}/ILSVRC/Data/CLS-LOC`;
  if (lookAt(`${kaggle}/train`)?.isDirectory) return kaggle;
  if (lookAt(path) !== undefined) return path;
  throw new DatasetError(
    `Cannot open ImageNet: a folder with train/<wnid> and val/<wnid> must lie at "${path}", got nothing there. ` +
      "Check the spelling; the images come from https://image-net.org after a registration.",
  );
}

function listed(path: string, tree: Tree): ClassFolders {
  const flat = tree.files.filter((file) => file.path.startsWith("val/") && file.path.split("/").length === 2).length;
  if (flat > 0) {
    throw new DatasetError(
      `Cannot open "${path}": val/ must hold a folder for each class as train/ does, got ${flat} files in val/ itself. ` +
        "Move each image to val/<wnid>/ first, by the list of labels it came with.",
    );
  }
  const folders = classFolders(path, tree, splits);
  if (folders.classNames.length === CLASSES) return folders;
  throw new DatasetError(
    `Cannot open "${path}": ImageNet has ${CLASSES} classes, got ${folders.classNames.length} in train/. ` +
      "Give all of them, or open it by imageFolder({ path, size }).",
  );
}

async function namesOf(path: string, given: string, ids: readonly string[]): Promise<readonly string[]> {
  for (const file of [path, given].flatMap((folder) => [`${folder}/LOC_synset_mapping.txt`, `${folder}/words.txt`])) {
    if (lookAt(file)?.isFile) return wordnetNames(ids, await Deno.readTextFile(file));
  }
  return ids;
}
