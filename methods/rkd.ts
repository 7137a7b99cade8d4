/**
 * Relational knowledge distillation (Park, Kim, Lu, Cho 2019).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions, type SpotPair } from "../dsl/distill.ts";
import {
  add,
  diagonalOf,
  direction,
  div,
  flatten,
  greater,
  matmul,
  maximum,
  meanAll,
  mul,
  sampleRows,
  smoothL1,
  sqrt,
  square,
  sub,
  sumAll,
  sumOver,
  transpose,
} from "../dsl/expr.ts";
import type { Weight } from "../dsl/graph.ts";
import type { Method } from "../dsl/method.ts";
import { constant, type Value } from "../dsl/value.ts";
import { requireNotNegative } from "../dsl/verbs/options.ts";

/** Options of {@linkcode rkd}. */
export interface RkdOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β; 1 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Factor of the distance loss; 25 (Tian et al. 2020). */
  readonly distance?: number;
  /** Factor of the angle loss; 50 (Tian et al. 2020). */
  readonly angle?: number;
  /** Spots that are compared; the embedding of both unless said. */
  readonly at?: readonly P[];
}

/**
 * Relational distillation: a student keeps the teacher's distances and angles between samples. It learns `student/ce`
 * and `student/rkd`, β · (25 · L_d + 50 · L_a).
 *
 * L_d is the mean over B² pairs of smooth L1 of D_s/μ_s − D_t/μ_t, D the distances of the embeddings e [B, D] and μ the
 * mean of those that are not zero. L_a is the mean over B³ triples of smooth L1 of the differences of cosines
 * ⟨v_ij, v_ik⟩, v_ij = (e_j − e_i)/‖e_j − e_i‖.
 *
 * One sample alone has no relations: its loss and gradient are 0. Two samples with one embedding have no direction: their
 * angles count as 0 and get no gradient.
 *
 * @throws {OptionError} If a weight is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { rkd } from "./rkd.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(rkd()).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/rkd"]
 * ```
 *
 * Source: Park, Kim, Lu, Cho 2019, section 3.2; factors of the RepDistiller benchmark (Tian, Krishnan, Isola 2020). The
 * release's loss of one sample is NaN with gradient 0, here both are 0.
 */
export function rkd<const P extends SpotPair = never>(
  options: RkdOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 1, distance = 25, angle = 50, ce = 1, at } = options;
  requireNotNegative("rkd()", "distance", distance);
  requireNotNegative("rkd()", "angle", angle);
  return distiller<P>({
    name: "rkd",
    options: { weight, distance, angle, ce, at },
    where: at ?? "embedding",
    loss: (student, teacher) => rkdLoss(student, teacher, { distance, angle }),
  });
}

/** Relational loss of two batches of vectors [B, D]; the widths may differ. */
export function rkdLoss(
  student: Value,
  teacher: Value,
  { distance, angle }: { readonly distance: number; readonly angle: number },
): Value<"scalar"> {
  const [s, t] = [flatten(student), flatten(teacher)];
  const far = meanAll(smoothL1(sub(distances(s), distances(t))));
  const turned = meanAll(smoothL1(sub(angles(s), angles(t))));
  return add(mul(far, distance), mul(turned, angle));
}

/** Distances of samples over the mean of those that are not zero, [B, B]. */
function distances(x: Value<"vector">): Value {
  const norms = sumOver(square(x), [1]);
  const products = matmul(x, x, { transposeB: true });
  const squares = sub(add(norms, transpose(norms, [1, 0])), mul(products, 2));
  const between = mul(sqrt(maximum(squares, 1e-12)), sub(constant(1), diagonalOf(x)));
  const others = maximum(sumAll(greater(between, 0)), 1);
  return div(between, maximum(div(sumAll(between), others), 1e-12));
}

/** Cosines of the directions from sample i to samples j and k, [B, B, B]. */
function angles(x: Value<"vector">): Value {
  const rows = sampleRows(x);
  const to = direction(sub(transpose(rows, [1, 0, 2]), rows), [2]);
  return matmul(to, to, { transposeB: true });
}
