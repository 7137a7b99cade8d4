/**
 * Values that are measured between the epochs, on held-out images, and set in every step of the next epoch.
 *
 * @module
 */

import type { OpenDataset } from "../../dsl/data.ts";
import { SentenceError } from "../../dsl/errors.ts";
import type { LossGraph, Measure } from "../../dsl/graph.ts";
import type { Numbers } from "../backend/backend.ts";
import { covarianceWeights, errorCovariance } from "../ir/simplex.ts";
import type { Session } from "./session.ts";

/** Values by the names under which a step reads them. */
export type Measured = Readonly<Record<string, number>>;

/** What an epoch before the first would have measured: each of m nets has the weight 1 / m. */
export function unmeasured({ measures = [] }: LossGraph): Measured {
  return Object.fromEntries(measures.flatMap(({ names }) => names.map((name) => [name, 1 / names.length])));
}

/**
 * Does nothing if every measured value has something that measures it, and images to measure on.
 *
 * @throws {SentenceError} If not.
 */
export function requireMeasurable(
  { compiled }: Pick<Session, "compiled">,
  data: Pick<OpenDataset, "kind" | "validation">,
): void {
  const { measures = [] } = compiled.plan.graph;
  const weights = Object.values(compiled.weights).flatMap((weight) =>
    typeof weight === "object" && "measured" in weight ? [weight.measured] : []
  );
  const known = new Set(measures.flatMap(({ names }) => names));
  const stranger = [...compiled.measured, ...weights].find((name) => !known.has(name));
  if (stranger !== undefined) {
    throw new SentenceError(
      `Cannot train: every measured value has something that measures it, got "${stranger}". ` +
        "Use a number or a ramp instead.",
    );
  }
  const [first] = known;
  if (first === undefined || data.validation !== undefined) return;
  throw new SentenceError(
    `Cannot train: "${first}" is measured on validation images after every epoch, got no such part of ${data.kind}. ` +
      "Say .on(withSplit(dataset, { validation: 0.1 })), which takes them from the training images.",
  );
}

/** Gathers class scores of held-out images, batch by batch. */
export class Measurement {
  readonly #measures: readonly Measure[];
  /** Sums of products of errors, a matrix a measure. */
  readonly #sums: readonly (readonly number[][])[];
  #images = 0;

  /** For the measures of a loss graph. */
  constructor({ measures = [] }: LossGraph) {
    this.#measures = measures;
    this.#sums = measures.map(({ nets }) => nets.map(() => nets.map(() => 0)));
  }

  /** Adds one batch of scores, `[count, classes]` each. */
  add(scores: Readonly<Record<string, Numbers>>, labels: ArrayLike<number>): void {
    const samples = labels.length;
    this.#measures.forEach(({ nets }, position) => {
      const tables = nets.map((net) => scores[net]!);
      const classes = tables[0]!.length / samples;
      const covariance = errorCovariance({
        members: nets.length,
        samples,
        classes,
        score: (sample, member, label) => tables[member]![sample * classes + label]!,
        target: (sample, label) => Number(labels[sample] === label),
      });
      const sums = this.#sums[position]!;
      covariance.forEach((row, i) => row.forEach((value, j) => sums[i]![j]! += samples * value));
    });
    this.#images += samples;
  }

  /** What the images so far say. */
  result(): Measured {
    return Object.fromEntries(this.#measures.flatMap(({ names }, position) => {
      const covariance = this.#sums[position]!.map((row) => row.map((sum) => sum / this.#images));
      const weights = covarianceWeights(covariance);
      return names.map((name, i) => [name, weights[i]!] as const);
    }));
  }
}
