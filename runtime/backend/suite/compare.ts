/** How far two tensors are apart. @module */

import { type Shape, sizeOf } from "../../ir/node.ts";
import type { Numbers } from "../backend.ts";
import type { Tolerance } from "./case.ts";

/** The largest error of one tensor. */
export interface Difference {
  /** Which tensor. */
  readonly what: string;
  /** In the tolerance's measure; infinite where one number is missing or not finite and the other is. */
  readonly error: number;
  /** The worst element in words. */
  readonly text: string;
}

/** Compares what a backend returned with the oracle's numbers, over the samples really present. */
export function difference(
  what: string,
  ours: Numbers,
  oracle: Numbers,
  { shape, batch }: { readonly shape: Shape; readonly batch: readonly number[] },
  count: number,
  tolerance: Tolerance,
): Difference {
  const rows = shape.map((size, axis) => axis === 0 && batch.includes(0) ? count : size);
  const expected = sizeOf(rows);
  if (ours.length !== expected || oracle.length !== expected) {
    const text = `${what} has ${ours.length} numbers, the oracle's ${oracle.length}, its shape asks for ${expected}`;
    return { what, error: Infinity, text };
  }
  const meant = positions(rows, batch, count);
  const largest = meant.reduce(
    (most, i) => Number.isFinite(oracle[i]!) ? Math.max(most, Math.abs(oracle[i]!)) : most,
    0,
  );
  let [error, at] = [0, meant[0] ?? 0];
  for (const i of meant) {
    const one = errorOf(ours[i]!, oracle[i]!, largest, tolerance);
    if (one > error) [error, at] = [one, i];
  }
  const sizes = `largest ${largest.toPrecision(4)}, allowed ${tolerance.relative.toPrecision(2)} (${tolerance.reason})`;
  const text = `${what} at ${at} is ${ours[at]} instead of ${oracle[at]}: error ${error.toPrecision(3)}, ${sizes}`;
  return { what, error, text };
}

function errorOf(ours: number, oracle: number, largest: number, { of, absolute = 0 }: Tolerance): number {
  if (Object.is(ours, oracle) || ours === oracle) return 0;
  if (!Number.isFinite(ours) || !Number.isFinite(oracle)) return Infinity;
  const size = of === "largest" ? largest : Math.abs(oracle);
  const beyond = Math.max(0, Math.abs(ours - oracle) - absolute);
  if (beyond === 0) return 0;
  return beyond / (size > 0 ? size : 1);
}

/** Offsets of the elements whose every batch index is below the count. */
function positions(shape: Shape, batch: readonly number[], count: number): number[] {
  const found: number[] = [];
  const total = sizeOf(shape);
  for (let offset = 0; offset < total; offset++) {
    let rest = offset;
    let present = true;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const index = rest % shape[axis]!;
      rest = (rest - index) / shape[axis]!;
      if (batch.includes(axis) && index >= count) present = false;
    }
    if (present) found.push(offset);
  }
  return found;
}
