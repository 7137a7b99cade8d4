/**
 * What the graph builder asks of operands.
 *
 * @module
 */

import { ShapeError } from "../../dsl/errors.ts";
import { type Expr, input as operand } from "./expr.ts";
import type { ConvAttrs, Node, Pair } from "./node.ts";

/** Drops operands an expression does not read and renumbers the rest. */
export function prune(expr: Expr, inputs: readonly number[]): readonly [number[], Expr] {
  const used: number[] = [];
  const visit = (e: Expr): Expr => {
    if (e.fn === "value") return e;
    if (e.fn !== "input") return { fn: e.fn, of: e.of.map(visit) };
    const id = inputs[e.index]!;
    if (!used.includes(id)) used.push(id);
    return operand(used.indexOf(id));
  };
  const body = visit(expr);
  return [used, body];
}

/** Size of sliding windows' results along one axis. */
export function outputs(
  size: number,
  kernel: number,
  attrs: { readonly stride: Pair; readonly pad: Pair },
  axis: 0 | 1,
): number {
  return Math.floor((size + 2 * attrs.pad[axis] - kernel) / attrs.stride[axis]) + 1;
}

/** The geometry of a convolution, without what else its constants have. */
export function pick({ stride, pad, groups }: ConvAttrs): ConvAttrs {
  return { stride, pad, groups };
}

/** Whether two lists hold the same numbers. */
export function sameArray(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** Refuses to route by anything but one number for each sample of the same batch. */
export function requireMask({ shape, batch, rows }: Node, mask: Node): void {
  const one = mask.batch.join() === "0" && mask.shape.length === 1 && mask.shape[0] === shape[0];
  if (batch.join() !== "0" || !one || rows !== mask.rows) {
    throw new ShapeError(
      `Cannot route samples: a mask [B] chooses among samples [B, …] of its batch, got [${mask.shape}] for [${shape}].`,
    );
  }
}
