/**
 * Attention transfer (Zagoruyko, Komodakis 2017).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions, type SpotPair } from "../dsl/distill.ts";
import { poolTo } from "../dsl/expr.ts";
import { attentionLoss, attentionMap } from "../dsl/losses.ts";
import type { Weight } from "../dsl/graph.ts";
import type { Method } from "../dsl/method.ts";
import type { Value } from "../dsl/value.ts";

/** Options of {@linkcode at}. */
export interface AtOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β of every spot's term; 1000 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Spots that are compared; each of the student with the teacher's of the same rank unless said. */
  readonly at?: readonly P[];
}

/**
 * Attention transfer: a student looks where its teacher looks. At every spot it learns `student/at_spot`,
 * β · 1/HW Σ (Q(F_s)/‖Q(F_s)‖ − Q(F_t)/‖Q(F_t)‖)², Q(F) = 1/C Σ_c F_c² of [B, C, H, W]; and `student/ce`.
 *
 * Where maps differ in size, the larger is averaged down before.
 *
 * @throws {OptionError} If a weight is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { at } from "./at.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(at()).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/at_layer1", …]
 * ```
 *
 * Source: Zagoruyko, Komodakis 2017, section 3.1, in the form of the RepDistiller benchmark (Tian, Krishnan, Isola
 * 2020): a mean of squares where the paper has the L2 norm of the difference, and β = 1000.
 */
export function at<const P extends SpotPair = never>(
  options: AtOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 1000, ce = 1, at: spots } = options;
  return distiller<P>({
    name: "at",
    options: { weight, ce, at: spots },
    where: spots ?? "every spot",
    loss: (student, teacher) => atLoss(student as Value<"map">, teacher as Value<"map">),
  });
}

/** Distance of the normalised attention maps of two maps [B, C, H, W], per sample [B]; the channels may differ. */
export function atLoss(student: Value<"map">, teacher: Value<"map">): Value<"sample"> {
  return attentionLoss(attentionMap(poolTo(student, teacher)), attentionMap(poolTo(teacher, student)));
}
