/**
 * The `Table` of `@cliffy/table`, as far as this project's terminal output uses it: a header, a body, alignment and
 * padding, without borders or spans.
 *
 * A repository checkout resolves `@cliffy/table` here through `links` in deno.json, so that the command line runs where
 * JSR cannot be reached. Published code uses the real package; names and layout are its.
 *
 * @module
 */

/** Side a cell's text is pushed to. */
export type Direction = "left" | "right" | "center";

/** Settings of one column. */
export interface ColumnOptions {
  /** Alignment of its cells; left unless said. */
  align?: Direction;
}

/** Cells of one row. */
export type RowType = Array<string | number>;

/** Rows of text in columns as wide as their longest cell. */
export class Table<TRow extends RowType = RowType> extends Array<TRow> {
  #header: RowType | undefined;
  #columns: Array<ColumnOptions> = [];
  #padding = 1;

  /** Sets the header row. */
  header(header: RowType): this {
    this.#header = header;
    return this;
  }

  /** Replaces the rows. */
  body(rows: Array<TRow>): this {
    this.length = 0;
    this.push(...rows);
    return this;
  }

  /** Sets the options of each column. */
  columns(columns: Array<ColumnOptions>): this {
    this.#columns = columns;
    return this;
  }

  /** Sets the number of spaces between columns; 1 unless said. */
  padding(padding: number): this {
    this.#padding = padding;
    return this;
  }

  /** The table as text, without a line break at the end. */
  override toString(): string {
    const rows = [...(this.#header ? [this.#header] : []), ...this].map((row) => [...row].map(String));
    const widths: number[] = [];
    for (const row of rows) row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, [...cell].length));
    return rows.map((row) =>
      widths.map((width, i) => {
        const gap = i < widths.length - 1 ? " ".repeat(this.#padding) : "";
        return aligned(row[i] ?? "", width, this.#columns[i]?.align ?? "left") + gap;
      }).join("")
    ).join("\n");
  }

  /** Writes the table to standard output. */
  render(): this {
    console.log(this.toString());
    return this;
  }
}

function aligned(text: string, width: number, align: Direction): string {
  const free = width - [...text].length;
  const before = align === "left" ? 0 : align === "right" ? free : Math.floor(free / 2);
  return " ".repeat(before) + text + " ".repeat(free - before);
}
