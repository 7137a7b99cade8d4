/**
 * Measures of a cohort on held-out images: every member, the ensemble, the oracle, and how alike the peers are.
 *
 * @module
 */

import type { Numbers } from "../backend/backend.ts";

/** Shares of images, in [0, 1]. */
export interface Accuracy {
  /** The best class is right. */
  readonly top1: number;
  /** The right class is among the five best (all of them when there are fewer). */
  readonly top5: number;
}

/** What one evaluation measured. */
export interface Metrics {
  /** Number of images. */
  readonly images: number;
  /** Every net and head by name. */
  readonly members: Readonly<Record<string, Accuracy>>;
  /** Mean of the ensemble's logits; absent with fewer than two nets in it. */
  readonly ensemble?: Accuracy;
  /**
   * Share of images that at least one net of the ensemble gets right: an upper bound that no classifier reaches by
   * itself. FFSD's published "Ens" column is this.
   */
  readonly oracle?: number;
  /**
   * Mean cosine of the softmax outputs of each pair of the ensemble, over images: 1 means that they say the same.
   * (Our measure; the papers give theirs on feature maps.)
   */
  readonly similarity?: number;
}

/** Gathers scores batch by batch. */
export class MetricsCounter {
  readonly #ensemble: readonly string[];
  readonly #hits = new Map<string, { top1: number; top5: number }>();
  #images = 0;
  #oracle = 0;
  #similarity = 0;

  /** `ensemble` names the nets whose mean logits are measured: the common students of a cohort. */
  constructor(ensemble: readonly string[]) {
    this.#ensemble = ensemble.length > 1 ? ensemble : [];
  }

  /** Adds one batch of scores, `[count, classes]` each. */
  add(scores: Readonly<Record<string, Numbers>>, labels: ArrayLike<number>): void {
    const count = labels.length;
    const mean = this.#meanScores(scores, count);
    for (const [name, values] of Object.entries(mean === undefined ? scores : { ...scores, [ENSEMBLE]: mean })) {
      const hits = this.#hits.get(name) ?? { top1: 0, top5: 0 };
      this.#hits.set(name, hits);
      const classes = values.length / count;
      for (let i = 0; i < count; i++) {
        const rank = rankOf(values, i * classes, classes, labels[i]!);
        hits.top1 += Number(rank < 1);
        hits.top5 += Number(rank < 5);
      }
    }
    for (let i = 0; i < count && this.#ensemble.length > 0; i++) {
      const rows = this.#ensemble.map((name) => row(scores[name]!, i, count));
      this.#oracle += Number(rows.some((values) => rankOf(values, 0, values.length, labels[i]!) === 0));
      this.#similarity += meanCosine(rows.map(softmax));
    }
    this.#images += count;
  }

  /** Everything measured so far. */
  result(): Metrics {
    const share = ({ top1, top5 }: Accuracy): Accuracy => ({ top1: top1 / this.#images, top5: top5 / this.#images });
    const members = Object.fromEntries(
      [...this.#hits].filter(([name]) => name !== ENSEMBLE).map(([name, hits]) => [name, share(hits)]),
    );
    const ensemble = this.#hits.get(ENSEMBLE);
    if (ensemble === undefined) return { images: this.#images, members };
    return {
      images: this.#images,
      members,
      ensemble: share(ensemble),
      oracle: this.#oracle / this.#images,
      similarity: this.#similarity / this.#images,
    };
  }

  #meanScores(scores: Readonly<Record<string, Numbers>>, count: number): Float64Array | undefined {
    const [first, ...rest] = this.#ensemble.map((name) => scores[name]!);
    if (first === undefined || count === 0) return undefined;
    const mean = Float64Array.from(first);
    for (const values of rest) mean.forEach((value, i) => mean[i] = value + values[i]!);
    return mean.map((value) => value / this.#ensemble.length);
  }
}

const ENSEMBLE = "\u0000ensemble";

/** Number of classes that score higher than the right one; of equal scores the earlier class comes first, and NaN before all. */
function rankOf(values: Numbers, start: number, classes: number, label: number): number {
  const own = values[start + label]!;
  let rank = 0;
  for (let c = 0; c < classes; c++) {
    const other = values[start + c]!;
    if (other > own || (other === own && c < label) || Number.isNaN(own) || Number.isNaN(other)) rank++;
  }
  return rank;
}

function row(values: Numbers, index: number, count: number): Float64Array {
  const classes = values.length / count;
  return Float64Array.from(values.subarray(index * classes, (index + 1) * classes));
}

function softmax(scores: Float64Array): Float64Array {
  const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

function meanCosine(rows: readonly Float64Array[]): number {
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  let total = 0;
  let pairs = 0;
  rows.forEach((a, i) =>
    rows.slice(i + 1).forEach((b) => {
      total += dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
      pairs++;
    })
  );
  return total / pairs;
}
