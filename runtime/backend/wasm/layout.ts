/**
 * How tensors lie in memory.
 *
 * `lanes`: tensors whose only batch axis is the first. Eight samples lie side by side, so that SIMD never meets an
 * edge: `[⌈B/8⌉][spatial axes][channels][8]`, axis 1 being the channels. Places behind the last sample are padding.
 * `rows`: everything else (weights, statistics, [B, B] matrices), row-major as in PyTorch.
 *
 * @module
 */

import { type Node, type Shape, sizeOf } from "../../ir/node.ts";

/** Order of a tensor's numbers. */
export type Layout = "lanes" | "rows";

/** Samples that lie side by side. */
export const lanes = 8;

/** One logical axis: element i lies at ⌊i / split⌋ · stride + i mod split, in numbers. */
export interface Axis {
  readonly size: number;
  readonly stride: number;
  /** Elements that lie side by side: 8 along the samples of lanes, else 1. */
  readonly split: number;
}

/** The layout a node's value has. */
export function layoutOf(node: Node): Layout {
  return node.batch.length === 1 && node.batch[0] === 0 ? "lanes" : "rows";
}

/** Number of groups of eight samples. */
export function blocksOf(samples: number): number {
  return Math.ceil(samples / lanes);
}

/** Numbers a tensor takes in memory, padding included. */
export function storageOf(shape: Shape, layout: Layout): number {
  return layout === "rows" ? sizeOf(shape) : blocksOf(shape[0]!) * lanes * sizeOf(shape.slice(1));
}

/** Where elements lie, axis by axis. */
export function axesOf(shape: Shape, layout: Layout): Axis[] {
  if (layout === "rows") {
    return shape.map((size, i) => ({ size, stride: sizeOf(shape.slice(i + 1)), split: 1 }));
  }
  const channels = shape[1] ?? 1;
  return shape.map((size, i) => {
    if (i === 0) return { size, stride: lanes * sizeOf(shape.slice(1)), split: lanes };
    if (i === 1) return { size, stride: lanes, split: 1 };
    return { size, stride: lanes * channels * sizeOf(shape.slice(i + 1)), split: 1 };
  });
}

/** Logical axes in the order of memory, outermost first. */
export function memoryOrder(rank: number, layout: Layout): number[] {
  const axes = Array.from({ length: rank }, (_, i) => i);
  return layout === "rows" || rank < 3 ? axes : [0, ...axes.slice(2), 1];
}

/** Reads the first `rows` of axis 0 (all of a tensor of rank 0) in row-major order. */
export function gather(memory: Float32Array, offset: number, axes: readonly Axis[], rows: number): Float32Array {
  const values = new Float32Array(sizeOf(counted(axes, rows)));
  walk(counted(axes, rows), axes, offset, (from, size, stride, position) => {
    for (let i = 0; i < size; i++) values[position + i] = memory[from + i * stride]!;
  });
  return values;
}

/** Writes row-major numbers as the first `rows` of axis 0. */
export function scatter(
  memory: Float32Array,
  offset: number,
  axes: readonly Axis[],
  rows: number,
  values: ArrayLike<number>,
): void {
  walk(counted(axes, rows), axes, offset, (to, size, stride, position) => {
    for (let i = 0; i < size; i++) memory[to + i * stride] = values[position + i]!;
  });
}

function counted(axes: readonly Axis[], rows: number): number[] {
  return axes.map(({ size }, i) => (i === 0 ? Math.min(size, rows) : size));
}

/** Visits every run along the last axis: where it starts, its length and stride, its row-major position. */
function walk(
  sizes: readonly number[],
  axes: readonly Axis[],
  offset: number,
  visit: (start: number, size: number, stride: number, position: number) => void,
): void {
  let position = 0;
  const step = (level: number, start: number): void => {
    const axis = axes[level];
    if (axis === undefined || (level === axes.length - 1 && axis.split === 1)) {
      const size = axis === undefined ? 1 : sizes[level]!;
      visit(start, size, axis?.stride ?? 1, position);
      position += size;
      return;
    }
    for (let i = 0; i < sizes[level]!; i++) {
      step(level + 1, start + Math.floor(i / axis.split) * axis.stride + (i % axis.split));
    }
  };
  if (!sizes.includes(0)) step(0, offset);
}
