/**
 * KDCL: online knowledge distillation via collaborative learning (Guo, Wang, Wu, Liang, Wang 2020).
 *
 * @module
 */

import { frozenOptions } from "../dsl/json.ts";
import { type Method, method } from "../dsl/method.ts";
import { type EnsembleOptions, ensembleOptions, lowerEnsemble } from "../dsl/verbs/ensemble.ts";
import type { EnsembleTarget } from "../dsl/verbs/ensemble_target.ts";

/** Options of {@linkcode kdcl}: those of `ensemble()`, and its target. */
export interface KdclOptions extends EnsembleOptions {
  /** How the target is made; `"minLogit"`. */
  readonly target?: EnsembleTarget;
}

/** What {@linkcode kdcl} needs: peers, at no spot. */
export type KdclNeeds = { readonly peer: never };

/**
 * KDCL: all peers, of whatever architectures, imitate one soft target that is made of all of them.
 *
 * Stands for `ensemble()` with its options; the five targets and the formula are at {@linkcode lowerEnsemble}. T = 2,
 * λ = 1 and the target `"minLogit"` unless said. "Invariant" collaborative learning, an augmentation of its own for
 * every peer, is the verb `views("each")`.
 *
 * The public re-implementation (target `"mean"`, T = 4) is
 * `kdcl({ target: "mean", temperature: 4, weight: 0.5, labelWeight: 0.5 })`.
 *
 * @throws {OptionError} If an option is outside its range, or belongs to another target.
 *
 * @example
 * ```ts
 * import { cohort, resnet20, resnet8 } from "../dsl/mod.ts";
 * import { kdcl } from "./kdcl.ts";
 * const pair = cohort([resnet20, resnet8]).views("each").use(kdcl({ target: "linear" }));
 * console.log(pair.lower().terms.map((term) => term.name));
 * // ["peer0/ce", "peer0/ensemble_kl", "peer1/ce", "peer1/ensemble_kl"]
 * ```
 *
 * Source: Guo, Wang, Wu, Liang, Wang 2020, "Online Knowledge Distillation via Collaborative Learning", section 3. Their
 * code is not public; T = 2 and λ = 1 are those of public notes on the paper. Departures: α of `"linear"` is per sample,
 * which the paper leaves open, and `per: "batch"` is the other reading; w of `"general"` is 1/m in the first epoch.
 */
export function kdcl(options: KdclOptions = {}): Method<KdclNeeds, never> {
  const settings = ensembleOptions(options);
  const recorded = frozenOptions(settings, "kdcl()");
  return method(
    "kdcl",
    recorded,
    { needs: { peer: [] }, clauses: [{ verb: "ensemble", options: recorded }] },
    (site) => lowerEnsemble(site, settings),
  );
}
