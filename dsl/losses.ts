/**
 * The losses that verbs and methods share, over class scores and maps.
 *
 * A loss per sample [B] is averaged over the batch by the term that uses it.
 *
 * @module
 */

import {
  add,
  average,
  div,
  flatten,
  kthSmallest,
  maximum,
  mul,
  normalize,
  perSample,
  sign,
  sizeOf,
  sqrt,
  square,
  sub,
  sumOver,
} from "./expr.ts";
import type { Term } from "./graph.ts";
import { requireScores, type Scores } from "./refused.ts";
import { cutUnlessLive, labels, logits, type NetRef, node, stop, type Value } from "./value.ts";

/**
 * Cross-entropy of class scores and the labels: −Σ y · ln softmax(z).
 *
 * `scores` [B, K] before softmax; the result is per sample [B], in nats.
 *
 * @example
 * ```ts
 * import { crossEntropy } from "./losses.ts";
 * import { logits } from "./value.ts";
 * console.log(crossEntropy(logits({ id: "student", view: 0 })).kind); // sample
 * ```
 */
export function crossEntropy<S extends Value>(scores: S & Scores<S>): Value<"sample"> {
  requireScores("measure a cross-entropy", scores);
  return node("crossEntropy", "sample", [scores, labels]);
}

/** The term every learner has: `id/ce`, cross-entropy of a net and the labels, at `weight` (1 unless said). */
export function supervision(net: NetRef, weight: Term["weight"] = 1): Term {
  return term(`${net.id}/ce`, [net.id], crossEntropy(logits(net)), weight);
}

/** Options of {@linkcode kl}. */
export interface DivergenceOptions {
  /** Temperature T of both softmaxes; 1 unless said. */
  readonly temperature?: number;
  /** Whether it is multiplied by T², which keeps gradients the same size at every temperature; yes unless said. */
  readonly squared?: boolean;
  /** Added to every target probability ε, without renormalising; 0 unless said (1e-7 in ONE and OKDDip). */
  readonly epsilon?: number;
}

/**
 * Softened divergence of a student from a target: T² · Σ p (ln p − ln q), p = softmax(target / T) + ε and
 * q = softmax(student / T).
 *
 * Both are class scores [B, K] before softmax; the result is per sample [B], in nats. The target is cut unless `live()`.
 *
 * @throws {RangeError} If the temperature is not finite and positive, or ε is negative or not finite.
 *
 * @example
 * ```ts
 * import { kl } from "./losses.ts";
 * import { logits } from "./value.ts";
 * const loss = kl(logits({ id: "student", view: 0 }), logits({ id: "teacher", view: 0 }), { temperature: 4 });
 * console.log(loss.attrs); // { temperature: 4, squared: true, epsilon: 0 }
 * ```
 *
 * Source: Hinton, Vinyals, Dean 2015, section 2.
 */
export function kl<S extends Value, T extends Value>(
  student: S & Scores<S>,
  target: T & Scores<T>,
  options: DivergenceOptions = {},
): Value<"sample"> {
  for (const scores of [student, target]) requireScores("measure a divergence", scores);
  const { temperature = 1, squared = true, epsilon = 0 } = options;
  if (!(Number.isFinite(temperature) && temperature > 0)) {
    throw new RangeError(
      `Cannot measure a divergence: its temperature is finite and positive, got ${temperature}. Say 1 to 10.`,
    );
  }
  if (!(Number.isFinite(epsilon) && epsilon >= 0)) {
    throw new RangeError(`Cannot measure a divergence: its epsilon is finite and not negative, got ${epsilon}. Say 0.`);
  }
  return node("kl", "sample", [student, cutUnlessLive(target)], { temperature, squared, epsilon });
}

/** Mean of class scores (or other values of one shape); a single one is itself. */
export function meanOf<K extends Value["kind"]>(values: readonly Value<K>[]): Value<K> {
  return values.length === 1 ? values[0]! : average(values);
}

/** Class scores of several nets [B, K] as one: their sum, each times its share, a number or one a sample [B, 1]. */
export function mixtureOf(scores: readonly Value<"logits">[], shares: readonly Value[]): Value<"logits"> {
  return scores.map((own, i) => mul(own, shares[i]!)).reduce((sum, part) => add(sum, part));
}

