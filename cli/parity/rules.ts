/**
 * How close a backend has to come to a recording.
 *
 * Two kinds of proof. A float64 backend proves the formulas: float64 values to 1e-8, everything else as closely as the
 * recording's own rounding allows. A float32 backend proves its kernels: the first iteration at float32 accuracy; what
 * a ReLU or arg-max within rounding of zero can flip, only roughly.
 *
 * @module
 */

import type { Backend, BackendName } from "../../runtime/backend/backend.ts";
import type { Tolerances } from "./trace_format.ts";

/** Agreement of float64 with float64. */
export const EXACT = 1e-8;

/** Agreement where the float64 run read inputs that the file holds rounded to float32 (relative 2⁻²⁴ each). */
export const ROUNDED_INPUTS = 1e-7;

/** Agreement of regenerated tensors with their check sums. */
export const REGENERATED = 1e-10;

/** Terms and logits of the first iteration, by backend: plain float32; Winograd convolution would need 2e-4. */
export const FIRST: Readonly<Record<BackendName, number>> = {
  reference: 2e-5,
  wasm: 2e-5,
  webgpu: 2e-5,
  tfjs: 2e-5,
};

/** Largest median and largest single error. */
export interface Spread {
  readonly median: number;
  readonly max: number;
}

/** Tolerances of one trace on one backend. */
export interface TraceRules {
  /** Term of iteration `k` of `n`, both counted from the first as 0. */
  terms(k: number, n: number): number;
  /** Train-mode logits of iteration `k`. */
  logits(k: number): number;
  readonly evaluation: number;
  readonly gradients: Spread;
  readonly firstUpdate: Spread;
  readonly lastUpdate: Spread;
}

/** The rules for a trace's own tolerances. `exactness` is for terms that were recorded in float64 too. */
export function traceRules(backend: Backend, file: Tolerances, exactness: number | undefined): TraceRules {
  const double = backend.precision === "float64";
  const first = Math.max(FIRST[backend.name], file.terms_first);
  const later = double ? 1 : 10;
  const spread = (median: number, max: number): Spread =>
    double ? { median, max } : { median: Math.max(10 * median, 1e-2), max: Math.max(10 * max, 1e-1) };
  return {
    terms: (k, n) => {
      if (double && exactness !== undefined) return exactness;
      if (k === 0) return first;
      if (k === 1) return later * file.terms_second;
      return later * (k === n - 1 ? file.terms_last : file.terms_max);
    },
    logits: (k) => (k === 0 ? Math.max(FIRST[backend.name], file.logits_first) : later * file.logits_last),
    evaluation: later * file.eval_logits,
    gradients: spread(file.grad_first_median, file.grad_first_max),
    firstUpdate: spread(file.delta_first_median, file.delta_first_max),
    lastUpdate: spread(file.delta_last_median, file.delta_last_max),
  };
}

/** Error of a loss term: relative, and relative to 1e-5 for terms smaller than that. */
export function termError(actual: number, recorded: number): number {
  const size = Math.abs(recorded);
  return Math.abs(actual - recorded) / (size >= 1e-2 ? size : Math.max(size, 1e-5));
}
