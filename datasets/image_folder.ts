import type { Dataset, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { type CachedImages, type Origin, readCache, writeCache } from "./cache.ts";
import { cifar10Classes, cifar10Normalization } from "./cifar_names.ts";
import { classFolders } from "./class_folders.ts";
import { decodeFiles } from "./decode_files.ts";
import { lookAt } from "./files.ts";
import { balanced, type LimitedContext, limitImages } from "./limit.ts";
import { imageSet, openDataset } from "./open_dataset.ts";
import { lookAtSource } from "./source_tree.ts";
import { statistics } from "./statistics.ts";

/** Options of {@linkcode imageFolder}. */
export interface ImageFolderOptions {
  /** A folder, `.tar` or `.tar.gz` file that holds `train/<class>/…` and `test/<class>/…` (or `val/`, `valid/`). */
  readonly path: string;
  /** Normalisation constants; those of the training images unless said. */
  readonly normalization?: Normalization;
  /** Changes of training images; see {@linkcode imageFolder} unless said. */
  readonly augment?: readonly Transform[];
}

/**
 * Class folders of JPEG and PNG images of one size, in a folder or an archive. Classes are numbered in the order of
 * their sorted names; folders below a class folder belong to it.
 *
 * Alpha is dropped, 16-bit samples keep their high byte, palettes become colour, EXIF rotation is not applied. A set of
 * grey files has one channel; in a set with any colour file, grey ones are repeated in three. CMYK is refused.
 *
 * Constants are computed from the training images, but a 3×32×32 set with CIFAR-10's class names takes CIFAR-10's.
 * Training images of at least 16×16 get a reflect crop with pad 4 (FFSD's for 32×32) and a flip with probability ½,
 * smaller ones the flip alone; give `augment` where a mirrored image is another class.
 *
 * @throws {DatasetError} When opened, if the layout or an image is not as said above.
 *
 * @example
 * ```ts
 * import { imageFolder } from "./image_folder.ts";
 * const pets = imageFolder({ path: "pets.tar.gz" });
 * pets.classes; // undefined until opened: const { classNames } = await pets.open();
 * ```
 */
export function imageFolder(options: ImageFolderOptions): Dataset<number> {
  const { path, normalization, augment } = options;
  return Object.freeze({
    kind: "image_folder",
    name: path.replace(/\/+$/, "").split("/").at(-1)!,
    classes: undefined,
    shape: undefined,
    options: Object.freeze({
      path,
      ...(normalization === undefined ? {} : { normalization: JSON.stringify(normalization) }),
      ...(augment === undefined ? {} : { augment: JSON.stringify(augment) }),
    }),
    open: (context: LoadContext = {}) => open(options, context),
  });
}

async function open(options: ImageFolderOptions, context: LimitedContext): Promise<OpenDataset> {
  const { path } = options;
  const images = await load(path, context);
  const { shape, classNames, train, test } = images;
  const isCifar10 = shape.join() === "3,32,32" && classNames.join() === cifar10Classes.join();
  return openDataset({
    kind: "image_folder",
    classNames,
    shape,
    normalization: options.normalization ?? (isCifar10 ? cifar10Normalization : statistics(train, shape)),
    augment: options.augment ?? usualAugment(shape),
    train,
    test,
    source: `${path}: ${train.length} + ${test.length} images of ${classNames.length} classes`,
  });
}

async function load(path: string, context: LimitedContext): Promise<CachedImages> {
  context.signal?.throwIfAborted();
  const info = lookAt(path);
  if (info === undefined) {
    throw new DatasetError(
      `Cannot open "${path}": it must be a folder, a .tar or a .tar.gz file, got nothing there. Check the spelling.`,
    );
  }
  const source = await lookAtSource(path, info, context.cache !== undefined, context.signal);
  const cached = context.cache !== undefined;
  const origin: Origin = {
    kind: "image_folder",
    source: cached ? await Deno.realPath(path) : path,
    version: source.version,
  };
  const whole = await readCache(context, origin);
  // Whether a part has one channel or three depends on its own files, so a mixed set is read anew for a part.
  if (whole !== undefined && !(whole.mixed && context.limits !== undefined)) {
    return { ...whole, ...limitImages(whole, context.limits ?? {}) };
  }
  const decoded = await decode(path, source.tree, context);
  // A part is decoded fast and would only fill the disk; the whole is kept.
  if (context.limits === undefined) await writeCache(context, origin, decoded);
  return decoded;
}

async function decode(
  path: string,
  tree: Awaited<ReturnType<typeof lookAtSource>>["tree"],
  context: LimitedContext,
): Promise<CachedImages> {
  context.progress?.(`reading ${path}`, 0);
  const folders = classFolders(path, await tree());
  const pick = (split: typeof folders.train, count: number | undefined) =>
    Array.from(balanced(split.map(({ label }) => label), count), (i) => split[i]!);
  const train = pick(folders.train, context.limits?.train);
  const files = [...train, ...pick(folders.test, context.limits?.test)];
  const { shape, pixels, mixed } = await decodeFiles(path, files, context);
  const labels = Uint16Array.from(files, ({ label }) => label);
  const cut = train.length * shape[0] * shape[1] * shape[2];
  return {
    classNames: folders.classNames,
    shape,
    mixed,
    train: imageSet(pixels.subarray(0, cut), labels.subarray(0, train.length)),
    test: imageSet(pixels.subarray(cut), labels.subarray(train.length)),
  };
}

function usualAugment([, height, width]: OpenDataset["shape"]): readonly Transform[] {
  const flip: Transform = { kind: "flip", probability: 0.5 };
  return Math.min(height, width) < 16 ? [flip] : [{ kind: "crop", pad: 4, mode: "reflect" }, flip];
}
