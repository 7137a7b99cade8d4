/** Element-wise nodes, reductions and matrix products of the reference backend. @module */

import { type Expr, scalar } from "../../ir/expr.ts";
import type { NodeOf, Shape } from "../../ir/node.ts";
import { sizeOf } from "../../ir/node.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** Row-major strides, 0 where an axis of size 1 is broadcast. */
function broadcastStrides(shape: Shape, to: Shape): number[] {
  const strides = new Array<number>(to.length).fill(0);
  const shift = to.length - shape.length;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis + shift] = shape[axis] === 1 ? 0 : stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Calls `visit(outer position, source position per operand)` for every index of `shape`. */
export function walk(shape: Shape, strides: readonly (readonly number[])[], visit: (at: number[]) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const at = strides.map(() => 0);
  const total = sizeOf(shape);
  for (let step = 0; step < total; step++) {
    visit(at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      for (let k = 0; k < at.length; k++) at[k]! += strides[k]![axis]!;
      if (index[axis]! < shape[axis]!) break;
      for (let k = 0; k < at.length; k++) at[k]! -= strides[k]![axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** An expression as a function of the operands' elements, built once a node. */
function compile(expr: Expr): (operands: readonly Float64Array[], at: readonly number[]) => number {
  if (expr.fn === "input") {
    const k = expr.index;
    return (operands, at) => operands[k]![at[k]!]!;
  }
  if (expr.fn === "value") {
    const constant = expr.value;
    return () => constant;
  }
  const fn = scalar[expr.fn];
  const [a, b, c] = expr.of.map(compile);
  if (c !== undefined) return (o, at) => fn(a!(o, at), b!(o, at), c(o, at));
  if (b !== undefined) return (o, at) => fn(a!(o, at), b(o, at));
  return (o, at) => fn(a!(o, at));
}

/** expr, element by element. */
export function elementwise(node: NodeOf<"elementwise">, inputs: readonly Tensor[]): Tensor {
  const out = tensor(node.shape);
  const body = compile(node.attrs.expr);
  const operands = inputs.map((x) => x.data);
  let position = 0;
  walk(node.shape, inputs.map((x) => broadcastStrides(x.shape, node.shape)), (at) => {
    out.data[position++] = body(operands, at);
  });
  return out;
}

/** Σ or maximum over axes; batch axes cover the first `count` elements only. */
export function reduce(
  node: NodeOf<"sum"> | NodeOf<"reduceMax">,
  x: Tensor,
  batch: readonly number[],
  count: number,
): Tensor {
  const out = tensor(node.shape);
  const maximum = node.op === "reduceMax";
  if (maximum) out.data.fill(-Infinity);
  const covered = x.shape.map((size, axis) =>
    batch.includes(axis) && node.attrs.axes.includes(axis) ? Math.min(size, count) : size
  );
  const strides = broadcastStrides(x.shape, x.shape).map((stride, axis) => x.shape[axis] === 1 ? 0 : stride);
  walk(covered, [strides, broadcastStrides(node.shape, x.shape)], ([from, to]) => {
    const value = x.data[from!]!;
    out.data[to!] = maximum ? Math.max(out.data[to!]!, value) : out.data[to!]! + value;
  });
  return out;
}

/** Product of the last two axes. */
export function matmul(
  node: NodeOf<"matmul">,
  a: Tensor,
  b: Tensor,
  contractsBatch: boolean,
  count: number,
): Tensor {
  const out = tensor(node.shape);
  const rank = node.shape.length;
  const [rows, columns] = [node.shape[rank - 2]!, node.shape[rank - 1]!];
  const { transposeA, transposeB } = node.attrs;
  const [ar, ac] = [a.shape[rank - 2]!, a.shape[rank - 1]!];
  const bc = b.shape[rank - 1]!;
  const inner = transposeA ? ar : ac;
  const depth = contractsBatch ? Math.min(inner, count) : inner;
  const stacks = rank === 3 ? node.shape[0]! : 1;
  for (let s = 0; s < stacks; s++) {
    const [ao, bo, oo] = [s * ar * ac, s * b.shape[rank - 2]! * bc, s * rows * columns];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let total = 0;
        for (let k = 0; k < depth; k++) {
          total += a.data[ao + (transposeA ? k * ac + i : i * ac + k)]! *
            b.data[bo + (transposeB ? j * bc + k : k * bc + j)]!;
        }
        out.data[oo + i * columns + j] = total;
      }
    }
  }
  return out;
}
