import { type CachedImages, type Origin, readCache, writeCache } from "./cache.ts";
import type { ClassFolders, LabelledFile } from "./class_folders.ts";
import { decodeFiles } from "./decode_files.ts";
import { balanced, type LimitedContext, limitImages } from "./limit.ts";
import { imageSet } from "./open_dataset.ts";

/**
 * Decoded images of both splits: those of the cache if they are of this version, else the files that `list` gives, which
 * are then kept. Of a limited dataset only the images that stay are decoded.
 *
 * @throws {DatasetError} If a file cannot be decoded or differs in size from the others.
 */
export async function decodeOnce(
  place: string,
  origin: Origin,
  list: () => Promise<ClassFolders>,
  context: LimitedContext,
): Promise<CachedImages> {
  const whole = await readCache(context, origin);
  // Whether a part has one channel or three depends on its own files, so a mixed set is read anew for a part.
  if (whole !== undefined && !(whole.mixed && context.limits !== undefined)) {
    return { ...whole, ...limitImages(whole, context.limits ?? {}) };
  }
  context.progress?.(`reading ${place}`, 0);
  const decoded = await decode(place, limitFiles(await list(), context), context);
  // A part is decoded fast and would only fill the disk; the whole is kept.
  if (context.limits === undefined) await writeCache(context, origin, decoded);
  return decoded;
}

/** The files of both splits that stay when the dataset is limited. */
export function limitFiles(folders: ClassFolders, { limits }: LimitedContext): ClassFolders {
  const pick = (files: readonly LabelledFile[], count: number | undefined) =>
    count === undefined ? files : Array.from(balanced(files.map(({ label }) => label), count), (i) => files[i]!);
  return { ...folders, train: pick(folders.train, limits?.train), test: pick(folders.test, limits?.test) };
}

async function decode(
  place: string,
  { classNames, train, test, heldOut }: ClassFolders,
  context: LimitedContext,
): Promise<CachedImages> {
  const files = [...train, ...test];
  const { shape, pixels, mixed } = await decodeFiles(place, files, context);
  const labels = Uint16Array.from(files, ({ label }) => label);
  const cut = train.length * shape[0] * shape[1] * shape[2];
  return {
    classNames,
    shape,
    mixed,
    train: imageSet(pixels.subarray(0, cut), labels.subarray(0, train.length)),
    test: imageSet(pixels.subarray(cut), labels.subarray(train.length)),
    ...(heldOut === undefined ? {} : { heldOut }),
  };
}
