import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { stream } from "../../../dsl/random.ts";
import { covarianceWeights, errorCovariance, type ScoreTable, simplexWeights } from "../../../runtime/ir/simplex.ts";
import golden from "../../golden/parity/golden.json" with { type: "json" };

/** Drawn scores of some nets, with drawn labels. */
function drawn(seed: number, members: number, samples: number, classes: number, size: number): ScoreTable {
  const [scores, labels] = [stream(seed, "scores"), stream(seed, "labels")];
  return {
    members,
    samples,
    classes,
    score: (sample, member, label) => size * scores.normal((sample * members + member) * classes + label),
    target: (sample, label) => Number(labels.integer(sample, classes) === label),
  };
}

/** Summed cross-entropy of the weighted scores. */
function loss({ members, samples, classes, score, target }: ScoreTable, weights: ArrayLike<number>): number {
  let total = 0;
  for (let s = 0; s < samples; s++) {
    const mixed = Array.from({ length: classes }, (_, k) => {
      let sum = 0;
      for (let i = 0; i < members; i++) sum += weights[i]! * score(s, i, k);
      return sum;
    });
    const top = Math.max(...mixed);
    const norm = top + Math.log(mixed.reduce((sum, value) => sum + Math.exp(value - top), 0));
    for (let k = 0; k < classes; k++) total += target(s, k) * (norm - mixed[k]!);
  }
  return total;
}

/** The golden inputs: two nets on four samples of five classes. */
const pair: ScoreTable = {
  members: 2,
  samples: 4,
  classes: 5,
  score: (sample, member, label) => {
    const i = sample * 5 + label;
    return member === 0 ? 3 * Math.sin(0.7 * i + 0.2) : 3 * Math.cos(0.9 * i + 0.5);
  },
  target: (sample, label) => Number([0, 3, 1, 4][sample] === label),
};

Deno.test("simplexWeights() finds the golden weights of a batch", () => {
  const [alpha] = simplexWeights(pair);
  // The golden value was found to four places; its loss is flat there and known to twelve.
  assertAlmostEquals(alpha!, golden["KDCL linear (one alpha for the batch) alpha_1"], 1e-4);
  assertAlmostEquals(loss(pair, simplexWeights(pair)) / 4, golden["KDCL linear CE"], 1e-8);
});

for (const members of [2, 3, 4, 6]) {
  Deno.test(`simplexWeights() of ${members} nets are convex, and no other convex weights are better`, () => {
    for (let seed = 0; seed < 40; seed++) {
      const table = drawn(seed, members, seed % 3 === 0 ? 5 : 1, 4 + seed % 5, [0.1, 1, 10, 100][seed % 4]!);
      const weights = simplexWeights(table);
      assert(weights.every((weight) => weight >= 0));
      assertAlmostEquals(weights.reduce((sum, weight) => sum + weight, 0), 1, 1e-12); // some thousand moves of weight, each rounded
      const least = loss(table, weights);
      // The loss is convex: where no step towards a corner lowers it to first order, it is the least there is.
      for (let i = 0; i < members; i++) {
        for (const step of [1e-3, 0.1, 1]) {
          const other = weights.map((weight, j) => (1 - step) * weight + step * Number(i === j));
          assert(loss(table, other) >= least - 1e-9 * Math.max(1, least), `seed ${seed}, corner ${i}, step ${step}`);
        }
      }
    }
  });
}

Deno.test("simplexWeights() gives all to a net that is always better, and shares among equal ones", () => {
  const better: ScoreTable = {
    ...pair,
    score: (sample, member, label) => (1 - member) * 5 * pair.target(sample, label),
  };
  assertEquals([...simplexWeights(better)], [1, 0]);
  const equal: ScoreTable = { ...pair, score: (sample, _, label) => pair.score(sample, 0, label) };
  assertEquals([...simplexWeights(equal)], [0.5, 0.5]);
});

Deno.test("errorCovariance() and covarianceWeights() repeat the golden values", () => {
  const covariance = errorCovariance(pair);
  covariance.flat().forEach((value, i) => assertAlmostEquals(value, golden["KDCL general C"].flat()[i]!, 1e-12));
  covarianceWeights(covariance).forEach((weight, i) => assertAlmostEquals(weight, golden["KDCL general w"][i]!, 1e-10));
});

Deno.test("covarianceWeights() may be negative, sum to 1 and make the variance least", () => {
  const matrix = [[2, 1.5, 0.1], [1.5, 1.2, 0.2], [0.1, 0.2, 1]];
  const variance = (w: ArrayLike<number>): number =>
    matrix.reduce((sum, row, i) => sum + row.reduce((part, value, j) => part + value * w[i]! * w[j]!, 0), 0);
  const weights = covarianceWeights(matrix);
  assert(weights.some((weight) => weight < 0));
  assertAlmostEquals(weights.reduce((sum, weight) => sum + weight, 0), 1, 1e-14);
  for (const [i, j] of [[0, 1], [1, 2], [2, 0]] as const) {
    for (const step of [-0.01, 0.01]) {
      const other = weights.map((weight, k) => weight + (k === i ? step : k === j ? -step : 0));
      assert(variance(other) > variance(weights));
    }
  }
});

Deno.test("covarianceWeights() shares the weight of nets that say the same, or that make no mistake", () => {
  covarianceWeights([[1, 1], [1, 1]]).forEach((weight) => assertAlmostEquals(weight, 0.5, 1e-3)); // rounding over 1e-12
  assertEquals([...covarianceWeights([[0, 0], [0, 0]])], [0.5, 0.5]);
});
