import type { ImageSource } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { firstLine, requireBytes, requireFile, unreadable } from "./files.ts";

/** What messages call an image: its name in an archive, else its path. */
export function nameOf(source: ImageSource): string {
  return "bytes" in source ? source.path : source.name ?? source.path;
}

/** Reads images one after another. */
export interface SourceReader extends Disposable {
  /**
   * Bytes of an image, wherever they lie: a file, a stretch of an archive, or memory.
   *
   * @throws {DatasetError} If they cannot be read, are none, or are damaged.
   */
  read(source: ImageSource): Uint8Array;
  /** Closes what is open. */
  close(): void;
}

/**
 * A reader that keeps the last archive open, so that an image of it costs a seek and a read. Reads wait: a look at the
 * disk's cache is faster than a turn of the event loop.
 */
export function sourceReader(): SourceReader {
  let open: { readonly path: string; readonly file: Deno.FsFile } | undefined;
  const close = (): void => {
    open?.file.close();
    open = undefined;
  };
  return {
    read(source) {
      if ("bytes" in source) return source.bytes;
      const { path, from, length } = source;
      if (from === undefined || length === undefined) return readWhole(path);
      const name = nameOf(source);
      try {
        if (open?.path !== path) {
          close();
          open = { path, file: Deno.openSync(path) };
        }
        const stored = stretch(open.file, from, length);
        if (stored.length < length) {
          throw new DatasetError(
            `Cannot read "${name}": it must hold ${length} bytes from byte ${from} on, got ${stored.length}. Copy or download it again.`,
          );
        }
        if (source.inflated === undefined) requireBytes(name, stored);
        else return inflate(path, name, stored, source.inflated);
        return stored;
      } catch (error) {
        throw error instanceof DatasetError ? error : unreadable(name, error);
      }
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** Up to `length` bytes of a file from byte `from`; fewer at its end. */
export function stretch(file: Deno.FsFile, from: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(from, Deno.SeekMode.Start);
  let done = 0;
  while (done < length) {
    const read = file.readSync(bytes.subarray(done));
    if (read === null) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

function readWhole(path: string): Uint8Array {
  let bytes;
  try {
    // Opening a pipe would wait for ever, so what lies there is looked at first.
    requireFile(path, Deno.statSync(path));
    bytes = Deno.readFileSync(path);
  } catch (error) {
    throw error instanceof DatasetError ? error : unreadable(path, error);
  }
  requireBytes(path, bytes);
  return bytes;
}

function inflate(archive: string, name: string, stored: Uint8Array, length: number): Uint8Array {
  // Asked for here and not imported, so that the embedded digits also open in a browser.
  const { inflateRawSync } = globalThis.process.getBuiltinModule("node:zlib");
  let bytes: Uint8Array;
  try {
    // One byte of room more than said tells an entry that is longer.
    bytes = inflateRawSync(stored, { maxOutputLength: length + 1 });
    if (bytes.length !== length) throw new Error(`${bytes.length} of ${length} bytes`);
  } catch (error) {
    const got = firstLine(error instanceof Error ? error.message : String(error));
    throw new DatasetError(
      `Cannot unpack "${name}" of "${archive}": its zip data must be whole, got "${got}". Copy or download it again.`,
      { cause: error },
    );
  }
  requireBytes(name, bytes);
  return bytes;
}
