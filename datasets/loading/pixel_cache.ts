import type { ImageFiles, SplitName, Transform } from "../../dsl/data.ts";
import { digest } from "../files.ts";
import { extentOf } from "../transforms/frame.ts";
import { fixedCount } from "../transforms/plan.ts";

/** A file of images as the leading fixed transforms made them, one record an image. Plain data. */
export interface CachePlan {
  readonly path: string;
  /** Channels, height, width of a record. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** How many transforms a record has behind it. */
  readonly transforms: number;
}

/** An open cache. */
export interface PixelCache {
  readonly plan: CachePlan;
  /** Planes C, H, W of an image, or `undefined` if it is not there or damaged. */
  read(index: number): Uint8Array | undefined;
  /** Keeps an image. A disk that is full or read-only is no mistake: the image is made again next time. */
  write(index: number, planes: Uint8Array): void;
  close(): void;
}

// Layout: 8 bytes name and format, 64 the key in hexadecimal; then for each image CRC-32 (little end first; 0: not
// there) and pixels. A record and its sum are written together, so that half a record shows.
const MAGIC = "COHORTPX";
const START = 72;

// A file that is no surprise beside the images themselves: ImageNet's 50 000 at 224×224 take 7 GiB.
const MOST_BYTES = 8 * 2 ** 30;

/**
 * The cache of a split under some transforms, made if it is not there; `undefined` where none is wanted, the images
 * would differ in size or fill the disk, or the folder cannot be written.
 *
 * The key is made of the version of the files, the split, the fixed transforms and the channels.
 */
export async function planCache(
  files: ImageFiles,
  split: SplitName,
  length: number,
  channels: number,
  transforms: readonly Transform[],
): Promise<CachePlan | undefined> {
  const count = fixedCount(transforms);
  const extent = endExtent(transforms.slice(0, count));
  if (files.cache === undefined || extent === undefined) return undefined;
  const shape = [channels, ...extent] as const;
  const bytes = START + length * (4 + shape[0] * shape[1] * shape[2]);
  if (bytes > MOST_BYTES) return undefined;
  const key = await digest(JSON.stringify([files.version, split, length, transforms.slice(0, count), channels]));
  const plan = { path: `${files.cache}/${key.slice(0, 16)}.pixels`, shape, transforms: count };
  const start = new TextEncoder().encode(MAGIC + key);
  try {
    if (!isCache(plan.path, start, bytes)) makeFile(files.cache, plan.path, start, bytes);
    return plan;
  } catch {
    return undefined;
  }
}

/** Opens a planned cache, or `undefined` if that cannot be done. */
export async function openCache(plan: CachePlan): Promise<PixelCache | undefined> {
  const { crc32 } = await import("node:zlib");
  const sumOf = (planes: Uint8Array): number => crc32(planes) || 1;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(plan.path, { read: true, write: true });
  } catch {
    return undefined;
  }
  const size = plan.shape[0] * plan.shape[1] * plan.shape[2];
  const record = new Uint8Array(4 + size);
  const view = new DataView(record.buffer);
  const seek = (index: number): void => {
    file.seekSync(START + index * record.length, Deno.SeekMode.Start);
  };
  return {
    plan,
    read: (index) => {
      try {
        seek(index);
        if (readAll(file, record) < record.length || view.getUint32(0, true) === 0) return undefined;
        const planes = record.slice(4);
        return view.getUint32(0, true) === sumOf(planes) ? planes : undefined;
      } catch {
        return undefined;
      }
    },
    write: (index, planes) => {
      view.setUint32(0, sumOf(planes), true);
      record.set(planes, 4);
      try {
        seek(index);
        for (let at = 0; at < record.length;) at += file.writeSync(record.subarray(at));
      } catch {
        // See above.
      }
    },
    close: () => file.close(),
  };
}

/** Height and width that fixed transforms end at, whatever they begin with. */
function endExtent(transforms: readonly Transform[]): readonly [number, number] | undefined {
  const last = transforms.findLast((transform) => transform.kind === "centerCrop" || transform.kind === "resize");
  if (last?.kind === "centerCrop") return extentOf(last.size);
  return last?.kind === "resize" && typeof last.size !== "number" ? last.size : undefined;
}

function isCache(path: string, start: Uint8Array, bytes: number): boolean {
  try {
    using file = Deno.openSync(path);
    const found = new Uint8Array(START);
    return file.statSync().size === bytes && readAll(file, found) === START && found.every((b, i) => b === start[i]);
  } catch {
    return false;
  }
}

function makeFile(folder: string, path: string, start: Uint8Array, bytes: number): void {
  Deno.mkdirSync(folder, { recursive: true });
  const part = `${path}.${crypto.randomUUID()}.part`;
  try {
    using file = Deno.openSync(part, { write: true, createNew: true });
    file.writeSync(start);
    file.truncateSync(bytes);
    Deno.renameSync(part, path);
  } catch (error) {
    try {
      Deno.removeSync(part);
    } catch {
      // It was never made, or has its name already.
    }
    throw error;
  }
}

function readAll(file: Deno.FsFile, into: Uint8Array): number {
  let at = 0;
  while (at < into.length) {
    const read = file.readSync(into.subarray(at));
    if (read === null) break;
    at += read;
  }
  return at;
}
