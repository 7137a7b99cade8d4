import type { ImageSource } from "../../dsl/data.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { requireBytes, unreadable } from "../files.ts";

/** Reads image files; the last archive stays open between two reads. */
export interface SourceReader {
  /**
   * Bytes of one image.
   *
   * @throws {DatasetError} If they cannot be read or end early.
   */
  read(source: ImageSource): Uint8Array;
  /** Closes what is open. */
  close(): void;
}

/** A reader of its own. Reads wait: a look at the disk's cache is faster than a turn of the event loop. */
export function sourceReader(): SourceReader {
  let open: { readonly path: string; readonly file: Deno.FsFile } | undefined;
  const close = (): void => {
    open?.file.close();
    open = undefined;
  };
  return {
    read: (source) => {
      if ("bytes" in source) return source.bytes;
      const { path, from, length } = source;
      try {
        if (from === undefined || length === undefined) {
          const bytes = Deno.readFileSync(path);
          requireBytes(path, bytes);
          return bytes;
        }
        if (open?.path !== path) {
          close();
          open = { path, file: Deno.openSync(path) };
        }
        return stretch(open!.file, path, from, length);
      } catch (error) {
        throw error instanceof DatasetError ? error : unreadable(path, error);
      }
    },
    close,
  };
}

function stretch(file: Deno.FsFile, path: string, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.seekSync(from, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const read = file.readSync(bytes.subarray(at));
    if (read === null) {
      throw new DatasetError(
        `Cannot read "${path}": it must hold ${length} bytes from byte ${from} on, got ${at}. Copy or download it again.`,
      );
    }
    at += read;
  }
  return bytes;
}
