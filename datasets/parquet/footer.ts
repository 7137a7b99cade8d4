import { integerOf, readStruct, type Struct, structOf, structsOf, textOf } from "./thrift.ts";

/** A column of values as the schema has it. */
export interface Column {
  /** Names from the top down, e.g. `["img", "bytes"]`. */
  readonly path: readonly string[];
  /** How many of these may be absent; a value is there if all are. */
  readonly optional: number;
}

/** Where the values of a column lie in a row group. */
export interface Chunk {
  /** Physical type: 1 and 2 integers of 32 and 64 bits, 6 bytes. */
  readonly type: number;
  /** Compression: 0 none, 1 snappy, 2 gzip, 4 brotli, 5 and 7 LZ4, 6 zstd. */
  readonly codec: number;
  /** First byte in the file. */
  readonly from: number;
  /** Bytes in the file. */
  readonly length: number;
}

/** Rows that lie together. */
export interface RowGroup {
  /** Number of rows. */
  readonly rows: number;
  /** Chunks by path, names joined by a line break. */
  readonly chunks: ReadonlyMap<string, Chunk>;
}

/** What the end of a parquet file tells. */
export interface Footer {
  /** Columns, in order. */
  readonly columns: readonly Column[];
  /** Row groups, in order. */
  readonly groups: readonly RowGroup[];
  /** Texts beside the table, by key. */
  readonly notes: ReadonlyMap<string, string>;
}

// Rows of one group; more is damage, since images would not fit.
const MOST_ROWS = 2 ** 24;

/**
 * The footer of a parquet file.
 *
 * @param size Bytes of the file.
 * @param read Gives bytes of it.
 *
 * Source: Apache Parquet, `parquet.thrift`: FileMetaData, SchemaElement, RowGroup, ColumnMetaData.
 *
 * @throws {Error} If there is none, or it contradicts itself.
 */
export function readFooter(size: number, read: (from: number, length: number) => Uint8Array): Footer {
  const end = size < 12 ? new Uint8Array() : read(size - 8, 8);
  if (size < 12 || new TextDecoder().decode(end.subarray(4)) !== "PAR1") {
    throw new Error("a file without PAR1 at its end");
  }
  const length = new DataView(end.buffer, end.byteOffset).getUint32(0, true);
  if (length > size - 12) throw new Error(`a footer of ${length} bytes in a file of ${size}`);
  const { struct } = readStruct(read(size - 8 - length, length), 0);
  const columns = columnsOf(structsOf(struct, 2));
  const groups = structsOf(struct, 4).map((group) => groupOf(group, size));
  const notes = new Map(structsOf(struct, 5).map((note) => [textOf(note, 1), textOf(note, 2)]));
  return { columns, groups, notes };
}

function columnsOf(elements: readonly Struct[]): readonly Column[] {
  const columns: Column[] = [];
  let next = 1;
  const visit = (children: number, path: readonly string[], optional: number): void => {
    for (let child = 0; child < children; child++) {
      const element = elements[next++];
      if (element === undefined) throw new Error("a schema that is cut");
      const repetition = integerOf(element, 3, 0);
      const inner = integerOf(element, 5, 0);
      const below = [...path, textOf(element, 4)];
      if (below.length > 8) throw new Error("a schema that is nested too deep");
      // Lists are of no use here; without their place their columns cannot be asked for.
      const depth = repetition === 2 ? Infinity : optional + (repetition === 1 ? 1 : 0);
      if (inner > 0) visit(inner, below, depth);
      else if (depth < Infinity) columns.push({ path: below, optional: depth });
    }
  };
  visit(elements[0] === undefined ? 0 : integerOf(elements[0], 5, 0), [], 0);
  return columns;
}

function groupOf(group: Struct, size: number): RowGroup {
  const rows = integerOf(group, 3);
  if (!(rows >= 0 && rows <= MOST_ROWS)) throw new Error(`a group of ${rows} rows`);
  const chunks = structsOf(group, 1).map((column): [string, Chunk] => {
    const meta = structOf(column, 3);
    const path = meta.get(3);
    const names = Array.isArray(path) ? path.filter((name) => name instanceof Uint8Array) : [];
    const [data, dictionary] = [integerOf(meta, 9), integerOf(meta, 11, 0)];
    const [from, length] = [dictionary > 0 ? Math.min(dictionary, data) : data, integerOf(meta, 7)];
    if (!(from >= 4 && length >= 0 && from + length <= size)) {
      throw new Error(`a column at bytes ${from} to ${from + length}`);
    }
    const key = names.map((name) => new TextDecoder().decode(name)).join("\n");
    return [key, { type: integerOf(meta, 1), codec: integerOf(meta, 4), from, length }];
  });
  return { rows, chunks: new Map(chunks) };
}
