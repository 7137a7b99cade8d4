/** Nodes of the reference backend that only move or select elements. @module */

import type { NodeOf } from "../../ir/node.ts";
import { sizeOf } from "../../ir/node.ts";
import { walk } from "./elementwise.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** Row-major strides. */
function strides(shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) out[axis] = out[axis + 1]! * shape[axis + 1]!;
  return out;
}

/** Class indices as one-hot rows; rows beyond `count` stay zero. */
export function oneHot(node: NodeOf<"oneHot">, labels: Tensor, count: number): Tensor {
  const out = tensor(node.shape);
  for (let b = 0; b < count; b++) out.data[b * node.attrs.classes + labels.data[b]!] = 1;
  return out;
}

/** The k-th smallest of each row. */
export function kthSmallest(node: NodeOf<"kthSmallest">, x: Tensor): Tensor {
  const out = tensor(node.shape);
  const [rows, width] = x.shape as readonly [number, number];
  for (let r = 0; r < rows; r++) {
    out.data[r] = x.data.slice(r * width, (r + 1) * width).sort()[node.attrs.k - 1]!;
  }
  return out;
}

/** Copies a block of `from` to a block of `to` along one axis. */
function copyBlock(from: Tensor, to: Tensor, axis: number, fromStart: number, toStart: number, size: number): void {
  const inner = sizeOf(from.shape.slice(axis + 1));
  const outer = sizeOf(from.shape.slice(0, axis));
  for (let o = 0; o < outer; o++) {
    const source = (o * from.shape[axis]! + fromStart) * inner;
    to.data.set(from.data.subarray(source, source + size * inner), (o * to.shape[axis]! + toStart) * inner);
  }
}

/** Joins along an axis. */
export function concat(node: NodeOf<"concat">, parts: readonly Tensor[]): Tensor {
  const out = tensor(node.shape);
  let start = 0;
  for (const part of parts) {
    const size = part.shape[node.attrs.axis]!;
    copyBlock(part, out, node.attrs.axis, 0, start, size);
    start += size;
  }
  return out;
}

/** A block along an axis. */
export function slice(node: NodeOf<"slice">, x: Tensor): Tensor {
  const out = tensor(node.shape);
  copyBlock(x, out, node.attrs.axis, node.attrs.start, 0, node.attrs.size);
  return out;
}

/** Zeros around along an axis. */
export function padAxis(node: NodeOf<"padAxis">, x: Tensor): Tensor {
  const out = tensor(node.shape);
  copyBlock(x, out, node.attrs.axis, 0, node.attrs.before, x.shape[node.attrs.axis]!);
  return out;
}

/** Axes reordered. */
export function permute(node: NodeOf<"permute">, x: Tensor): Tensor {
  const out = tensor(node.shape);
  const source = strides(x.shape);
  let position = 0;
  walk(node.shape, [node.attrs.axes.map((axis) => source[axis]!)], ([at]) => {
    out.data[position++] = x.data[at!]!;
  });
  return out;
}

/** Numbers of the samples that a mask chooses. */
function chosen(mask: Tensor, count: number): number[] {
  return Array.from({ length: count }, (_, b) => b).filter((b) => mask.data[b]! > 0);
}

/** The samples that a mask chooses, first; the first sample where it chooses none. */
export function compact(node: NodeOf<"compact">, x: Tensor, mask: Tensor, count: number): Tensor {
  const out = tensor(node.shape);
  const found = chosen(mask, count);
  (found.length === 0 ? [0] : found).forEach((from, to) => copyBlock(x, out, 0, from, to, 1));
  return out;
}

/** The samples of a sub-batch in their places. */
export function expand(node: NodeOf<"expand">, x: Tensor, mask: Tensor, count: number): Tensor {
  const out = tensor(node.shape);
  chosen(mask, count).forEach((to, from) => copyBlock(x, out, 0, from, to, 1));
  return out;
}
