/**
 * Deep mutual learning (Zhang, Xiang, Hospedales, Lu 2018).
 *
 * @module
 */

import { frozenOptions } from "../dsl/json.ts";
import { type Method, method } from "../dsl/method.ts";
import { lowerMutual, type MutualOptions, mutualOptions } from "../dsl/verbs/mutual.ts";

/** What {@linkcode dml} needs: nets that teach each other, whatever their roles. */
export type DmlNeeds = Record<never, never>;

/**
 * Deep mutual learning; stands for `mutual()` with its options.
 *
 * Net i learns `i/ce`, cross-entropy, and `i/dml`, the mean over the other nets j of KL(j → i) at T = 1. All nets
 * update from one forward, as re-implementations do; the paper's algorithm 1 updates them one after the other from
 * fresh forwards, which is `dml({ order: "sequential" })`.
 *
 * @throws {OptionError} If an option is outside its range.
 *
 * @example
 * ```ts
 * import { cohort, resnet8 } from "../dsl/mod.ts";
 * import { dml } from "./dml.ts";
 * console.log(cohort(resnet8, 2).use(dml()).lower().terms.map((term) => term.name));
 * // ["peer0/ce", "peer0/dml", "peer1/ce", "peer1/dml"]
 * ```
 *
 * Source: Zhang, Xiang, Hospedales, Lu 2018, equations 2–8.
 */
export function dml(options: MutualOptions = {}): Method<DmlNeeds, never> {
  const settings = mutualOptions(options);
  const recorded = frozenOptions(settings, "dml()");
  return method(
    "dml",
    recorded,
    { needs: {}, clauses: [{ verb: "mutual", options: recorded }] },
    (site) => lowerMutual(site, settings),
  );
}
