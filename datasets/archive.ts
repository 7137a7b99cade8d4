import type { ImageSource, LoadContext } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { fileKind } from "./file_kind.ts";
import { breather, unreadable } from "./files.ts";
import { stretch } from "./read_source.ts";
import { type Bytes, readTar } from "./tar.ts";
import { unpack } from "./unpack.ts";
import { readZip } from "./zip.ts";

/** A file or folder inside an archive. */
export interface ArchiveEntry {
  /** Path with "/" between the parts, without a leading "./" and without a trailing "/". */
  readonly path: string;
  /** Where its contents lie; `undefined` for a folder. */
  readonly source: ImageSource | undefined;
}

/**
 * Entries of a `.tar`, `.tar.gz` or `.zip` file, told apart by their first bytes and not by their names. Links and
 * devices are left out; of two entries of one path the later one counts.
 *
 * Only the index of a `.tar` or `.zip` is read. A `.tar.gz` has no index: it is unpacked, into memory up to 1 GiB and
 * into the cache folder above that.
 *
 * @throws {DatasetError} If the file is no archive, or is cut or damaged.
 */
export async function readArchive(path: string, context: LoadContext = {}): Promise<readonly ArchiveEntry[]> {
  using file = open(path);
  const start = stretch(file, 0, 512);
  const kind = fileKind(start);
  if (kind === "a gzip file") {
    const unpacked = await unpack(path, file, context);
    if (unpacked instanceof Uint8Array) return await inMemory(path, unpacked);
    using tar = open(unpacked);
    return await inFile(path, unpacked, tar, readTar, context);
  }
  if (kind.includes("zip file")) return await inFile(path, path, file, readZip, context);
  if (!kind.startsWith("a file that starts with") && kind !== "a tar file") {
    throw new DatasetError(
      `Cannot open "${path}": it must be a .tar, a .tar.gz or a .zip file, got ${kind}. ` +
        "Download it again, or pack the folder again.",
    );
  }
  return await inFile(path, path, file, readTar, context);
}

type Index = { path: string; folder: boolean; at: number; length: number; inflated?: number };

async function inMemory(path: string, whole: Uint8Array): Promise<readonly ArchiveEntry[]> {
  const entries = await readTar(path, {
    length: whole.length,
    at: (from, length) => whole.subarray(from, from + length),
  });
  return entriesOf(entries, ({ path, at, length }) => ({ path, bytes: whole.subarray(at, at + length) }));
}

async function inFile(
  path: string,
  kept: string,
  file: Deno.FsFile,
  read: (path: string, bytes: Bytes, breathe: () => Promise<void>) => Promise<readonly Index[]>,
  context: LoadContext,
): Promise<readonly ArchiveEntry[]> {
  const bytes = { length: file.statSync().size, at: (from: number, length: number) => stretch(file, from, length) };
  const entries = await read(path, bytes, breather(context.signal));
  return entriesOf(entries, ({ path: name, at, length, inflated }) => {
    return { path: kept, from: at, length, name, ...(inflated === undefined ? {} : { inflated }) };
  });
}

function entriesOf(entries: readonly Index[], sourceOf: (entry: Index) => ImageSource): readonly ArchiveEntry[] {
  const byPath = new Map<string, ArchiveEntry>();
  for (const entry of entries) {
    byPath.set(entry.path, { path: entry.path, source: entry.folder ? undefined : sourceOf(entry) });
  }
  return [...byPath.values()];
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}
