import { DatasetError } from "../dsl/errors.ts";
import { gunzip, isGzip, readBytes } from "./files.ts";

/** A file or folder inside a tar archive. */
export interface ArchiveEntry {
  /** Path with "/" between the parts, without a leading "./" and without a trailing "/". */
  readonly path: string;
  /** Contents, a view into the unpacked archive; `undefined` for a folder. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Entries of a `.tar` or `.tar.gz` file, unpacked once into memory. Links and devices are left out.
 *
 * The reader is our own because the small ones on npm neither check header sums nor join the ustar prefix, so a text
 * file would open as an archive of nothing and long paths would be cut.
 *
 * Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format" (type L).
 *
 * @throws {DatasetError} If the file is no archive, or is cut or damaged.
 */
export async function readArchive(path: string): Promise<readonly ArchiveEntry[]> {
  const packed = await readBytes(path);
  if (/gz$/i.test(path) && !isGzip(packed)) {
    throw new DatasetError(
      `Cannot open "${path}": a gzip file must start with the bytes 1f 8b, got ${hex(packed.subarray(0, 2))}. ` +
        "Download or pack the archive again.",
    );
  }
  return readTar(path, isGzip(packed) ? await gunzip(path, packed) : packed);
}

/** Entries of an unpacked tar archive. @throws {DatasetError} If it is none, or is cut or damaged. */
export function readTar(path: string, bytes: Uint8Array): readonly ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  let longName: string | undefined;
  let offset = 0;
  while (offset + 512 <= bytes.length) {
    const header = bytes.subarray(offset, offset + 512);
    if (header[0] === 0) break;
    requireSum(path, header, offset);
    const size = octal(header, 124, 12);
    if (!(size >= 0)) throw notTar(path, offset);
    const body = offset + 512;
    if (body + size > bytes.length) throw cut(path, size, bytes.length - body);
    const contents = bytes.subarray(body, body + size);
    const type = String.fromCharCode(header[156]! || 0x30);
    if (type === "L") longName = text(contents, 0, size);
    else if (type === "x") longName = paxPath(contents) ?? longName;
    else {
      const name = longName ?? headerName(header);
      longName = undefined;
      const clean = name.split("/").filter((part) => part !== "" && part !== ".").join("/");
      if (type === "5" || name.endsWith("/")) entries.push({ path: clean, bytes: undefined });
      else if (type === "0" || type === "7") entries.push({ path: clean, bytes: contents });
    }
    offset = body + Math.ceil(size / 512) * 512;
  }
  if (offset < bytes.length && bytes[offset] !== 0) throw cut(path, 512, bytes.length - offset);
  if (offset === 0) {
    throw new DatasetError(
      `Cannot open "${path}": a tar archive must hold at least one file, got ${bytes.length} bytes without any. ` +
        "Pack the folder again.",
    );
  }
  return entries;
}

function requireSum(path: string, header: Uint8Array, offset: number): void {
  let sum = 8 * 0x20; // the sum's own field counts as blanks
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (sum === octal(header, 148, 8)) return;
  throw notTar(path, offset);
}

function notTar(path: string, offset: number): DatasetError {
  return new DatasetError(
    `Cannot open "${path}": it must be a tar archive, gzipped or not, got other data at byte ${offset}. ` +
      "Give a folder, a .tar or a .tar.gz file.",
  );
}

function cut(path: string, needed: number, left: number): DatasetError {
  return new DatasetError(
    `Cannot open "${path}": the archive must be whole, got ${left} bytes where ${needed} are needed. ` +
      "Copy or download it again.",
  );
}

function headerName(header: Uint8Array): string {
  const name = text(header, 0, 100);
  const prefix = text(header, 257, 6) === "ustar" ? text(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** The path in a pax header, whose records read `<length> <key>=<value>\n`. */
function paxPath(contents: Uint8Array): string | undefined {
  return /^\d+ path=(.*)$/m.exec(new TextDecoder().decode(contents))?.[1];
}

function octal(bytes: Uint8Array, at: number, length: number): number {
  return parseInt(text(bytes, at, length).trim() || "0", 8);
}

/** Text up to the first zero byte. */
function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
