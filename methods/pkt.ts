/**
 * Probabilistic knowledge transfer (Passalis, Tefas 2018).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions, type SpotPair } from "../dsl/distill.ts";
import { add, div, flatten, log, matmul, meanAll, mul, sqrt, square, sumOver } from "../dsl/expr.ts";
import type { Weight } from "../dsl/graph.ts";
import type { Method } from "../dsl/method.ts";
import type { Value } from "../dsl/value.ts";

/** Options of {@linkcode pkt}. */
export interface PktOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β; 30000 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Spots that are compared; the embedding of both unless said. */
  readonly at?: readonly P[];
}

/** Keeps norms and probabilities away from zero, as released. */
const EPSILON = 1e-7;

/**
 * Probabilistic knowledge transfer: a student keeps the probability that samples are neighbours. It learns `student/ce`
 * and `student/pkt`, β · 1/B² Σ P_t ln((P_t + ε)/(P_s + ε)), ε = 1e-7.
 *
 * P is (1 + cosine)/2 of the embeddings [B, D], each row divided by its sum; the diagonal is part of it. A sample alone
 * is its own neighbour: loss and gradient are 0. A zero vector has cosine 0 with all.
 *
 * @throws {OptionError} If a weight is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { pkt } from "./pkt.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(pkt()).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/pkt"]
 * ```
 *
 * Source: Passalis, Tefas 2018, section 3.1, cosine kernel; β of the RepDistiller benchmark (Tian, Krishnan, Isola 2020).
 */
export function pkt<const P extends SpotPair = never>(
  options: PktOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 30000, ce = 1, at } = options;
  return distiller<P>({ name: "pkt", options: { weight, ce, at }, where: at ?? "embedding", loss: pktLoss });
}

/** Mean over B² pairs of P_t ln((P_t + ε)/(P_s + ε)) of two batches of vectors [B, D]; the widths may differ. */
export function pktLoss(student: Value, teacher: Value): Value<"scalar"> {
  const [s, t] = [neighbours(student), neighbours(teacher)];
  return meanAll(mul(t, log(div(add(t, EPSILON), add(s, EPSILON)))));
}

function neighbours(x: Value): Value {
  const rows = flatten(x);
  const unit = div(rows, add(sqrt(sumOver(square(rows), [1])), EPSILON));
  const alike = mul(add(matmul(unit, unit, { transposeB: true }), 1), 0.5);
  return div(alike, sumOver(alike, [1]));
}
