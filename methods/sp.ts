/**
 * Similarity-preserving distillation (Tung, Mori 2019).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions, type SpotPair } from "../dsl/distill.ts";
import { flatten, matmul, meanAll, normalize, square, sub } from "../dsl/expr.ts";
import type { Weight } from "../dsl/graph.ts";
import type { Method } from "../dsl/method.ts";
import type { Value } from "../dsl/value.ts";

/** Options of {@linkcode sp}. */
export interface SpOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β; 3000 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Spots that are compared; the deepest of both unless said. */
  readonly at?: readonly P[];
}

/**
 * Similarity-preserving distillation: what is alike to the teacher is alike to the student. It learns `student/ce` and
 * `student/sp`, β · Σ (G_s − G_t)² / B², where G = X Xᵀ of the maps as rows X [B, C · H · W], each row of G divided by
 * its L2 norm.
 *
 * B is the number of samples present, and in a routed sub-batch its own.
 *
 * @throws {OptionError} If a weight is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { sp } from "./sp.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(sp()).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/sp"]
 * ```
 *
 * Source: Tung, Mori 2019, equations 1–4; β and the deepest spot of the RepDistiller benchmark (Tian, Krishnan, Isola
 * 2020).
 */
export function sp<const P extends SpotPair = never>(
  options: SpOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 3000, ce = 1, at } = options;
  return distiller<P>({ name: "sp", options: { weight, ce, at }, where: at ?? "deepest spot", loss: spLoss });
}

/** Mean squared difference of the row-normalised similarities of two batches [B, …]; shapes may differ. */
export function spLoss(student: Value, teacher: Value): Value<"scalar"> {
  return meanAll(square(sub(similarity(student), similarity(teacher))));
}

function similarity(x: Value): Value<"tensor"> {
  const rows = flatten(x);
  return normalize(matmul(rows, rows, { transposeB: true }), [1]);
}
