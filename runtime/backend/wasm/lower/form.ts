/**
 * Values that are not in memory yet: what is to be computed, over what is.
 *
 * @module
 */

import type { Expr } from "../../../ir/expr.ts";
import type { Place } from "./site.ts";

/** A computation whose result may pass through an expression before it is stored. */
export interface Core {
  /** Runs it. */
  readonly run: (out: Place, ending?: Ending) => void;
}

/** What becomes of a core's result, and of what is read beside it. */
export interface Ending {
  /** Inputs of the expressions: the result, the maps, the tables; `sums` also what is stored, last. */
  readonly store: Expr;
  readonly maps: readonly Place[];
  readonly tables: readonly Place[];
  /** Sums over the pixels of each sample of a and a · b, [blocks][channels][2][8]. */
  readonly sums?: { readonly of: readonly [Expr, Expr]; readonly place: Place };
}

/** An expression over a core's result, maps in memory (nodes, in lanes) and tables [channels], in this order. */
export interface Form {
  readonly expr: Expr;
  readonly core?: Core;
  readonly maps: readonly number[];
  readonly tables: readonly Place[];
  /** A map that nobody reads afterwards, of the value's extent: the value may take its memory. */
  readonly over?: number;
}

/** Whether a value is cheap to compute again: it follows from one map. */
export function isLasting({ core, maps }: Form): boolean {
  return core === undefined && maps.length === 1;
}

/** An operand of an expression: a value yet to be computed, a node in memory, a number per channel, a number. */
export type Source =
  | { readonly form: Form }
  | { readonly map: number }
  | { readonly table: Place }
  | { readonly value: number };

/** Joins expressions whose operands are forms into expressions over one list of inputs. */
export class Joiner {
  core: Core | undefined;
  readonly maps: number[] = [];
  readonly tables: Place[] = [];
  /** What each leaf of the expressions made so far stands for. */
  readonly #leaves: ({ readonly kind: "core" | "map" | "table" | "stored"; readonly index: number })[] = [];

  /** Whether there is room for a value: one pass ends one core. */
  accepts(deferred: { readonly form: Form } | undefined): boolean {
    const core = deferred?.form.core;
    return this.core === undefined || core === undefined || core === this.core;
  }

  /** An operand as an expression to build on. */
  add(source: Source): Expr {
    if ("value" in source) return { fn: "value", value: source.value };
    if ("map" in source) return this.#leaf("map", indexIn(this.maps, source.map, (a, b) => a === b));
    if ("table" in source) return this.#leaf("table", indexIn(this.tables, source.table, samePlace));
    const { expr, core, maps, tables } = source.form;
    const inputs = [
      ...(core === undefined ? [] : [this.#core(core)]),
      ...maps.map((map) => this.add({ map })),
      ...tables.map((table) => this.add({ table })),
    ];
    return replace(expr, (index) => inputs[index]!);
  }

  /** What is stored, for sums over it. */
  stored(): Expr {
    return this.#leaf("stored", 0);
  }

  /** An expression over the inputs in their final order. No operand may be added after this. */
  finish(expr: Expr): Expr {
    const first = this.core === undefined ? 0 : 1;
    const starts = { core: 0, map: first, table: first + this.maps.length };
    return replace(expr, (leaf) => {
      const { kind, index } = this.#leaves[leaf]!;
      const at = kind === "stored" ? first + this.maps.length + this.tables.length : starts[kind] + index;
      return { fn: "input", index: at };
    });
  }

  /** A form of an expression built on the operands. */
  form(expr: Expr): Form {
    const { core, maps, tables } = this;
    return { expr: this.finish(expr), maps, tables, ...(core && { core }) };
  }

  #core(core: Core): Expr {
    this.core = core;
    return this.#leaf("core", 0);
  }

  #leaf(kind: "core" | "map" | "table" | "stored", index: number): Expr {
    const known = this.#leaves.findIndex((leaf) => leaf.kind === kind && leaf.index === index);
    if (known >= 0) return { fn: "input", index: known };
    this.#leaves.push({ kind, index });
    return { fn: "input", index: this.#leaves.length - 1 };
  }
}

function indexIn<T>(list: T[], item: T, same: (a: T, b: T) => boolean): number {
  const known = list.findIndex((other) => same(other, item));
  return known >= 0 ? known : list.push(item) - 1;
}

function samePlace(a: Place, b: Place): boolean {
  return a.buffer === b.buffer && a.offset === b.offset;
}

/** The expression with inputs replaced as they are: nothing folds, since 0 · NaN is NaN. */
export function replace(expr: Expr, by: (index: number) => Expr): Expr {
  if (expr.fn === "value") return expr;
  if (expr.fn === "input") return by(expr.index);
  return { fn: expr.fn, of: expr.of.map((e) => replace(e, by)) };
}
