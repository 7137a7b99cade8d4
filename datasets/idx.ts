import { DatasetError } from "../dsl/errors.ts";

/** Numbers of an IDX file. */
export interface Idx {
  /** Length along each axis. */
  readonly sizes: readonly number[];
  /** Bytes in row-major order, a view into the file. */
  readonly bytes: Uint8Array;
}

/**
 * Unsigned bytes in the IDX format of the MNIST files: magic `00 00 08 d`, d big-endian lengths, then the bytes.
 *
 * Source: LeCun, Cortes, Burges, "The MNIST database", file formats.
 *
 * @throws {DatasetError} If the magic number or the length is another.
 *
 * @example
 * ```ts
 * import { readIdx } from "./idx.ts";
 * readIdx("labels", new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), 1).bytes; // 7, 9
 * ```
 */
export function readIdx(path: string, file: Uint8Array, axes: number): Idx {
  const start = 4 + 4 * axes;
  if (file.length < start) throw cut(path, start, file.length);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0);
  if (magic !== 0x0800 + axes) {
    throw new DatasetError(
      `Cannot read "${path}": an IDX file of ${axes} ${axes === 1 ? "axis" : "axes"} starts with ` +
        `0x${(0x0800 + axes).toString(16).padStart(8, "0")}, got 0x${magic.toString(16).padStart(8, "0")}. ` +
        "Give the file of that name, gzipped or not.",
    );
  }
  const sizes = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const bytes = file.subarray(start);
  const needed = sizes.reduce((product, size) => product * size, 1);
  if (bytes.length !== needed) throw cut(path, start + needed, file.length);
  return { sizes, bytes };
}

function cut(path: string, needed: number, got: number): DatasetError {
  return new DatasetError(
    `Cannot read "${path}": the IDX file must be whole, ${needed} bytes, got ${got}. Copy or download it again.`,
  );
}
