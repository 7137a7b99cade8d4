/** Element-wise expressions as a list of tfjs operations. @module */

import type { ScalarFunction } from "../../../dsl/value.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Tensor, Tf } from "./layout.ts";

type Operand = Tensor | number;

/** One operation; operands are positions of earlier ones. */
export type Instruction =
  | { readonly fn: "input"; readonly index: number }
  | { readonly fn: "value"; readonly value: number }
  | { readonly fn: ScalarFunction; readonly of: readonly number[] };

/** Flattens an expression; equal parts are computed once. */
export function instructions(expr: Expr): readonly Instruction[] {
  const list: Instruction[] = [];
  const positions = new Map<string, number>();
  const visited = new Map<Expr, number>();
  const visit = (e: Expr): number => {
    const known = visited.get(e);
    if (known !== undefined) return known;
    const made: Instruction = "of" in e ? { fn: e.fn, of: e.of.map(visit) } : e;
    const key = JSON.stringify(made);
    const position = positions.get(key) ?? list.push(made) - 1;
    positions.set(key, position);
    visited.set(e, position);
    return position;
  };
  visit(expr);
  return list;
}

/** 1 or 0. No cast: on WebGPU it renames a tensor of truth values and leaves its bytes, which later kernels misread. */
export function indicator(tf: Tf, condition: Tensor): Tensor {
  return tf.where(condition, tf.scalar(1), tf.scalar(0));
}

const operations: Readonly<Record<ScalarFunction, (tf: Tf, ...of: Tensor[]) => Tensor>> = {
  add: (tf, a, b) => tf.add(a!, b!),
  sub: (tf, a, b) => tf.sub(a!, b!),
  mul: (tf, a, b) => tf.mul(a!, b!),
  div: (tf, a, b) => tf.div(a!, b!),
  max: (tf, a, b) => tf.maximum(a!, b!),
  min: (tf, a, b) => tf.minimum(a!, b!),
  neg: (tf, a) => tf.neg(a!),
  abs: (tf, a) => tf.abs(a!),
  sign: (tf, a) => tf.sub(indicator(tf, tf.greater(a!, 0)), indicator(tf, tf.less(a!, 0))),
  square: (tf, a) => tf.square(a!),
  sqrt: (tf, a) => tf.sqrt(a!),
  exp: (tf, a) => tf.exp(a!),
  log: (tf, a) => tf.log(a!),
  sigmoid: (tf, a) => tf.sigmoid(a!),
  softplus: (tf, a) => tf.add(tf.maximum(a!, 0), tf.log1p(tf.exp(tf.neg(tf.abs(a!))))),
  gt: (tf, a, b) => indicator(tf, tf.greater(a!, b!)),
  ge: (tf, a, b) => indicator(tf, tf.greaterEqual(a!, b!)),
  eq: (tf, a, b) => indicator(tf, tf.equal(a!, b!)),
  select: (tf, c, a, b) => tf.where(tf.greater(c!, 0), a!, b!),
};

/** Runs the list on tensors that broadcast against each other; the result has `shape`. */
export function runInstructions(
  tf: Tf,
  list: readonly Instruction[],
  inputs: readonly Tensor[],
  shape: number[],
): Tensor {
  const results: Operand[] = [];
  for (const one of list) {
    if (one.fn === "input") results.push(inputs[one.index]!);
    else if (one.fn === "value") results.push(one.value);
    else results.push(operations[one.fn](tf, ...one.of.map((at) => asTensor(tf, results[at]!))));
  }
  const last = results.at(-1)!;
  if (typeof last === "number") return tf.fill(shape, last);
  if (inputs.includes(last) && sameShape(last.shape, shape)) return tf.clone(last);
  return sameShape(last.shape, shape) ? last : tf.broadcastTo(last, shape);
}

function asTensor(tf: Tf, operand: Operand): Tensor {
  return typeof operand === "number" ? tf.scalar(operand) : operand;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
