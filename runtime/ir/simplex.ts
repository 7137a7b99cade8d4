/**
 * Weights that combine the class scores of several nets, in float64: what the primitive `weigh` computes.
 *
 * @module
 */

/** Class scores of some nets on some images: how many there are of each, and where to read them. */
export interface ScoreTable {
  /** Nets. */
  readonly members: number;
  /** Images. */
  readonly samples: number;
  /** Classes. */
  readonly classes: number;
  /** Score of a net for a class of an image. */
  score(sample: number, member: number, label: number): number;
  /** Share of a class in an image's label. */
  target(sample: number, label: number): number;
}

/** Newton steps after which the weights are taken as they are; some ten are needed. */
export const NEWTON_STEPS = 60;
/** Passes over all pairs in one quadratic problem, at most. */
export const PAIR_SWEEPS = 200;
/** A Newton step below this is the last one: it squares what is left, and rounding would not let a search go further. */
export const CONVERGED = 1e-8;
/** Share of the slope before a step that may be left behind it with the other sign. */
export const OVERSHOOT = 0.1;

/** Share of the mean variance that is added to each: invisible in weights, and enough for nets that say the same. */
export const RIDGE = 1e-12;

/**
 * Convex weights α ≥ 0, Σ α = 1 with the least cross-entropy of Σ_i α_i z_i, summed over the images.
 *
 * Newton's method: each step minimises the quadratic model over the simplex, pair by pair in closed form, and is halved
 * while it overshoots. The last step is below 1e-8, so α is good to about 1e-12 wherever the loss determines it.
 */
export function simplexWeights(table: ScoreTable): Float64Array {
  const { members } = table;
  let weights = new Float64Array(members).fill(1 / members);
  let model = quadratic(table, weights);
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const aim = quadraticMinimum(weights, model);
    const direction = aim.map((value, i) => value - weights[i]!);
    if (direction.every((value) => Math.abs(value) <= CONVERGED)) return aim;
    const slope = dot(model.gradient, direction);
    let next = aim;
    let there = quadratic(table, next);
    for (let share = 0.5; dot(there.gradient, direction) > -OVERSHOOT * slope && share > 1e-12; share /= 2) {
      next = weights.map((value, i) => value + share * direction[i]!);
      there = quadratic(table, next);
    }
    [weights, model] = [next, there];
  }
  return weights;
}

interface Quadratic {
  readonly gradient: Float64Array;
  readonly hessian: readonly Float64Array[];
}

/**
 * First and second derivatives of the summed cross-entropy: E_p[z_i − z_i[y]], and the covariance of z under p. Scores
 * are taken above that of the label, so that both vanish without rounding where the label has all the probability.
 */
function quadratic({ members, samples, classes, score, target }: ScoreTable, weights: Float64Array): Quadratic {
  const gradient = new Float64Array(members);
  const hessian = Array.from({ length: members }, () => new Float64Array(members));
  for (let s = 0; s < samples; s++) {
    const mixed = Float64Array.from(
      { length: classes },
      (_, k) => weights.reduce((sum, weight, i) => sum + weight * score(s, i, k), 0),
    );
    const p = softmax(mixed);
    const label = weights.map((_, i) => {
      let own = 0;
      for (let k = 0; k < classes; k++) own += target(s, k) * score(s, i, k);
      return own;
    });
    const mean = label.map((own, i) => p.reduce((sum, share, k) => sum + share * (score(s, i, k) - own), 0));
    for (let i = 0; i < members; i++) {
      gradient[i]! += mean[i]!;
      for (let j = 0; j < members; j++) {
        const product = p.reduce(
          (sum, share, k) => sum + share * (score(s, i, k) - label[i]!) * (score(s, j, k) - label[j]!),
          0,
        );
        hessian[i]![j]! += product - mean[i]! * mean[j]!;
      }
    }
  }
  return { gradient, hessian };
}

/** Minimum of g·(x − α) + ½ (x − α)ᵀ H (x − α) over the simplex: weight moves between two members at a time. */
function quadraticMinimum(weights: Float64Array, { gradient, hessian }: Quadratic): Float64Array<ArrayBuffer> {
  const x = Float64Array.from(weights);
  const slope = Float64Array.from(gradient);
  for (let sweep = 0; sweep < PAIR_SWEEPS; sweep++) {
    let moved = 0;
    for (let i = 0; i < x.length; i++) {
      for (let j = i + 1; j < x.length; j++) {
        const [a, b] = [hessian[i]!, hessian[j]!];
        const curvature = a[i]! + b[j]! - 2 * a[j]!;
        const wanted = (slope[j]! - slope[i]!) / Math.max(curvature, 1e-300);
        const move = Math.max(-x[i]!, Math.min(x[j]!, wanted));
        x[i]! += move;
        x[j]! -= move;
        for (let k = 0; k < x.length; k++) slope[k]! += move * (a[k]! - b[k]!);
        moved = Math.max(moved, Math.abs(move));
      }
    }
    if (moved <= 1e-15) break;
  }
  return x;
}

/** Mean over images of ⟨p_i − y, p_j − y⟩, p the softmax of a net's scores: the covariance C of the nets' errors. */
export function errorCovariance({ members, samples, classes, score, target }: ScoreTable): number[][] {
  const covariance = Array.from({ length: members }, () => new Array<number>(members).fill(0));
  for (let s = 0; s < samples; s++) {
    const errors = covariance.map((_, i) => {
      const scores = Float64Array.from({ length: classes }, (_, k) => score(s, i, k));
      return softmax(scores).map((share, k) => share - target(s, k));
    });
    errors.forEach((a, i) => errors.forEach((b, j) => covariance[i]![j]! += dot(a, b) / samples));
  }
  return covariance;
}

/**
 * Weights w = C⁻¹ 1 / (1ᵀ C⁻¹ 1), which make wᵀ C w least where Σ w = 1; they may be negative. 1e-12 · tr(C) / m is
 * added to the diagonal, so that nets that say the same share their weight.
 */
export function covarianceWeights(covariance: readonly (readonly number[])[]): Float64Array {
  const members = covariance.length;
  const ridge = RIDGE * covariance.reduce((trace, row, i) => trace + row[i]!, 0) / members;
  const rows = covariance.map((row, i) => [...row.map((value, j) => (i === j ? value + ridge : value)), 1]);
  for (let k = 0; k < members; k++) {
    for (let i = k + 1; i < members; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= members; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  const solved = new Float64Array(members);
  for (let i = members - 1; i >= 0; i--) {
    let rest = rows[i]![members]!;
    for (let j = i + 1; j < members; j++) rest -= rows[i]![j]! * solved[j]!;
    solved[i] = rest / rows[i]![i]!;
  }
  const total = solved.reduce((sum, value) => sum + value, 0);
  // Nets without any error leave a matrix of zeros, which prefers nobody.
  return Number.isFinite(total) && total !== 0 ? solved.map((value) => value / total) : solved.fill(1 / members);
}

function softmax(scores: Float64Array): Float64Array {
  const top = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
