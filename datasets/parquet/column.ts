import type { Chunk } from "./footer.ts";
import { integerOf, readStruct, type Struct, structOf } from "./thrift.ts";

/** A value of a column: bytes, an integer, or nothing. */
export type Value = Uint8Array | number | undefined;

/** Unpacks a page to the length it has to have. */
export type Unpack = (bytes: Uint8Array, length: number) => Uint8Array;

// Unpacked bytes of one page; the writers' usual is a megabyte, and a page of large images may be larger.
const LARGEST = 2 ** 30;

/**
 * Values of a column in a row group.
 *
 * Reads plain and dictionary pages of version 1 and 2, which is what `datasets` and pyarrow write for images and labels.
 *
 * Source: Apache Parquet, `parquet.thrift`: PageHeader; "Data Pages", "Encodings" (PLAIN, RLE, RLE_DICTIONARY).
 *
 * @throws {Error} If pages are damaged, of another encoding, or hold another number of values.
 */
export function readColumn(
  bytes: Uint8Array,
  chunk: Pick<Chunk, "type">,
  rows: number,
  optional: number,
  unpack: Unpack,
): readonly Value[] {
  const values: Value[] = [];
  let dictionary: readonly Value[] = [];
  for (let at = 0; values.length < rows;) {
    const { struct: header, end } = readStruct(bytes, at);
    const [unpacked, packed] = [integerOf(header, 2), integerOf(header, 3)];
    if (!(packed >= 0 && packed <= bytes.length - end)) throw new Error(`a page of ${packed} bytes`);
    if (!(unpacked >= 0 && unpacked <= LARGEST)) throw new Error(`a page of ${unpacked} bytes unpacked`);
    const page = bytes.subarray(end, at = end + packed);
    const kind = integerOf(header, 1);
    if (kind === 2) dictionary = dictionaryOf(header, unpackTo(unpack, page, unpacked), chunk.type);
    else if (kind === 0) {
      pageOf(structOf(header, 5), unpackTo(unpack, page, unpacked), values, rows);
    } else if (kind === 3) secondPageOf(structOf(header, 8), page, unpacked, values, rows);
    else throw new Error(`a page of kind ${kind}`);
  }
  return values;

  function pageOf(header: Struct, page: Uint8Array, values: Value[], rows: number): void {
    const count = countOf(header, rows - values.length);
    let start = 0;
    let present: readonly number[] | undefined;
    if (optional > 0) {
      const length = lengthAt(page, 0);
      start = 4 + length;
      present = runs(page.subarray(4, start), bitsOf(optional), count);
    }
    fill(page.subarray(start), integerOf(header, 2), count, present, values);
  }

  function secondPageOf(header: Struct, page: Uint8Array, size: number, values: Value[], rows: number): void {
    const count = countOf(header, rows - values.length);
    const [levels, repeats] = [integerOf(header, 5), integerOf(header, 6)];
    if (repeats !== 0 || !(levels >= 0 && levels <= page.length && levels <= size)) {
      throw new Error("levels outside a page");
    }
    const present = optional > 0 ? runs(page.subarray(0, levels), bitsOf(optional), count) : undefined;
    const rest = page.subarray(levels);
    const body = header.get(7) === false ? rest : unpackTo(unpack, rest, size - levels);
    fill(body, integerOf(header, 4), count, present, values);
  }

  function fill(
    body: Uint8Array,
    encoding: number,
    count: number,
    present: readonly number[] | undefined,
    values: Value[],
  ): void {
    const here = present === undefined ? count : present.reduce((sum, level) => sum + (level === optional ? 1 : 0), 0);
    const read = encoding === 0 ? plain(body, chunk.type, here) : looked(body, encoding, here, dictionary);
    let next = 0;
    for (let i = 0; i < count; i++) {
      values.push(present === undefined || present[i] === optional ? read[next++] : undefined);
    }
  }
}

function unpackTo(unpack: Unpack, page: Uint8Array, length: number): Uint8Array {
  const body = unpack(page, length);
  if (body.length === length) return body;
  throw new Error(`a page of ${body.length} bytes in place of ${length}`);
}

function countOf(header: Struct, most: number): number {
  const count = integerOf(header, 1);
  if (count >= 0 && count <= most) return count;
  throw new Error(`a page of ${count} values where ${most} are missing`);
}

function dictionaryOf(header: Struct, page: Uint8Array, type: number): readonly Value[] {
  return plain(page, type, integerOf(structOf(header, 7), 1));
}

/** Values one after another. */
function plain(body: Uint8Array, type: number, count: number): readonly Value[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const least = type === 2 ? 8 : 4;
  if (!(count >= 0 && count * least <= body.length)) throw new Error(`${count} values in ${body.length} bytes`);
  if (type === 1) return Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
  if (type === 2) return Array.from({ length: count }, (_, i) => Number(view.getBigInt64(8 * i, true)));
  if (type !== 6) throw new Error(`values of type ${type}`);
  let at = 0;
  return Array.from({ length: count }, () => {
    const length = lengthAt(body, at);
    const start = at + 4;
    at = start + length;
    return body.subarray(start, at);
  });
}

/** Values looked up in the dictionary. */
function looked(body: Uint8Array, encoding: number, count: number, dictionary: readonly Value[]): readonly Value[] {
  if (encoding !== 2 && encoding !== 8) throw new Error(`values of encoding ${encoding}`);
  if (count === 0) return [];
  const bits = body[0];
  if (bits === undefined || bits > 24) throw new Error(`indices of ${bits} bits`);
  return runs(body.subarray(1), bits, count).map((index) => {
    if (index < dictionary.length) return dictionary[index];
    throw new Error(`index ${index} in a dictionary of ${dictionary.length}`);
  });
}

/** Small integers, packed by runs and by bits. */
function runs(bytes: Uint8Array, bits: number, count: number): readonly number[] {
  const values: number[] = [];
  let at = 0;
  const byte = (): number => {
    if (at >= bytes.length) throw new Error(`${values.length} of ${count} indices`);
    return bytes[at++]!;
  };
  while (values.length < count) {
    let head = 0;
    for (let scale = 1, more = true; more; scale *= 128) {
      const next = byte();
      head += (next & 127) * scale;
      more = next >= 128;
      if (scale > 2 ** 35) throw new Error("a run that does not end");
    }
    const missing = count - values.length;
    if (head % 2 === 0) {
      let value = 0;
      for (let shift = 0; shift < bits; shift += 8) value |= byte() << shift;
      // What is beyond the page is padding.
      for (let i = Math.min(head / 2, missing); i > 0; i--) values.push(value);
      if (head === 0) throw new Error("a run of nothing");
      continue;
    }
    const packed = Math.min((head - 1) / 2 * 8, missing);
    let [data, held] = [0, 0];
    const from = at;
    for (let i = 0; i < packed; i++) {
      for (; held < bits; held += 8) data |= byte() << held;
      values.push(data & (2 ** bits - 1));
      data >>>= bits;
      held -= bits;
    }
    at = from + (head - 1) / 2 * bits;
  }
  return values;
}

function bitsOf(most: number): number {
  return Math.ceil(Math.log2(most + 1));
}

/** A length of four bytes, of what has to be there. */
function lengthAt(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw new Error("a length that is cut");
  const length = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
  if (length <= bytes.length - at - 4) return length;
  throw new Error(`${length} bytes where ${bytes.length - at - 4} are left`);
}
