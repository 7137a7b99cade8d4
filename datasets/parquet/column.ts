import type { DataReader, DecodedArray, Encoding, PageHeader } from "hyparquet";
import type { Chunk } from "./footer.ts";
import { HeaderView, type Hyparquet, integer } from "./library.ts";

/** A value of a column: bytes, an integer, or nothing. */
export type Value = Uint8Array | number | undefined;

// Unpacked bytes of one page; the writers' usual is a megabyte, and a page of large images may be larger.
const LARGEST = 2 ** 30;

/**
 * Values of a column in a row group.
 *
 * Reads plain and dictionary pages of version 1 and 2, which is what `datasets` and pyarrow write for images and labels.
 *
 * Source: Apache Parquet, "Data Pages".
 *
 * @throws {Error} If pages are damaged, of another encoding, or hold another number of values.
 */
export function readColumn(
  library: Hyparquet,
  bytes: Uint8Array,
  { type, codec }: Pick<Chunk, "type" | "codec">,
  rows: number,
  optional: number,
): readonly Value[] {
  const values: Value[] = [];
  let dictionary: readonly Value[] = [];
  const headers = { view: new HeaderView(bytes), offset: 0 };
  while (values.length < rows) {
    const header = library.parquetHeader(headers);
    const packed = integer("a page of bytes", header.compressed_page_size, 0, bytes.length - headers.offset);
    const size = integer("a page of bytes unpacked", header.uncompressed_page_size, 0, LARGEST);
    const page = bytes.subarray(headers.offset, headers.offset += packed);
    if (header.type === "DICTIONARY_PAGE") {
      const count = integer("a dictionary of values", header.dictionary_page_header?.num_values, 0, size);
      dictionary = plain(readerOf(unpacked(page, size)), count);
    } else if (header.type === "DATA_PAGE") firstKind(header.data_page_header, unpacked(page, size));
    else if (header.type === "DATA_PAGE_V2") secondKind(header.data_page_header_v2, page, size);
    else throw new Error(`a page of kind ${header.type}`);
  }
  return values;

  function firstKind(header: PageHeader["data_page_header"], page: Uint8Array): void {
    const count = countOf(header);
    const reader = readerOf(page);
    const present = optional > 0 ? runs(library, reader, bitsOf(optional), count) : undefined;
    fill(reader, header?.encoding, count, present);
  }

  function secondKind(header: PageHeader["data_page_header_v2"], page: Uint8Array, size: number): void {
    const count = countOf(header);
    integer("repetition levels of bytes", header?.repetition_levels_byte_length, 0, 0);
    const length = integer("levels of bytes", header?.definition_levels_byte_length, 0, Math.min(page.length, size));
    const levels = readerOf(page.subarray(0, length));
    const present = optional > 0 ? runs(library, levels, bitsOf(optional), count, length) : undefined;
    const rest = page.subarray(length);
    const body = header?.is_compressed === false ? rest : unpacked(rest, size - length);
    fill(readerOf(body), header?.encoding, count, present);
  }

  function countOf(header: { readonly num_values: number } | undefined): number {
    return integer("a page of values", header?.num_values, 0, rows - values.length);
  }

  function unpacked(page: Uint8Array, size: number): Uint8Array {
    return library.decompressPage(page, size, codec, library.compressors);
  }

  function fill(reader: DataReader, encoding: Encoding | undefined, count: number, present?: Uint32Array): void {
    const here = present === undefined ? count : present.reduce((sum, level) => sum + (level === optional ? 1 : 0), 0);
    const read = encoding === "PLAIN" ? plain(reader, here) : looked(reader, encoding, here);
    let next = 0;
    for (let i = 0; i < count; i++) {
      values.push(present === undefined || present[i] === optional ? read[next++] : undefined);
    }
  }

  function plain(reader: DataReader, count: number): readonly Value[] {
    const least = { INT32: 4, INT64: 8, BYTE_ARRAY: 4 }[String(type)];
    if (least === undefined) throw new Error(`values of type ${type}`);
    const left = reader.view.byteLength - reader.offset;
    if (count * least > left) throw new Error(`${count} values in ${left} bytes`);
    const read = library.readPlain(reader, type, count, undefined);
    // The library looks at the buffer's end only, which is another than that of a page inside it.
    if (reader.offset > reader.view.byteLength) throw new Error("values that are cut");
    return Array.from(
      read as ArrayLike<Uint8Array | number | bigint>,
      (value) => typeof value === "bigint" ? Number(value) : value,
    );
  }

  function looked(reader: DataReader, encoding: Encoding | undefined, count: number): readonly Value[] {
    if (encoding !== "PLAIN_DICTIONARY" && encoding !== "RLE_DICTIONARY") {
      throw new Error(`values of encoding ${encoding}`);
    }
    if (count === 0) return [];
    const bits = reader.view.getUint8(reader.offset++);
    if (bits > 24) throw new Error(`indices of ${bits} bits`);
    const indices = runs(library, reader, bits, count, reader.view.byteLength - reader.offset);
    return Array.from(indices, (index) => {
      if (index < dictionary.length) return dictionary[index];
      throw new Error(`index ${index} in a dictionary of ${dictionary.length}`);
    });
  }
}

/** Small integers, packed by runs and by bits. Without a `length` their bytes begin with it. */
function runs(library: Hyparquet, reader: DataReader, bits: number, count: number, length?: number): Uint32Array {
  const values = new Uint32Array(count);
  if (bits === 0) return values;
  // A damaged run may say any length, and an array would grow with it.
  const output = new Proxy({ length: count }, {
    set: (_, place, value) => {
      const at = Number(place);
      if (!(at < count)) throw new Error(`a run that goes on after ${count} values`);
      values[at] = value;
      return true;
    },
  });
  library.readRleBitPackedHybrid(reader, bits, output as unknown as DecodedArray, length);
  return values;
}

function readerOf({ buffer, byteOffset, byteLength }: Uint8Array): DataReader {
  return { view: new DataView(buffer, byteOffset, byteLength), offset: 0 };
}

function bitsOf(most: number): number {
  return Math.ceil(Math.log2(most + 1));
}
