/**
 * Label smoothing (Szegedy et al. 2016).
 *
 * @module
 */

import { OptionError } from "../dsl/errors.ts";
import { add, logSoftmax, mul, perSample } from "../dsl/expr.ts";
import { crossEntropy, term } from "../dsl/losses.ts";
import { type Method, method } from "../dsl/method.ts";
import { logits, type Value } from "../dsl/value.ts";

/** Options of {@linkcode labelSmoothing}. */
export interface LabelSmoothingOptions {
  /** Share u of the labels that is spread over all classes; 0.1 (Szegedy et al. 2016). */
  readonly smoothing?: number;
}

/** What {@linkcode labelSmoothing} needs: nothing. */
export type LabelSmoothingNeeds = Record<never, never>;

/**
 * Every net learns `id/smoothed_ce` in the place of `id/ce`: cross-entropy with the target (1 − u) · y + u/K, y one-hot
 * over K classes.
 *
 * @throws {OptionError} If u is outside [0, 1].
 *
 * @example
 * ```ts
 * import { resnet8, solo } from "../dsl/mod.ts";
 * import { labelSmoothing } from "./label_smoothing.ts";
 * console.log(solo(resnet8).use(labelSmoothing()).lower().terms.map((term) => term.name)); // ["student/smoothed_ce"]
 * ```
 *
 * Source: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, section 7.
 */
export function labelSmoothing(options: LabelSmoothingOptions = {}): Method<LabelSmoothingNeeds, never> {
  const { smoothing = 0.1 } = options;
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw new OptionError(
      `Cannot say labelSmoothing(): its smoothing is a share from 0 to 1, got ${smoothing}. Leave it out for 0.1.`,
    );
  }
  return method("labelSmoothing", { smoothing }, { needs: {} }, (site) => ({
    terms: site.members.filter(({ role }) => role !== "teacher").map((member) =>
      term(`${member.id}/smoothed_ce`, [member.id], smoothedCrossEntropy(logits(member), smoothing))
    ),
  }));
}

/** (1 − u) · cross-entropy and u · the mean of −ln softmax over the classes, of class scores [B, K], per sample [B]. */
export function smoothedCrossEntropy(scores: Value<"logits">, smoothing: number): Value<"sample"> {
  const spread = mul(perSample(logSoftmax(scores)), -smoothing);
  return add(mul(crossEntropy(scores), 1 - smoothing), spread);
}
