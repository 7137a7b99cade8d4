/**
 * Tables of results.
 *
 * @module
 */
import { Table } from "@cliffy/table";

/** A column of a {@linkcode table}. */
export interface Column {
  /** Heading. */
  readonly name: string;
  /** Side its cells are pushed to; left unless said, right for numbers. */
  readonly align?: "left" | "right";
}

/**
 * Rows under a heading and a rule, columns two spaces apart, without a line break at the end.
 *
 * A missing cell is empty; a number is printed as `String` prints it, so format it first.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { table } from "./table.ts";
 * const columns = [{ name: "member" }, { name: "top-1", align: "right" }] as const;
 * assertEquals(table(columns, [["leader", "96.10 %"], ["peer0", "9.00 %"]]).split("\n"), [
 *   "member    top-1",
 *   "───────────────",
 *   "leader  96.10 %",
 *   "peer0    9.00 %",
 * ]);
 * ```
 */
export function table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => columns.map((_, i) => row[i] ?? ""));
  const text = new Table()
    .header(columns.map(({ name }) => name))
    .body(cells)
    .columns(columns.map(({ align }) => ({ align: align ?? "left" })))
    .padding(2)
    .toString();
  const lines = text.split("\n").map((line) => line.trimEnd());
  const width = Math.max(...lines.map((line) => line.length));
  return [lines[0], "─".repeat(width), ...lines.slice(1)].join("\n");
}
