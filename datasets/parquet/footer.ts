import type { CompressionCodec, FileMetaData, ParquetType, RowGroup as Rows, SchemaTree } from "hyparquet";
import { HeaderView, type Hyparquet, integer } from "./library.ts";

/** A column of values as the schema has it. */
export interface Column {
  /** Names from the top down, e.g. `["img", "bytes"]`. */
  readonly path: readonly string[];
  /** How many of these may be absent; a value is there if all are. */
  readonly optional: number;
}

/** Where the values of a column lie in a row group. */
export interface Chunk {
  /** Physical type. */
  readonly type: ParquetType;
  /** Compression. */
  readonly codec: CompressionCodec;
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
 * @throws {Error} If there is none, or it contradicts itself.
 */
export function readFooter(
  library: Hyparquet,
  size: number,
  read: (from: number, length: number) => Uint8Array,
): Footer {
  const end = size < 12 ? new Uint8Array() : read(size - 8, 8);
  if (size < 12 || new TextDecoder().decode(end.subarray(4)) !== "PAR1") {
    throw new Error("a file without PAR1 at its end");
  }
  const length = new DataView(end.buffer, end.byteOffset).getUint32(0, true);
  if (length > size - 12) throw new Error(`a footer of ${length} bytes in a file of ${size}`);
  const bytes = read(size - 8 - length, length + 8);
  // The library makes a view of its own; what goes through this one cannot keep it busy for ever.
  library.deserializeTCompactProtocol({ view: new HeaderView(bytes.subarray(0, length)), offset: 0 });
  const metadata = library.parquetMetadata(bytes, { geoparquet: false });
  return {
    columns: columnsOf(library.parquetSchema(metadata), 0),
    groups: metadata.row_groups.map((group) => groupOf(group, size)),
    notes: notesOf(metadata),
  };
}

/** Columns below a node. Those in lists are of no use here. */
function columnsOf({ children }: SchemaTree, optional: number): readonly Column[] {
  return children.flatMap((child) => {
    const kind = child.element.repetition_type;
    if (kind === "REPEATED") return [];
    const depth = optional + (kind === "OPTIONAL" ? 1 : 0);
    return child.children.length > 0 ? columnsOf(child, depth) : [{ path: child.path, optional: depth }];
  });
}

function groupOf(group: Rows, size: number): RowGroup {
  const chunks = group.columns.map(({ meta_data: meta }): [string, Chunk] => {
    if (meta === undefined) throw new Error("a column without its place");
    const data = integer("a column at byte", meta.data_page_offset, 4, size);
    const dictionary = integer("a dictionary at byte", meta.dictionary_page_offset ?? 0, 0, size);
    // Writers give 0 for none.
    const from = dictionary >= 4 ? Math.min(dictionary, data) : data;
    const length = integer("a column of bytes", meta.total_compressed_size, 0, size - from);
    return [meta.path_in_schema.join("\n"), { type: meta.type, codec: meta.codec, from, length }];
  });
  return { rows: integer("a group of rows", group.num_rows, 0, MOST_ROWS), chunks: new Map(chunks) };
}

function notesOf({ key_value_metadata: notes = [] }: FileMetaData): ReadonlyMap<string, string> {
  return new Map(notes.flatMap(({ key, value }) => value === undefined ? [] : [[key, value]]));
}
