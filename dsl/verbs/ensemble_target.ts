/**
 * The soft targets of `ensemble()`: class scores made of all peers' class scores.
 *
 * @module
 */

import { choose, columnsOf, greater, minimum, mul, sub, sumOver, weigh } from "../expr.ts";
import { crossEntropy, meanOf, mixtureOf } from "../losses.ts";
import { labels, logits, measured, type NetRef, stop, type Value } from "../value.ts";

/** Names of the targets, see `lowerEnsemble()`. */
export const targets = ["naive", "linear", "minLogit", "general", "mean"] as const;

/**
 * How the target is made of the peers' class scores: the member that is best on this sample, the best convex
 * combination, the least score of each class after each member's own target score is taken off, weights from the
 * error covariance on held-out images, or the plain mean.
 */
export type EnsembleTarget = typeof targets[number];

/** What decides a target. */
export interface TargetOptions {
  /** How it is made. */
  readonly target: EnsembleTarget;
  /** Whether convex weights are those of a sample or of the batch; of a sample unless said. */
  readonly per?: "sample" | "batch";
  /** Where the covariance of errors is measured; on validation images unless said. */
  readonly measureOn?: "validation" | "batch";
}

/** The cut target of these nets, class scores [B, K]. */
export function soften(nets: readonly NetRef[], { target, per = "sample", measureOn }: TargetOptions): Value<"logits"> {
  const scores = nets.map(logits);
  switch (target) {
    case "naive":
      return stop(best(scores));
    case "linear":
      return stop(mixtureOf(scores, columnsOf(weigh(scores, "simplex", per), scores.length)));
    case "minLogit":
      return stop(scores.map(aboveTarget).reduce((least, own) => minimum(least, own)));
    case "general": {
      const weights = measureOn === "batch"
        ? columnsOf(weigh(scores, "covariance", "batch"), scores.length)
        : errorWeightNames(nets).map(measured);
      return stop(mixtureOf(scores, weights));
    }
    case "mean":
      return stop(meanOf(scores));
    default:
      return target satisfies never;
  }
}

/** Names of the nets' measured weights. */
export function errorWeightNames(nets: readonly NetRef[]): readonly string[] {
  return nets.map(({ id }) => `ensemble/${id}`);
}

/** For each sample the scores with the least cross-entropy; of equal ones the first. */
function best(scores: readonly Value<"logits">[]): Value<"logits"> {
  const [first, ...rest] = scores;
  let chosen = first!;
  let least = crossEntropy(first!);
  for (const own of rest) {
    const loss = crossEntropy(own);
    chosen = choose(greater(least, loss), own, chosen);
    least = minimum(least, loss);
  }
  return chosen;
}

/** Scores less the score of the right class, which becomes 0. */
function aboveTarget(scores: Value<"logits">): Value<"logits"> {
  return sub(scores, sumOver(mul(scores, labels), [1]));
}
