import { DatasetError } from "../dsl/errors.ts";
import { firstLine } from "./files.ts";
import { loadLibrary } from "./load_library.ts";
import type { Bytes } from "./tar.ts";

/** A file or folder inside a zip archive. */
export interface ZipEntry {
  /** Path with "/" between the parts, without a trailing "/". */
  readonly path: string;
  /** Whether it is a folder. */
  readonly folder: boolean;
  /** Where its data begins in the archive. */
  readonly at: number;
  /** Bytes of its data. */
  readonly length: number;
  /** Bytes unpacked if the data is deflated; absent if it is stored. */
  readonly inflated?: number;
}

// What one image may take; the size in a damaged or malicious zip may say anything.
const LARGEST = 2 ** 28;

/**
 * Files and folders of a zip archive, without their contents.
 *
 * The index is read by `@zip.js/zip.js`, which knows 64-bit sizes, code pages and damaged ends; contents are not, since
 * `node:zlib` unpacks small entries many times as fast. Where they begin the library does not tell, so their own headers
 * are read here.
 *
 * Source: PKWARE APPNOTE 6.3.10, 4.3.7 (local file header).
 *
 * @throws {DatasetError} If it is none, is cut or damaged, or has entries that are encrypted or packed by another method.
 */
export async function readZip(
  path: string,
  bytes: Bytes,
  breathe: () => Promise<void> = async () => {},
): Promise<readonly ZipEntry[]> {
  const { Reader, ZipReader } = await loadLibrary<typeof import("@zip.js/zip.js")>(
    import.meta.resolve("@zip.js/zip.js"),
  );
  class BytesReader extends Reader<Bytes> {
    override size = bytes.length;
    override readUint8Array(index: number, length: number): Promise<Uint8Array> {
      return Promise.resolve(bytes.at(index, length));
    }
  }
  const entries: ZipEntry[] = [];
  try {
    const zip = new ZipReader(new BytesReader(bytes));
    for await (const entry of zip.getEntriesGenerator()) {
      await breathe();
      const clean = entry.filename.split("/").filter((part) => part !== "" && part !== ".").join("/");
      if (entry.directory) {
        entries.push({ path: clean, folder: true, at: 0, length: 0 });
        continue;
      }
      const { compressionMethod: method, compressedSize: length, uncompressedSize: size } = entry;
      requireReadable(path, clean, entry.encrypted, method, size);
      const at = dataAt(bytes, entry.offset);
      if (at === undefined || at + length > bytes.length) throw new Error(`no data of ${clean}`);
      entries.push({ path: clean, folder: false, at, length, ...(method === 0 ? {} : { inflated: size }) });
    }
  } catch (error) {
    if (error instanceof DatasetError || error instanceof DOMException) throw error;
    throw new DatasetError(
      `Cannot open "${path}": the zip archive must be whole, got "${
        firstLine(error instanceof Error ? error.message : String(error))
      }". Copy or download it again.`,
      { cause: error },
    );
  }
  if (entries.length > 0) return entries;
  throw new DatasetError(
    `Cannot open "${path}": a zip archive must hold at least one file, got ${bytes.length} bytes without any. ` +
      "Pack the folder again.",
  );
}

function requireReadable(path: string, name: string, encrypted: boolean, method: number, size: number): void {
  const refused = (rule: string, next: string) =>
    new DatasetError(`Cannot read "${name}" of "${path}": ${rule}. ${next}`);
  if (encrypted) {
    throw refused("a zip archive of images must not be encrypted, got an encrypted file", "Unpack it first.");
  }
  if (method !== 0 && method !== 8) {
    throw refused(`files in a zip archive must be stored or deflated, got method ${method}`, "Pack the folder again.");
  }
  if (size > LARGEST) {
    throw refused(`a file may have at most ${LARGEST} bytes, got ${size}`, "Remove it from the archive.");
  }
}

/** Where the data of an entry begins: its own header has names and extras of other lengths than the index. */
function dataAt(bytes: Bytes, offset: number): number | undefined {
  const header = bytes.at(offset, 30);
  if (header.length < 30) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, 30);
  if (view.getUint32(0) !== 0x504b0304) return undefined;
  return offset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
}
