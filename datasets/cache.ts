import type { ImageSet, LoadContext } from "../dsl/data.ts";
import { digest, firstLine } from "./files.ts";
import { imageSet } from "./open_dataset.ts";

/** Decoded images as they are kept between runs. */
export interface CachedImages {
  /** Name of each class. */
  readonly classNames: readonly string[];
  /** Channels, height, width. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Whether grey and colour files came together. */
  readonly mixed: boolean;
  /** Training images. */
  readonly train: ImageSet;
  /** Held-out images. */
  readonly test: ImageSet;
  /** How they were chosen, if the source does not say it. */
  readonly heldOut?: string;
}

/** What was decoded: where it lies and which version of it. */
export interface Origin {
  /** Kind of dataset. */
  readonly kind: string;
  /** Full path of the source. */
  readonly source: string;
  /** Version of the source; another version is decoded again. */
  readonly version: string;
}

// Layout: 8 bytes name and format, header length (u32), header (JSON), labels (u16, little end first), pixels.
const MAGIC = "COHORT01";

interface Header extends Origin {
  readonly classNames: readonly string[];
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly mixed: boolean;
  readonly train: number;
  readonly test: number;
  readonly checksum: number;
  readonly heldOut?: string;
}

/**
 * Decoded images from the cache, or `undefined` if they are not there, are of another version, or are damaged; damage is
 * told through `progress`.
 */
export async function readCache(context: LoadContext, origin: Origin): Promise<CachedImages | undefined> {
  if (context.cache === undefined) return undefined;
  const file = await cacheFile(context.cache, origin);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(file);
  } catch {
    return undefined;
  }
  try {
    return await decodeCache(bytes, origin);
  } catch (error) {
    context.progress?.(`cache "${file}" is damaged (${reason(error)}), decoding again`, 0);
    return undefined;
  }
}

/** Keeps decoded images: written beside the final name and then renamed. A failure is told, not thrown. */
export async function writeCache(context: LoadContext, origin: Origin, images: CachedImages): Promise<void> {
  if (context.cache === undefined) return;
  const file = await cacheFile(context.cache, origin);
  const part = `${file}.${crypto.randomUUID()}.part`;
  try {
    await Deno.mkdir(context.cache, { recursive: true });
    using output = await Deno.open(part, { write: true, createNew: true });
    for (const piece of await encodeCache(origin, images)) await writeAll(output, piece);
    await Deno.rename(part, file);
    context.progress?.(`kept decoded images in "${file}"`, 1);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    context.progress?.(`cannot keep decoded images in "${file}" (${reason(error)}), going on without`, 1);
  }
}

async function encodeCache(origin: Origin, images: CachedImages): Promise<readonly Uint8Array[]> {
  const { classNames, shape, mixed, train, test, heldOut } = images;
  const body = [train.labels, test.labels, train.pixels, test.pixels].map(bytesOf);
  const checksum = await sumOf(body);
  const header: Header = {
    ...origin,
    classNames,
    shape,
    mixed,
    train: train.length,
    test: test.length,
    checksum,
    ...(heldOut === undefined ? {} : { heldOut }),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(12);
  new TextEncoder().encodeInto(MAGIC, start);
  new DataView(start.buffer).setUint32(8, text.length, true);
  return [start, text, ...body];
}

async function decodeCache(bytes: Uint8Array<ArrayBuffer>, origin: Origin): Promise<CachedImages | undefined> {
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC) throw new Error("another format");
  const start = 12 + new DataView(bytes.buffer).getUint32(8, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, start))) as Header;
  if (header.version !== origin.version || header.source !== origin.source) return undefined;
  const { classNames, shape, mixed, train, test, heldOut } = header;
  const size = shape[0] * shape[1] * shape[2];
  const body = bytes.subarray(start);
  if (body.length !== (train + test) * (2 + size)) throw new Error("another length");
  if (await sumOf([body]) !== header.checksum) throw new Error("another checksum");
  const labels = new Uint16Array(body.slice(0, 2 * (train + test)).buffer);
  const pixels = body.subarray(2 * (train + test));
  return {
    classNames,
    shape,
    mixed,
    train: imageSet(pixels.subarray(0, train * size), labels.subarray(0, train)),
    test: imageSet(pixels.subarray(train * size), labels.subarray(train)),
    ...(heldOut === undefined ? {} : { heldOut }),
  };
}

/** CRC-32 of all pieces together. */
async function sumOf(pieces: readonly Uint8Array[]): Promise<number> {
  const { crc32 } = await import("node:zlib");
  return pieces.reduce((sum, piece) => crc32(piece, sum), 0);
}

/** One file for each source: a new version takes the place of the old one. */
async function cacheFile(folder: string, { kind, source }: Origin): Promise<string> {
  return `${folder}/${kind}-${(await digest(source)).slice(0, 16)}.images`;
}

async function writeAll(output: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await output.write(bytes.subarray(at));
}

function bytesOf(array: Uint8Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function reason(error: unknown): string {
  return firstLine(error instanceof Error ? error.message : String(error));
}
