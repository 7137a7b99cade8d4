/**
 * The formula that fills weights and inputs of recorded cases, so that files carry check sums instead of numbers.
 *
 * @module
 */

import { CohortError } from "../../dsl/errors.ts";
import type { Shape } from "../../runtime/ir/node.ts";
import { sizeOf } from "../../runtime/ir/node.ts";

/** Change of the rule for tensors whose full name matches the expression; all that match apply, in order. */
export type Override = readonly [pattern: string, change: OverrideChange];

/** What an override changes. */
export interface OverrideChange {
  /** Multiplies the bound. */
  readonly gain?: number;
  /** Is added to the offset. */
  readonly add?: number;
  /** Is added to elements 0, 2, 4, … after filling. */
  readonly add_even?: number;
}

/** A tensor as a recording describes it. */
export interface RecordedTensor extends CheckSums {
  readonly shape: Shape;
  /** `"keep"` for constants, which {@linkcode RecordedTensor.values} lists. */
  readonly rule?: string;
  readonly values?: readonly number[];
}

/** Norm, sum, and Σ v_i (2 u("probe", i) − 1), which sees permutations. */
export interface CheckSums {
  readonly l2: number;
  readonly sum: number;
  readonly dot: number;
}

/** FNV-1a of the UTF-8 bytes of a key, 32 bits. */
export function fnv1a(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The number in [0, 1) that a hashed key has at position `i`. */
export function uniformAt(hash: number, i: number): number {
  let z = (Math.imul(i, 0x9e3779b9) + hash) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x7feb352d) >>> 0;
  z = Math.imul(z ^ (z >>> 15), 0x846ca68b) >>> 0;
  z = (z ^ (z >>> 16)) >>> 0;
  return (z >>> 8) / 16777216;
}

/** n values offset + bound · (2u − 1), each rounded to float32 once. */
export function fill(key: string, n: number, bound: number, offset: number): Float32Array {
  const hash = fnv1a(key);
  return Float32Array.from({ length: n }, (_, i) => offset + bound * (2 * uniformAt(hash, i) - 1));
}

/** Values of a recorded tensor before training. @throws {CohortError} If a constant is not listed in full. */
export function initialTensor(
  seed: string,
  name: string,
  tensor: Pick<RecordedTensor, "shape" | "rule" | "values">,
  overrides: readonly Override[] = [],
): Float32Array {
  const size = sizeOf(tensor.shape);
  if (tensor.rule === "keep") {
    if (tensor.values?.length !== size) {
      throw new CohortError(
        `Cannot fill ${name}: a kept tensor lists its ${size} values, got ${tensor.values?.length ?? "none"}.`,
      );
    }
    return Float32Array.from(tensor.values);
  }
  let { bound, offset } = ruleOf(name, tensor.shape);
  let even = 0;
  for (const [pattern, change] of overrides) {
    if (!new RegExp(pattern).test(name)) continue;
    bound *= change.gain ?? 1;
    offset += change.add ?? 0;
    even += change.add_even ?? 0;
  }
  const values = fill(`${seed}|${name}`, size, bound, offset);
  return even === 0 ? values : values.map((value, i) => (i % 2 === 0 ? value + even : value));
}

function ruleOf(name: string, shape: Shape): { bound: number; offset: number } {
  if (shape.length >= 2) return { bound: Math.sqrt(6 / sizeOf(shape.slice(1))), offset: 0 };
  const last = name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("/")) + 1);
  if (last === "running_mean") return { bound: 0.05, offset: 0 };
  if (last === "running_var" || last === "weight") return { bound: 0.25, offset: 1 };
  return { bound: 0.1, offset: 0 };
}

/** Check sums of numbers, or of their difference from `from`. */
export function checkSums(values: ArrayLike<number>, from?: ArrayLike<number>): CheckSums {
  const hash = probe();
  let [squares, sum, dot] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]! - (from?.[i] ?? 0);
    squares += value * value;
    sum += value;
    dot += value * (2 * uniformAt(hash, i) - 1);
  }
  return { l2: Math.sqrt(squares), sum, dot };
}

let probeHash: number | undefined;
function probe(): number {
  return probeHash ??= fnv1a("probe");
}

/**
 * Largest error of three check sums, relative to the larger of the recorded norm and `scale`; a sum of n numbers is
 * divided by √n, which bounds it by the norm.
 */
export function sumsError(actual: CheckSums, recorded: CheckSums, size: number, scale = 1e-12): number {
  const unit = Math.max(recorded.l2, scale);
  return Math.max(
    Math.abs(actual.l2 - recorded.l2),
    Math.abs(actual.dot - recorded.dot),
    Math.abs(actual.sum - recorded.sum) / Math.sqrt(size),
  ) / unit;
}
