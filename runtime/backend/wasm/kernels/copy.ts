/**
 * Moves numbers between two orders: layouts, permutations, slices, packed weights.
 *
 * @module
 */

import { type Features, Func } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { load } from "../assembler/i32.ts";
import { type Kernel, kernel, nest, numberBytes, overBlocks, type Turn } from "./kernel.ts";

/** One axis of a copy; strides in numbers, possibly negative. */
export interface CopyAxis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Constants of a copy. */
export interface CopyConstants {
  /** Axes of fixed size, in any order. */
  readonly axes: readonly CopyAxis[];
  /** Distance of blocks of eight samples on both sides, if the kernel takes a range of them. */
  readonly blocks?: { readonly from: number; readonly to: number };
}

/** Kernel (from, to) or, with `blocks`, (from, to, first block, last block). */
export function copy(constants: CopyConstants): Kernel {
  const { axes, blocks } = constants;
  const normal = { axes: merge(axes), ...(blocks === undefined ? {} : { blocks }) };
  return kernel("copy", normal, build);
}

/** Sorts axes by falling target stride and joins those that are one run on both sides. */
function merge(axes: readonly CopyAxis[]): CopyAxis[] {
  const sorted = axes.filter(({ size }) => size !== 1).sort((a, b) => Math.abs(b.to) - Math.abs(a.to));
  const merged: CopyAxis[] = [];
  for (const axis of sorted) {
    const outer = merged.at(-1);
    if (outer !== undefined && outer.from === axis.from * axis.size && outer.to === axis.to * axis.size) {
      merged[merged.length - 1] = { ...axis, size: outer.size * axis.size };
    } else merged.push(axis);
  }
  return merged;
}

function build(features: Features, { axes, blocks }: CopyConstants): Func {
  const func = new Func("copy", features);
  const [from, to] = func.params("from", "to");
  const run = axes.at(-1);
  const contiguous = run !== undefined && run.from === 1 && run.to === 1;
  const outer = contiguous ? axes.slice(0, -1) : axes;
  const turns: Turn[] = outer.map(({ size, from, to }) => ({
    count: size,
    steps: [from * numberBytes, to * numberBytes],
  }));
  const body = (pointers: readonly [typeof from, typeof to]): void =>
    nest(func, turns, pointers, (inner) => {
      const [source, target] = inner as [typeof from, typeof to];
      if (!contiguous) return func.store(target, load(source));
      const vectors = Math.floor(run.size / 4);
      const done = vectors * f.vectorBytes;
      nest(func, [{ count: vectors, steps: [f.vectorBytes, f.vectorBytes] }], inner, ([p, q]) => {
        if (vectors > 0) func.store(q!, f.load(p!));
      });
      for (let i = 0; i < run.size % 4; i++) {
        func.store(target, load(source, done + i * numberBytes), done + i * numberBytes);
      }
    });
  if (blocks === undefined) body([from, to]);
  else {
    const range = func.params("first", "last");
    const bytes = [blocks.from * numberBytes, blocks.to * numberBytes];
    overBlocks(func, range, [from, to], bytes, (pointers) => body(pointers as [typeof from, typeof to]));
  }
  return func;
}
