import type { Compressors } from "hyparquet";
import { loadLibrary } from "../load_library.ts";

type Metadata = typeof import("hyparquet/src/metadata.js");
type Thrift = typeof import("hyparquet/src/thrift.js");
type Column = typeof import("hyparquet/src/column.js");
type Page = typeof import("hyparquet/src/datapage.js");
type Runs = typeof import("hyparquet/src/encoding.js");
type Plain = typeof import("hyparquet/src/plain.js");

/** The parts of `hyparquet` that read a file of images, with the decompressors of its sister package. */
export type Hyparquet =
  & Pick<Metadata, "parquetMetadata" | "parquetSchema">
  & Pick<Thrift, "deserializeTCompactProtocol">
  & Pick<Column, "parquetHeader">
  & Pick<Page, "decompressPage">
  & Pick<Runs, "readRleBitPackedHybrid">
  & Pick<Plain, "readPlain">
  & { readonly compressors: Compressors };

/**
 * Loads `hyparquet`, which is downloaded when the first parquet file is opened.
 *
 * Its parts are called one by one and not through `parquetRead()`: on damaged files that one (1.31.5) reads the header
 * of a page without a size again and again, and repeats a value of a damaged run up to 2³¹ times into an array, which
 * ends the process. Between the parts every size and count is checked against what is there.
 */
export async function hyparquet(): Promise<Hyparquet> {
  const [metadata, thrift, column, page, runs, plain, { compressors }] = await Promise.all([
    loadLibrary<Metadata>(import.meta.resolve("hyparquet/src/metadata.js")),
    loadLibrary<Thrift>(import.meta.resolve("hyparquet/src/thrift.js")),
    loadLibrary<Column>(import.meta.resolve("hyparquet/src/column.js")),
    loadLibrary<Page>(import.meta.resolve("hyparquet/src/datapage.js")),
    loadLibrary<Runs>(import.meta.resolve("hyparquet/src/encoding.js")),
    loadLibrary<Plain>(import.meta.resolve("hyparquet/src/plain.js")),
    loadLibrary<typeof import("hyparquet-compressors")>(import.meta.resolve("hyparquet-compressors")),
  ]);
  return { ...metadata, ...thrift, ...column, ...page, ...runs, ...plain, compressors };
}

// Numbers of 64 bits have ten bytes, nine of them with the high bit; a few headers of fields may follow.
const LONGEST = 20;

/** A view that ends the reading of a damaged header: at a place that is no number, and in a number that does not end. */
export class HeaderView extends DataView<ArrayBufferLike> {
  #run = 0;

  constructor({ buffer, byteOffset, byteLength }: Uint8Array) {
    super(buffer, byteOffset, byteLength);
  }

  override getUint8(at: number): number {
    if (!(at >= 0 && at < this.byteLength)) throw new Error("a header that is cut");
    const byte = super.getUint8(at);
    this.#run = byte < 128 ? 0 : this.#run + 1;
    if (this.#run > LONGEST) throw new Error("a number that does not end");
    return byte;
  }
}

/** An integer of a header as a number. @throws {Error} If it is none or outside `least` … `most`. */
export function integer(what: string, value: unknown, least: number, most: number): number {
  const number = typeof value === "number" || typeof value === "bigint" ? Number(value) : NaN;
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(`${what} ${typeof value === "number" || typeof value === "bigint" ? value : "none"}`);
}
