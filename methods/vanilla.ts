/**
 * Plain training: every net learns from the labels alone.
 *
 * @module
 */

import { supervision } from "../dsl/losses.ts";
import { type Method, method } from "../dsl/method.ts";

/** What {@linkcode vanilla} needs: nothing. */
export type VanillaNeeds = Record<never, never>;

/**
 * Cross-entropy of every net and nothing else: `id/ce`, the baseline of every comparison.
 *
 * @example
 * ```ts
 * import { resnet8, topology } from "../dsl/mod.ts";
 * import { vanilla } from "./vanilla.ts";
 * console.log(topology({ net: resnet8 }).use(vanilla()).lower().terms.map((term) => term.name)); // ["net/ce"]
 * ```
 */
export function vanilla(): Method<VanillaNeeds, never> {
  return method("vanilla", {}, { needs: {} }, (site) => ({ terms: site.members.map((member) => supervision(member)) }));
}