/**
 * Attention map: the mean over channels of squares, Q(F) = 1/C Σ_c F_c².
 *
 * `map` is [B, C, H, W], the result [B, 1, H, W].
 *
 * Source: Li et al. 2022 (FFSD), equation 7. Zagoruyko & Komodakis 2017 sum instead; after normalisation it is the same.
 */
export function attentionMap(map: Value<"map">): Value<"map"> {
  return node("mean", "map", [square(map)], { axes: [1] });
}

/**
 * Distance of two normalised tensors: 1/N Σ (a/‖a‖ − b/‖b‖)², each sample flattened to N elements.
 *
 * Both have one shape [B, …], maps or features; the result is per sample [B], so the mean over the batch is the mean
 * over all B · N elements. Nothing is cut here: wrap a target in `stop()`.
 *
 * @example
 * ```ts
 * import { attentionLoss, attentionMap } from "./losses.ts";
 * import { stop, tap } from "./value.ts";
 * const [student, teacher] = [{ id: "student", view: 0 }, { id: "teacher", view: 0 }];
 * attentionLoss(attentionMap(tap(student, "layer3")), stop(attentionMap(tap(teacher, "layer3"))));
 * ```
 *
 * Source: Zagoruyko & Komodakis 2017, section 3.1, with a mean of squares as in the released code of Li et al. 2022.
 */
export function attentionLoss(a: Value, b: Value): Value<"sample"> {
  return perSample(square(sub(normalize(flatten(a), [1]), normalize(flatten(b), [1]))));
}

/**
 * Diversity target of FFSD: an attention map with its strong and weak places exchanged,
 * t = (n/2 − q) · sgn(q − δ) + n/2, where n = ‖Q‖, q = Q/n and δ is the ⌊HW/3⌋-th smallest element of q.
 *
 * `attention` is the previous student's map [B, 1, H, W]; the result has its shape. Nothing is cut here.
 *
 * Source: Li et al. 2022 (FFSD), equation 8. As released, n is the norm of the raw map while q is normalised, and
 * sgn(0) = 0 gives the threshold element n/2; the paper writes both in one scale. The published weight of 1e-5 belongs
 * to this form.
 */
export function diversityTarget(attention: Value<"map">): Value<"map"> {
  const { norm, unit } = scaled(attention);
  const threshold = kthSmallest(flatten(unit), "third");
  const half = mul(norm, 0.5);
  return node("add", "map", [mul(sub(half, unit), sign(sub(unit, threshold))), half]);
}

/**
 * Diversity loss of FFSD: 1/HW Σ (Q/‖Q‖ − t)², t the {@linkcode diversityTarget} of the previous student.
 *
 * Both are attention maps [B, 1, H, W]; the result is per sample [B]. The previous student is cut.
 *
 * Source: Li et al. 2022 (FFSD), equation 9.
 */
export function diversityLoss(attention: Value<"map">, previous: Value<"map">): Value<"sample"> {
  const target = diversityTarget(stop(previous));
  return perSample(square(sub(scaled(attention).unit, target)));
}

/**
 * The previous student's map with the diversity target written into it: F + (t − q) · n / C, the same number added to
 * all C channels of a place.
 *
 * `map` and the result are [B, C, H, W]. Nothing is cut here. It is what FFSD's self-distillation modules read.
 *
 * Source: the released code of Li et al. 2022 (FFSD); the paper says only that the module reads the diversity target.
 */
export function diversityFeatures(map: Value<"map">): Value<"map"> {
  const attention = attentionMap(map);
  const { norm, unit } = scaled(attention);
  const change = div(mul(sub(diversityTarget(attention), unit), norm), sizeOf(map, 1));
  return add(map, change);
}

/** A term, frozen. */
export function term(name: string, learners: readonly string[], loss: Term["loss"], weight: Term["weight"] = 1): Term {
  const factor = typeof weight === "number" ? weight : Object.freeze({ ...weight });
  return Object.freeze({ name, learners: Object.freeze([...learners]), loss, weight: factor });
}

/** Norm [B, 1, 1, 1] of each sample, at least 1e-12 where it divides, and the sample divided by it. */
function scaled(map: Value<"map">): { readonly norm: Value<"tensor">; readonly unit: Value<"map"> } {
  const norm = sqrt(sumOver(square(map), [1, 2, 3]));
  return { norm, unit: div(map, maximum(norm, 1e-12)) };
}
