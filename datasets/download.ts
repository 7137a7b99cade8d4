import type { LoadContext } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { firstLine, lookAt } from "./files.ts";
import { fetchRest, type Part, Retry } from "./transfer.ts";

/** A file to fetch. */
export interface Download {
  /** Address. */
  readonly url: string;
  /** Where it is put. */
  readonly file: string;
  /** Expected number of bytes; any unless said. */
  readonly bytes?: number;
  /** Expected checksum, in hexadecimal. */
  readonly checksum: Checksum;
  /** Milliseconds without a byte after which the server is asked again; a minute unless said. */
  readonly patience?: number;
}

/** A checksum in hexadecimal, by the algorithm it was published with. */
export type Checksum = { readonly sha256: string } | { readonly md5: string };

// Attempts in a row that bring nothing, and attempts in all, before the reader is told.
const VAIN = 3;
const ATTEMPTS = 20;

/**
 * Fetches a file unless it is there. It appears under its name only when whole and with the right size and checksum;
 * until then it grows beside it as `.part`, and goes on from there after a broken connection or in the next process.
 *
 * A part is continued only if the server says that the file is still the same (`If-Range`). Two processes do not fetch
 * at once: the second one waits for the first.
 *
 * @throws {DatasetError} If the server does not give the file, gives another one, or the disk has no room.
 */
export async function download(wanted: Download, context: LoadContext): Promise<void> {
  const { url, file } = wanted;
  context.signal?.throwIfAborted();
  if (lookAt(file) !== undefined) return;
  const part = await openPart(file, wanted, context);
  try {
    if (lookAt(file) !== undefined) {
      // Another process was first.
      await part.discard();
      return;
    }
    await fetchWhole(wanted, part, context);
  } finally {
    part.close();
  }
  try {
    await Deno.rename(part.path, file);
  } catch (error) {
    if (lookAt(file) === undefined) throw failed(url, file, error);
  }
  await Deno.remove(part.notes).catch(() => {});
}

async function fetchWhole(wanted: Download, part: Part, context: LoadContext): Promise<void> {
  const { url, file, checksum } = wanted;
  let fresh = part.size() === 0;
  for (;;) {
    await fetchAll(wanted, part, context);
    context.progress?.(`checking ${file}`, 1);
    const [algorithm, expected] = Object.entries(checksum)[0]!;
    const got = await checksumOf(part, algorithm, context);
    if (got === expected) return;
    await part.empty();
    if (fresh) {
      await part.discard();
      throw new DatasetError(
        `Cannot use "${url}": its ${algorithm === "md5" ? "MD5" : "SHA-256"} must be ${expected}, got ${got}. ` +
          `Try again, or put the right file at "${file}".`,
      );
    }
    // A part of an earlier start may be of another file: once more from the beginning.
    fresh = true;
  }
}

async function fetchAll(wanted: Download, part: Part, context: LoadContext): Promise<void> {
  let vain = 0;
  for (let attempt = 1;; attempt++) {
    const before = part.size();
    try {
      return await fetchRest(wanted, part, context);
    } catch (error) {
      context.signal?.throwIfAborted();
      if (error instanceof DatasetError) throw error;
      vain = part.size() > before ? 0 : vain + 1;
      if (!(error instanceof Retry) || vain >= VAIN || attempt >= ATTEMPTS) {
        throw failed(wanted.url, wanted.file, error);
      }
      context.progress?.(`downloading ${wanted.url}`, 0, `${firstLine(error.message)}, trying again`);
      await pause(Math.min(2 ** vain, 8) * (wanted.patience ?? 60_000) / 120, context.signal);
    }
  }
}

async function openPart(file: string, wanted: Download, context: LoadContext): Promise<Part> {
  const path = `${file}.part`;
  const notes = `${path}.json`;
  const refuse = (error: unknown): never => {
    throw unwritable(path, wanted.bytes, error);
  };
  await Deno.mkdir(file.replace(/[^/]*$/, "") || ".", { recursive: true }).catch(refuse);
  for (;;) {
    const output: Deno.FsFile = await Deno.open(path, { read: true, write: true, create: true }).catch(refuse);
    try {
      await lock(output, path, context);
      // The process before may have renamed or removed what was opened here.
      if (lookAt(path)?.ino !== output.statSync().ino && lookAt(file) === undefined) {
        output.close();
        continue;
      }
    } catch (error) {
      output.close();
      throw error;
    }
    return {
      path,
      notes,
      size: () => output.statSync().size,
      async write(bytes) {
        for (let at = 0; at < bytes.length;) at += await output.write(bytes.subarray(at)).catch(refuse);
      },
      async keep(text) {
        await Deno.writeTextFile(notes, text).catch(refuse);
      },
      async toEnd() {
        return await output.seek(0, Deno.SeekMode.End);
      },
      async empty() {
        await output.truncate(0);
        await output.seek(0, Deno.SeekMode.Start);
        await Deno.remove(notes).catch(() => {});
      },
      async read(buffer, from) {
        if (from !== undefined) await output.seek(from, Deno.SeekMode.Start);
        return await output.read(buffer);
      },
      async discard() {
        await Deno.remove(path).catch(() => {});
        await Deno.remove(notes).catch(() => {});
      },
      close: () => output.close(),
    };
  }
}

/** Waits until no other process fetches the same file. */
async function lock(output: Deno.FsFile, path: string, context: LoadContext): Promise<void> {
  for (;;) {
    try {
      if (await output.tryLock(true)) return;
    } catch {
      // A file system without locks: two processes that fetch at once find it out by the checksum.
      return;
    }
    context.progress?.(`waiting for another process that fetches ${path}`, 0);
    await pause(200, context.signal);
  }
}

async function checksumOf(part: Part, algorithm: string, context: LoadContext): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash(algorithm);
  const buffer = new Uint8Array(2 ** 20);
  for (let read = await part.read(buffer, 0); read !== null; read = await part.read(buffer)) {
    context.signal?.throwIfAborted();
    hash.update(buffer.subarray(0, read));
  }
  return hash.digest("hex");
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function unwritable(path: string, bytes: number | undefined, error: unknown): DatasetError {
  const room = bytes === undefined ? "the file" : `${bytes} bytes`;
  return new DatasetError(
    `Cannot write "${path}": the folder must be writable and have room for ${room}, got "${reason(error)}". ` +
      "Free some space or allow it, and start again: the download goes on where it stopped.",
    { cause: error },
  );
}

function failed(url: string, file: string, error: unknown): DatasetError {
  return new DatasetError(
    `Cannot download "${url}": the server must give the file, got "${reason(error)}". ` +
      `Check the network and --allow-net, or put the file at "${file}".`,
    { cause: error },
  );
}

function reason(error: unknown): string {
  return firstLine(error instanceof Error ? error.message : String(error));
}
