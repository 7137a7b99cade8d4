/**
 * Neuron selectivity transfer (Huang, Wang 2017).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions, type SpotPair } from "../dsl/distill.ts";
import { add, channelRows, matmul, mul, normalize, perSample, poolTo, square, sub } from "../dsl/expr.ts";
import type { Weight } from "../dsl/graph.ts";
import type { Method } from "../dsl/method.ts";
import type { Value } from "../dsl/value.ts";

/** Options of {@linkcode nst}. */
export interface NstOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β of every spot's term; 50 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Spots that are compared; each of the student with the teacher's of the same rank unless said. */
  readonly at?: readonly P[];
}

/**
 * Neuron selectivity transfer: channels of the student fire where channels of the teacher do. At every spot it learns
 * `student/nst_spot`, β · (mean k(t, t) + mean k(s, s) − 2 mean k(s, t)), k(a, b) = ⟨a, b⟩², over all pairs of channels
 * of a sample, each channel of [B, C, H, W] divided by its L2 norm; and `student/ce`.
 *
 * Where maps differ in size, the larger is averaged down before. The first mean is the same at every step; it makes the
 * sum a squared distance.
 *
 * @throws {OptionError} If a weight is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { nst } from "./nst.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(nst()).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/nst_layer1", …]
 * ```
 *
 * Source: Huang, Wang 2017, equations 4 and 5 with the polynomial kernel (d = 2, c = 0); β of the RepDistiller benchmark
 * (Tian, Krishnan, Isola 2020).
 */
export function nst<const P extends SpotPair = never>(
  options: NstOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 50, ce = 1, at } = options;
  return distiller<P>({
    name: "nst",
    options: { weight, ce, at },
    where: at ?? "every spot",
    loss: (student, teacher) => nstLoss(student as Value<"map">, teacher as Value<"map">),
  });
}

/** Squared distance of the channels of two maps [B, C, H, W] under k(a, b) = ⟨a, b⟩², per sample [B]. */
export function nstLoss(student: Value<"map">, teacher: Value<"map">): Value<"sample"> {
  const s = normalize(channelRows(poolTo(student, teacher)), [2]);
  const t = normalize(channelRows(poolTo(teacher, student)), [2]);
  return sub(add(alike(t, t), alike(s, s)), mul(alike(s, t), 2));
}

/** Mean of ⟨a_i, b_j⟩² over the channels i and j, per sample [B]. */
function alike(a: Value, b: Value): Value<"sample"> {
  return perSample(square(matmul(a, b, { transposeB: true })));
}
