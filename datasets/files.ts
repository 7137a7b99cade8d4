import { DatasetError } from "../dsl/errors.ts";

/** Bytes of a file. @throws {DatasetError} If it cannot be read or is empty. */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  let bytes;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  requireBytes(path, bytes);
  return bytes;
}

/** Refuses a file without any bytes. @throws {DatasetError} If there are none. */
export function requireBytes(path: string, bytes: Uint8Array): void {
  if (bytes.length > 0) return;
  throw new DatasetError(
    `Cannot read "${path}": a file of a dataset must not be empty, got 0 bytes. Copy or download it again.`,
  );
}

/** What lies at a path, links followed; `undefined` if nothing does. */
export function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw unreadable(path, error);
  }
}

/** Refuses pipes and devices, which would be read for ever. @throws {DatasetError} If it is one. */
export function requireFile(path: string, info: Deno.FileInfo): void {
  if (info.isFile) return;
  throw new DatasetError(`Cannot read "${path}": it must be a file, got a pipe or device. Remove it.`);
}

/** Size and time of last change, which tell one version of a file from another. */
export function versionOf(info: Deno.FileInfo): string {
  return `${info.size}@${info.mtime?.getTime() ?? 0}`;
}

/** Full path, links followed. @throws {DatasetError} If it cannot be read. */
export async function realPath(path: string): Promise<string> {
  return await Deno.realPath(path).catch((error) => Promise.reject(unreadable(path, error)));
}

/** Names of what lies in a folder, sorted by code unit. @throws {DatasetError} If it cannot be read. */
export function namesIn(folder: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}

/** SHA-256 of a text, in hexadecimal. */
export async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The mistake behind a failed read. */
export function unreadable(path: string, error: unknown): DatasetError {
  const got = error instanceof Error ? error.message : String(error);
  const next = error instanceof Deno.errors.NotCapable
    ? "Allow it with --allow-read."
    : "Check that the path is spelled right and may be read.";
  return new DatasetError(
    `Cannot read "${path}": it must be a readable file or folder, got "${firstLine(got)}". ${next}`,
    { cause: error },
  );
}

/** The first line of a message, without a full stop. */
export function firstLine(text: string): string {
  return text.trim().split("\n")[0]!.replace(/\.$/, "");
}

/**
 * Contents of a gzip file.
 *
 * `node:zlib` is two to three times as fast as `DecompressionStream`; it is loaded here and not at the top so that the
 * embedded digits also open in a browser.
 *
 * @throws {DatasetError} If the data is damaged or cut.
 */
export async function gunzip(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const zlib = await import("node:zlib");
  return await new Promise((resolve, reject) => {
    zlib.gunzip(bytes, (error, result) => {
      if (error === null) return resolve(new Uint8Array(result.buffer, result.byteOffset, result.byteLength));
      reject(
        new DatasetError(
          `Cannot unpack "${path}": its gzip data must be whole, got "${firstLine(error.message)}". ` +
            "Copy or download it again.",
          { cause: error },
        ),
      );
    });
  });
}

/** Whether bytes start as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Gives the event loop a turn whenever 50 ms have gone by since the last one, and stops on request. */
export function breather(signal: AbortSignal | undefined): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 50) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    last = performance.now();
  };
}
