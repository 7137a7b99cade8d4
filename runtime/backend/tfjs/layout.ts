/**
 * How tensors lie inside: rank 4 channels last (N, H, W, C), as tfjs's convolutions want it; all other ranks as at the
 * border. Element-wise nodes, reductions and copies only have to rename axes.
 *
 * @module
 */

import type * as tfjs from "@tensorflow/tfjs-core";
import type { Node, Shape } from "../../ir/node.ts";

/** The library, loaded when chosen. */
export type Tf = typeof tfjs;

/** A tensor of the library. */
export type Tensor = tfjs.Tensor;

const inside = [0, 2, 3, 1];
const outside = [0, 3, 1, 2];

/** Where axis `axis` of a tensor lies inside. */
export function insideAxis(axis: number, rank: number): number {
  return rank === 4 ? outside[axis]! : axis;
}

/** Shape inside of a tensor of this shape at the border. */
export function insideShape(shape: Shape): number[] {
  return shape.length === 4 ? inside.map((axis) => shape[axis]!) : [...shape];
}

/** Moves a tensor in border order to its order inside. */
export function toInside(tf: Tf, x: Tensor): Tensor {
  if (x.shape.length !== 4) return x;
  const [b, c, h, w] = x.shape as [number, number, number, number];
  return c === 1 || h * w === 1 ? tf.reshape(x, [b, h, w, c]) : tf.transpose(x, inside);
}

/** Moves a tensor inside to border order. */
export function toBorder(tf: Tf, x: Tensor): Tensor {
  if (x.shape.length !== 4) return x;
  const [b, h, w, c] = x.shape as [number, number, number, number];
  return c === 1 || h * w === 1 ? tf.reshape(x, [b, c, h, w]) : tf.transpose(x, outside);
}

/** Permutation of axes inside that equals `axes` at the border. */
export function insidePermutation(axes: readonly number[]): number[] {
  const rank = axes.length;
  const order = rank === 4 ? inside : axes.map((_, i) => i);
  return order.map((axis) => insideAxis(axes[axis]!, rank));
}

/** Shape of a node at the border when a batch has `count` samples: eager tensors hold only rows that are present. */
export function presentShape(node: Pick<Node, "shape" | "batch">, count: number): number[] {
  return node.shape.map((size, axis) => node.batch.includes(axis) ? count : size);
}
