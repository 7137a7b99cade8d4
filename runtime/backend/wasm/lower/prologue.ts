/**
 * What a kernel does to the numbers it loads, batch norm and its activation, and to its result.
 *
 * @module
 */

import type { Expr } from "../../../ir/expr.ts";
import type { Activation } from "../kernels/activation.ts";
import type { Epilogue } from "../kernels/epilogue.ts";
import type { Ending } from "./form.ts";
import type { Place, Site } from "./site.ts";

/** activation(x · scale + shift) of a map in memory. */
export interface Prologue {
  readonly map: Place;
  readonly activation: Activation;
  /** Scale and shift: a number for each channel. */
  readonly tables: readonly [Place, Place];
}

/** How a value that is not in memory can be computed on load; undefined if it is in memory or is something else. */
export function prologueOf(site: Site, id: number): Prologue | undefined {
  const deferred = site.deferred(id);
  if (deferred === undefined || !deferred.lasting) return undefined;
  const { expr, maps: [map], tables: [scale, shift, ...others] } = deferred.form;
  const printed = JSON.stringify(expr);
  const activation = (Object.keys(forms) as Activation[]).find((name) => forms[name] === printed);
  if (activation === undefined || scale === undefined || shift === undefined || others.length > 0) return undefined;
  return { map: site.read(map!, "lanes"), activation, tables: [scale, shift] };
}

/** What becomes of a result, as a kernel's constants. */
export function epilogueOf({ store, maps, tables, sums }: Ending): Epilogue {
  return { maps: maps.length, tables: tables.length, store, ...(sums && { sums: sums.of }) };
}

/** The addresses that a prologue and an ending take, in the order of every kernel that has them. */
export function operandsOf(prologue: Prologue | undefined, ending?: Ending): Place[] {
  const sums = ending?.sums === undefined ? [] : [ending.sums.place];
  return [...prologue?.tables ?? [], ...ending?.maps ?? [], ...ending?.tables ?? [], ...sums];
}

const affine: Expr = call("add", call("mul", operand(0), operand(1)), operand(2));
const rectified = call("max", { fn: "value", value: 0 }, affine);

/** The expressions of a prologue, printed. */
const forms: Readonly<Record<Activation, string>> = {
  identity: JSON.stringify(affine),
  relu: JSON.stringify(rectified),
  relu6: JSON.stringify(call("min", { fn: "value", value: 6 }, rectified)),
};

function operand(index: number): Expr {
  return { fn: "input", index };
}

function call(fn: "add" | "mul" | "max" | "min", ...of: readonly Expr[]): Expr {
  return { fn, of };
}
