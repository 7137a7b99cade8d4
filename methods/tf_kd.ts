/**
 * Teacher-free knowledge distillation (Yuan, Tay, Li, Wang, Feng 2020).
 *
 * @module
 */

import { add, div, mul, sizeOf } from "../dsl/expr.ts";
import { kl, supervision, term } from "../dsl/losses.ts";
import { type Method, method } from "../dsl/method.ts";
import { constant, labels, logits, node, type Value } from "../dsl/value.ts";
import { requirePositive, requireShare } from "../dsl/verbs/options.ts";

/** Options of {@linkcode tfKd}. */
export interface TfKdOptions {
  /** Temperature τ of both softmaxes; 20 (Yuan et al. 2020). */
  readonly temperature?: number;
  /** What the made-up teacher gives the right class; 0.99 (Yuan et al. 2020). */
  readonly correct?: number;
  /** Share α of the divergence; cross-entropy has 1 − α. 0.1 (Yuan et al. 2020, CIFAR-100: 0.1 to 0.95). */
  readonly weight?: number;
  /** Whether the divergence is multiplied by τ², as distillation from a net is; no unless said. */
  readonly squared?: boolean;
}

/** What {@linkcode tfKd} needs: nothing. */
export type TfKdNeeds = Record<never, never>;

/**
 * Teacher-free distillation by regularisation: every net learns `id/ce`, (1 − α) · cross-entropy, and `id/tf_kd`,
 * α · KL(softmax(p_d / τ) → softmax(z / τ)), from a teacher made up of the labels: p_d is 0.99 at the label and
 * 0.01/(K − 1) elsewhere.
 *
 * The paper's other half, self-training (Tf-KD self), is distillation from a copy of the same net that was trained
 * before: `teacher(resnet8).student(resnet8).use(kd())` with that copy's weights.
 *
 * @throws {OptionError} If the temperature is not positive, or a share is outside [0, 1].
 *
 * @example
 * ```ts
 * import { resnet8, solo } from "../dsl/mod.ts";
 * import { tfKd } from "./tf_kd.ts";
 * console.log(solo(resnet8).use(tfKd()).lower().terms.map((term) => term.name)); // ["student/ce", "student/tf_kd"]
 * ```
 *
 * Source: Yuan et al. 2020, section 5.2. The paper's equation has no τ²; its released code multiplies by a factor chosen
 * for each data set, which is `weight` here.
 */
export function tfKd(options: TfKdOptions = {}): Method<TfKdNeeds, never> {
  const { temperature = 20, correct = 0.99, weight = 0.1, squared = false } = options;
  requirePositive("tfKd()", "temperature", temperature);
  requireShare("tfKd()", "correct", correct);
  requireShare("tfKd()", "weight", weight);
  return method("tfKd", { temperature, correct, weight, squared }, { needs: {} }, (site) => ({
    terms: site.members.filter(({ role }) => role !== "teacher").flatMap((member) => [
      supervision(member, Number((1 - weight).toPrecision(12))),
      term(
        `${member.id}/tf_kd`,
        [member.id],
        kl(logits(member), madeUp(correct), { temperature, squared }),
        weight,
      ),
    ]),
  }));
}

/** `correct` at the label and what is left over the other classes, [B, K]. */
function madeUp(correct: number): Value<"logits"> {
  const others = div(constant(1 - correct), add(sizeOf(labels, 1), -1));
  return node("add", "logits", [mul(labels, add(mul(others, -1), correct)), others]);
}
