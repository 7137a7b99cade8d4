import type { Dataset, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { cifar10Classes, cifar10Normalization } from "./cifar_names.ts";
import { type ClassFolders, classFolders, type Tree } from "./class_folders.ts";
import { decodeOnce, limitFiles } from "./decode_once.ts";
import { lookAt, realPath } from "./files.ts";
import type { LimitedContext } from "./limit.ts";
import { listImages, photoSettings } from "./listed_folder.ts";
import { openDataset } from "./open_dataset.ts";
import { arePlain, plainFolders, requireTestShare, topFolders } from "./plain_folders.ts";
import { lookAtSource, type Source } from "./source_tree.ts";
import { statistics } from "./statistics.ts";

/** Options of {@linkcode imageFolder}. */
export interface ImageFolderOptions {
  /**
   * A folder, `.tar`, `.tar.gz` or `.zip` file that holds `train/<class>/…` and `test/<class>/…` (or `val/`, `valid/`), or
   * `<class>/…` alone.
   */
  readonly path: string;
  /** Height and width that images of any size are cut to while training; all have one size unless said. */
  readonly size?: number;
  /** Normalisation constants; those of the training images, or with `size` ImageNet's, unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; see {@linkcode imageFolder} unless said. */
  readonly augment?: readonly Transform[];
  /** Fixed changes of held-out images, with `size` only; see {@linkcode imageFolder} unless said. */
  readonly evaluation?: readonly Transform[];
  /** Share of each class that is held out where there are class folders alone; 0.1 unless said. */
  readonly testShare?: number;
  /** Seed of that choice; 0 unless said. It is no seed of the run: all runs are measured on the same images. */
  readonly testSeed?: number;
}

/**
 * Class folders of JPEG and PNG images, in a folder or an archive. Classes are numbered in the order of their sorted
 * names; folders below a class folder belong to it.
 *
 * Class folders without splits are split here: of each class `testShare` of the images, a tenth unless said, are held
 * out, at least one; which ones depends on their paths and on `testSeed` alone, so that every machine takes the same.
 * The line that tells the data of a run says so.
 *
 * Without `size` all images have one size, are decoded at the start, held in memory (4 GiB at most) and kept in the
 * cache. With `size` they may have any size and number: only their paths are read at the start, and each image is
 * decoded when a batch needs it.
 *
 * Alpha is dropped, 16-bit samples keep their high byte, palettes become colour, CMYK becomes RGB, of an animated PNG
 * the still image is taken, EXIF rotation is not applied. A set of grey files has one channel; in a set with any colour
 * file, grey ones are repeated in three. A set with `size` always has three.
 *
 * Constants are computed from the training images, but a 3×32×32 set with CIFAR-10's class names takes CIFAR-10's, and
 * one with `size` ImageNet's. Training images of at least 16×16 get a reflect crop with pad 4 (FFSD's for 32×32) and a
 * flip with probability ½, smaller ones the flip alone; those of a set with `size` a random resized crop and the flip,
 * and its held-out images are resized to 8/7 of the size and cut in the middle. Give `augment` where a mirrored image
 * is another class.
 *
 * @throws {OptionError} If `testShare` is no share, or `testSeed` no seed.
 * @throws {DatasetError} When opened, if the layout or an image is not as said above.
 *
 * @example
 * ```ts
 * import { imageFolder } from "./image_folder.ts";
 * const pets = imageFolder({ path: "pets.tar.gz" });
 * pets.classes; // undefined until opened: const { classNames } = await pets.open();
 * imageFolder({ path: "photos", size: 128 }).shape; // [3, 128, 128]
 * imageFolder({ path: "unsplit", testShare: 0.2 }); // unsplit/cat/…, unsplit/dog/…
 * ```
 */
export function imageFolder(options: ImageFolderOptions): Dataset<number> {
  const { path, size, normalization, augment, evaluation, testShare, testSeed } = options;
  requireTestShare(options);
  return Object.freeze({
    kind: "image_folder",
    name: path.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!,
    classes: undefined,
    shape: size === undefined ? undefined : Object.freeze([3, size, size] as const),
    options: Object.freeze({
      path,
      ...(size === undefined ? {} : { size }),
      ...(normalization === undefined ? {} : { normalization: JSON.stringify(normalization) }),
      ...(augment === undefined ? {} : { augment: JSON.stringify(augment) }),
      ...(evaluation === undefined ? {} : { evaluation: JSON.stringify(evaluation) }),
      ...(testShare === undefined ? {} : { testShare }),
      ...(testSeed === undefined ? {} : { testSeed }),
    }),
    open: (context: LoadContext = {}) =>
      size === undefined ? open(options, context) : openListed(options, size, context),
  });
}

async function open(options: ImageFolderOptions, context: LimitedContext): Promise<OpenDataset> {
  const { path } = options;
  if (options.evaluation !== undefined) {
    throw new DatasetError(
      `Cannot open "${path}": held-out images are changed only if all are cut to one size, got evaluation without size. ` +
        "Give imageFolder({ path, size, evaluation }).",
    );
  }
  const source = await look(path, context.cache !== undefined, context);
  const origin = {
    kind: "image_folder",
    source: context.cache === undefined ? path : await realPath(path),
    version: source.version + choiceOf(options),
  };
  const list = async () => listed(options, await source.tree());
  const { shape, classNames, train, test, heldOut } = await decodeOnce(path, origin, list, context);
  const isCifar10 = shape.join() === "3,32,32" && classNames.join() === cifar10Classes.join();
  return openDataset({
    kind: "image_folder",
    classNames,
    shape,
    normalization: options.normalization ?? (isCifar10 ? cifar10Normalization : statistics(train, shape)),
    augment: options.augment ?? usualAugment(shape),
    train,
    test,
    source: `${path}: ${train.length} + ${test.length} images of ${classNames.length} classes${told(heldOut)}`,
  });
}

async function openListed(options: ImageFolderOptions, size: number, context: LimitedContext): Promise<OpenDataset> {
  const { path } = options;
  const settings = photoSettings("image_folder", size);
  const source = await look(path, false, context);
  context.progress?.(`listing ${path}`, 0);
  const { classNames, train, test, heldOut } = limitFiles(listed(options, await source.tree()), context);
  context.progress?.(`listing ${path}`, 1);
  const origin = `${context.cache === undefined ? path : await realPath(path)}:${source.version}`;
  return openDataset({
    kind: "image_folder",
    classNames,
    shape: [3, size, size],
    normalization: options.normalization ?? settings.normalization,
    augment: options.augment ?? settings.augment,
    evaluation: options.evaluation ?? settings.evaluation,
    train: await listImages(train, origin, context),
    test: await listImages(test, origin, context),
    source: `${path}: ${train.length} + ${test.length} images of ${classNames.length} classes, ` +
      `decoded as needed${told(heldOut)}`,
  });
}

function listed({ path, testShare, testSeed }: ImageFolderOptions, tree: Tree): ClassFolders {
  const said = { ...(testShare === undefined ? {} : { testShare }), ...(testSeed === undefined ? {} : { testSeed }) };
  if (arePlain(topFolders(tree))) return plainFolders(path, tree, said);
  const folders = classFolders(path, tree);
  const [option] = Object.entries(said);
  if (option === undefined) return folders;
  const [name, value] = option;
  throw new DatasetError(
    `Cannot open "${path}": only class folders without splits are split by a share, got train/ and ${name} ${value}. ` +
      "Leave it away, or say withSplit().",
  );
}

/** What tells one choice of held-out images from another. */
function choiceOf({ testShare, testSeed }: ImageFolderOptions): string {
  return testShare === undefined && testSeed === undefined ? "" : ` ${testShare} ${testSeed}`;
}

function told(heldOut: string | undefined): string {
  return heldOut === undefined ? "" : `; ${heldOut}`;
}

async function look(path: string, versioned: boolean, context: LoadContext): Promise<Source> {
  context.signal?.throwIfAborted();
  const info = lookAt(path);
  if (info !== undefined) return await lookAtSource(path, info, { plain: true, versioned }, context);
  throw new DatasetError(
    `Cannot open "${path}": it must be a folder, a .tar, a .tar.gz or a .zip file, got nothing there. ` +
      "Check the spelling.",
  );
}

function usualAugment([, height, width]: OpenDataset["shape"]): readonly Transform[] {
  const flip: Transform = { kind: "flip", probability: 0.5 };
  return Math.min(height, width) < 16 ? [flip] : [{ kind: "crop", pad: 4, mode: "reflect" }, flip];
}
