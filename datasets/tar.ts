import { DatasetError } from "../dsl/errors.ts";

/** Bytes that are read from any place: of a file, or in memory. */
export interface Bytes {
  /** How many there are. */
  readonly length: number;
  /** Up to `length` bytes from `offset`; fewer at the end. */
  at(offset: number, length: number): Uint8Array;
}

/** A file or folder inside a tar archive. */
export interface TarEntry {
  /** Path with "/" between the parts, without a leading "./" and without a trailing "/". */
  readonly path: string;
  /** Whether it is a folder. */
  readonly folder: boolean;
  /** Where its contents begin in the archive. */
  readonly at: number;
  /** Bytes of its contents. */
  readonly length: number;
}

/**
 * Files and folders of an unpacked tar archive, without their contents. Links and devices are left out.
 *
 * The reader is our own because the small ones on npm neither check header sums nor join the ustar prefix, so a text
 * file would open as an archive of nothing and long paths would be cut.
 *
 * Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format" (type L).
 *
 * @throws {DatasetError} If it is none, or is cut or damaged.
 */
export async function readTar(
  path: string,
  bytes: Bytes,
  breathe: () => Promise<void> = async () => {},
): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  let longName: string | undefined;
  let offset = 0;
  for (; offset + 512 <= bytes.length; await breathe()) {
    const header = bytes.at(offset, 512);
    if (header[0] === 0) break;
    requireSum(path, header, offset);
    const length = octal(header, 124, 12);
    if (!(length >= 0)) throw notTar(path, offset);
    const at = offset + 512;
    if (at + length > bytes.length) throw cut(path, length, bytes.length - at);
    const type = String.fromCharCode(header[156]! || 0x30);
    if (type === "L" || type === "x") {
      // A name that long is damage, and would be taken into memory.
      if (length > LONGEST_NAME) throw notTar(path, offset);
      const contents = bytes.at(at, length);
      longName = type === "L" ? text(contents, 0, length) : paxPath(contents) ?? longName;
    } else {
      const name = longName ?? headerName(header);
      longName = undefined;
      const clean = name.split("/").filter((part) => part !== "" && part !== ".").join("/");
      if (type === "5" || name.endsWith("/")) entries.push({ path: clean, folder: true, at, length: 0 });
      else if (type === "0" || type === "7") entries.push({ path: clean, folder: false, at, length });
    }
    offset = at + Math.ceil(length / 512) * 512;
  }
  if (offset < bytes.length && bytes.at(offset, 1)[0] !== 0) throw cut(path, 512, bytes.length - offset);
  if (offset === 0) {
    throw new DatasetError(
      `Cannot open "${path}": a tar archive must hold at least one file, got ${bytes.length} bytes without any. ` +
        "Pack the folder again.",
    );
  }
  return entries;
}

// Far above the 4096 bytes that Linux allows a path.
const LONGEST_NAME = 2 ** 16;

function requireSum(path: string, header: Uint8Array, offset: number): void {
  let sum = 8 * 0x20; // the sum's own field counts as blanks
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (sum === octal(header, 148, 8)) return;
  throw notTar(path, offset);
}

function notTar(path: string, offset: number): DatasetError {
  return new DatasetError(
    `Cannot open "${path}": it must be a tar archive, gzipped or not, or a zip file, got other data at byte ${offset}. ` +
      "Give a folder, a .tar, a .tar.gz or a .zip file.",
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
