/**
 * Decoupled knowledge distillation (Zhao et al. 2022).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions } from "../dsl/distill.ts";
import { add, exp, log, logSoftmax, maxOver, mul, sub, sumOver, sumPerSample } from "../dsl/expr.ts";
import type { Weight } from "../dsl/graph.ts";
import type { Method } from "../dsl/method.ts";
import { labels, stop, type Value } from "../dsl/value.ts";
import { linearWarmUp, requireNotNegative, requirePositive } from "../dsl/verbs/options.ts";

/** Options of {@linkcode dkd}. */
export interface DkdOptions extends DistillOptions {
  /** Temperature T; 4 (Zhao et al. 2022). */
  readonly temperature?: number;
  /** Factor α of the target class against the others; 1 (Zhao et al. 2022). */
  readonly target?: number;
  /** Factor β of the others among themselves; 8 (Zhao et al. 2022), which chooses 0.5 to 8 for each pair of nets. */
  readonly others?: number;
  /** Factor of both; 1 after a linear warm-up of 20 epochs (Zhao et al. 2022, code). */
  readonly weight?: Weight;
}

/**
 * Decoupled distillation: the two parts of the divergence from the teacher with a factor each. A student learns
 * `student/ce` and `student/dkd`, w · (α · TCKD + β · NCKD).
 *
 * With p = softmax(z / T) and y the label, TCKD is T² · KL of (p_y, 1 − p_y), and NCKD is T² · KL of the softmax over the
 * classes other than y; both from the teacher's class scores [B, K] to the student's, averaged over the batch.
 *
 * @throws {OptionError} If the temperature is not positive or a factor is negative.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { dkd } from "./dkd.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(dkd({ others: 2 })).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/dkd"]
 * ```
 *
 * Source: Zhao et al. 2022, equation 7, with the constants and the warm-up min(e / 20, 1) of the released code.
 */
export function dkd(options: DkdOptions = {}): Method<DistillNeeds, string> {
  const { temperature = 4, target = 1, others = 8, weight = linearWarmUp(1, 20), ce = 1 } = options;
  requirePositive("dkd()", "temperature", temperature);
  requireNotNegative("dkd()", "target", target);
  requireNotNegative("dkd()", "others", others);
  return distiller({
    name: "dkd",
    options: { temperature, target, others, weight, ce },
    where: "logits",
    loss: (student, teacher) =>
      dkdLoss(student as Value<"logits">, teacher as Value<"logits">, { temperature, target, others }),
  });
}

/** α · TCKD + β · NCKD of two batches of class scores [B, K] and the labels, per sample [B]. */
export function dkdLoss(
  student: Value<"logits">,
  teacher: Value<"logits">,
  factors: { readonly temperature: number; readonly target: number; readonly others: number },
): Value<"sample"> {
  const { temperature } = factors;
  const [s, t] = [student, teacher].map((scores) => parts(logSoftmax(scores, temperature)));
  const binary = add(divergence(t!.label, s!.label), divergence(t!.rest, s!.rest));
  const among = divergence(t!.others, s!.others);
  return mul(add(mul(binary, factors.target), mul(among, factors.others)), temperature ** 2);
}

interface Parts {
  /** ln p_y, [B, 1]. */
  readonly label: Value;
  /** ln (1 − p_y), [B, 1]. */
  readonly rest: Value;
  /** ln softmax over the classes other than y, [B, K], far below zero at y. */
  readonly others: Value;
}

/** The label is taken out of sums by a number that no class score reaches, as released. */
function parts(logP: Value<"logits">): Parts {
  const without = sub(logP, mul(labels, 1000));
  const top = stop(maxOver(without, [1]));
  const rest = add(top, log(sumOver(exp(sub(without, top)), [1])));
  return { label: sumOver(mul(labels, logP), [1]), rest, others: sub(without, rest) };
}

/** Σ p (ln p − ln q) of logarithms, per sample [B]. */
function divergence(target: Value, made: Value): Value<"sample"> {
  return sumPerSample(mul(exp(target), sub(target, made)));
}
