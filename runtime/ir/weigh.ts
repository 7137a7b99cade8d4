/**
 * The primitive `weigh` on row-major numbers, for backends without a kernel of their own.
 *
 * @module
 */

import type { WeighAttrs } from "./node.ts";
import { covarianceWeights, errorCovariance, type ScoreTable, simplexWeights } from "./simplex.ts";

/** Weights [count, m], or [m] per batch, of scores [B, m · K] and label shares [B, K]. */
export function weighTables(
  { members, rule, per }: WeighAttrs,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  count: number,
): Float64Array {
  const table = (first: number, samples: number): ScoreTable => ({
    members,
    samples,
    classes,
    score: (sample, member, label) => scores[((first + sample) * members + member) * classes + label]!,
    target: (sample, label) => labels[(first + sample) * classes + label]!,
  });
  if (rule === "covariance") return covarianceWeights(errorCovariance(table(0, count)));
  if (per === "batch") return simplexWeights(table(0, count));
  const weights = new Float64Array(count * members);
  for (let b = 0; b < count; b++) weights.set(simplexWeights(table(b, 1)), b * members);
  return weights;
}
