/**
 * AMLN: adversarial-based mutual learning (Zhang et al. 2020).
 *
 * @module
 */

import { type AdversarialForm, deceive, discriminatorStages, tellApart } from "../dsl/adversarial.ts";
import type { Stage } from "../dsl/arch.ts";
import { SentenceError } from "../dsl/errors.ts";
import { flatten, meanOver, perSample, square, sub } from "../dsl/expr.ts";
import type { Aux, LossGraph, OptimizerOverride, Term, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { batchNorm, conv, globalPool, relu } from "../dsl/layers.ts";
import { term } from "../dsl/losses.ts";
import { type Member, type Method, method } from "../dsl/method.ts";
import { run, stop, tap } from "../dsl/value.ts";
import { lowerMutual } from "../dsl/verbs/mutual.ts";
import { requireKnown, requireOneOf, requirePositive, requireWeight } from "../dsl/verbs/options.ts";

/** Options of {@linkcode amln}; all but the kinds of losses are open in the sources, and their defaults neutral. */
export interface AmlnOptions {
  /** Temperature T of the divergences, open in the sources; 1. */
  readonly temperature?: number;
  /** Factor of the divergences, open in the sources; 1. */
  readonly weight?: Weight;
  /** Factor of each block's adversarial loss, open in the sources; 1. */
  readonly adversarialWeight?: Weight;
  /** Factor of each block's alignment loss, open in the sources; 1. */
  readonly alignmentWeight?: Weight;
  /** Form of the adversarial losses, open in the sources; `"leastSquares"`. */
  readonly adversarial?: AdversarialForm;
  /** Channels within a discriminator, open in the sources; 64. */
  readonly width?: number;
  /** Learning rate of the discriminators, open in the sources; `"run"` is that of the run. */
  readonly learningRate?: number | "run";
}

/** What {@linkcode amln} means when nothing more is said. */
export const amlnDefaults: Required<AmlnOptions> = Object.freeze({
  temperature: 1,
  weight: 1,
  adversarialWeight: 1,
  alignmentWeight: 1,
  adversarial: "leastSquares",
  width: 64,
  learningRate: "run",
});

/** What {@linkcode amln} needs: two peers with as many spots as each other. */
export type AmlnNeeds = { readonly peer: never };

/**
 * AMLN: two nets imitate each other's class scores, and after every block try to pass their map off as the other's and
 * to say from it what the other's last features are.
 *
 * With j the other net and F_il the map of net i at its spot l, net i learns `i/ce` and `i/dml`, see
 * {@linkcode lowerMutual}, and for every l `i/adversarial_l`, {@linkcode deceive} of F_il before the module
 * `i_discriminator_l`, and `i/alignment_l`, mean (A_il(F_il) − f_j)², f_j [B, C] the pooled map at the last spot of net
 * j, cut. The module `i_alignment_l`, part of net i, is A_il: 1×1 convolution to the C channels, batch norm, ReLU,
 * global pool. The module `i_discriminator_l` learns `i_discriminator_l/gan`, {@linkcode tellApart} of F_jl and F_il;
 * where the nets differ in channels there, F_il goes through `i_matching_l`, part of net i, a 1×1 convolution to those of
 * F_jl, before it is judged. All update from one forward, nets first.
 *
 * @throws {OptionError} If an option is outside its range.
 * @throws {SentenceError} If there are not two peers with equally many spots (when lowered).
 *
 * @example
 * ```ts
 * import { cohort, resnet8 } from "../dsl/mod.ts";
 * import { amln } from "./amln.ts";
 * const { terms } = cohort(resnet8, 2).use(amln({ alignmentWeight: 0.1 })).lower();
 * console.log(terms.map(({ name }) => name).filter((name) => name.startsWith("peer0/")).length); // 8
 * ```
 *
 * Source: Zhang, Lu, Gong, Luo, Liu 2020, "AMLN: Adversarial-based Mutual Learning Network for Online Knowledge
 * Distillation", as far as notes on it say; neither the paper nor code was at hand. Kinds of losses and what they
 * compare are the paper's. Weights, temperature, forms and the layers of discriminators and alignment are options or
 * this project's choice.
 */
export function amln(options: AmlnOptions = {}): Method<AmlnNeeds, never> {
  const settings = checked({ ...amlnDefaults, ...options });
  return method("amln", frozenOptions(settings, "amln()"), { needs: { peer: [] } }, (site): Partial<LossGraph> => {
    const [a, b] = site.peers;
    if (a === undefined || b === undefined || site.peers.length > 2 || a.spots.length !== b.spots.length) {
      const got = site.peers.map(({ id, spots }) => `${id} with ${spots.length} spots`).join(", ");
      throw new SentenceError(
        `Cannot lower amln(): it compares two peers block by block, got ${got}. Use two nets with equally many spots.`,
      );
    }
    const { temperature, weight } = settings;
    const blocks = [[a, b], [b, a]].flatMap(([own, other]) =>
      own!.spots.map((_, level) => blockOf(own!, other!, level, settings))
    );
    return {
      terms: [...lowerMutual(site, { temperature, weight }).terms ?? [], ...blocks.flatMap(({ terms }) => terms)],
      aux: blocks.flatMap(({ aux }) => aux),
      phases: [[a.id, b.id, ...blocks.map(({ judge }) => judge)]],
    };
  });
}

interface Block {
  readonly judge: string;
  readonly terms: readonly Term[];
  readonly aux: readonly Aux[];
}

/** What a net learns at one of its spots, the modules there, and what its discriminator learns. */
function blockOf(own: Member, other: Member, level: number, settings: Required<AmlnOptions>): Block {
  const { adversarial, adversarialWeight, alignmentWeight, width, learningRate } = settings;
  const spot = own.spots[level]!;
  const [judge, align, match] = ["discriminator", "alignment", "matching"].map((what) => `${own.id}_${what}_${spot}`);
  const map = tap(own, spot);
  const theirs = tap(other, other.spots[level]!);
  const matched = own.channels[level] !== other.channels[level];
  const judged = matched ? run(match!, "map", { to: "map", input: map }) : map;
  const last = flatten(meanOver(tap(other, other.spots.at(-1)!), [2, 3]));
  const said = run(align!, "vector", { to: "embedding", input: map });
  const optimizer: OptimizerOverride = learningRate === "run" ? {} : { learningRate };
  return {
    judge: judge!,
    terms: [
      term(`${own.id}/adversarial_${spot}`, [own.id], deceive(judge!, judged, adversarial), adversarialWeight),
      term(`${own.id}/alignment_${spot}`, [own.id], perSample(square(sub(said, stop(last)))), alignmentWeight),
      term(`${judge}/gan`, [judge!], tellApart(judge!, theirs, judged, adversarial)),
    ],
    aux: [
      { id: judge!, group: judge!, stages: discriminatorStages(width), optimizer },
      { id: align!, group: own.id, stages: alignmentStages(other.channels.at(-1)!) },
      ...(matched ? [{ id: match!, group: own.id, stages: matchingStages(other.channels[level]!) }] : []),
    ].map((module) => Object.freeze(module)),
  };
}

function alignmentStages(channels: number): readonly Stage[] {
  const layers = [conv("conv", channels, { kernel: 1 }), batchNorm("bn"), relu, globalPool];
  return Object.freeze([Object.freeze({ spot: "embedding", layers: Object.freeze(layers) })]);
}

function matchingStages(channels: number): readonly Stage[] {
  const layers = [conv("conv", channels, { kernel: 1 })];
  return Object.freeze([Object.freeze({ spot: "map", layers: Object.freeze(layers) })]);
}

function checked(settings: Required<AmlnOptions>): Required<AmlnOptions> {
  requireKnown("amln()", settings, amlnDefaults);
  requirePositive("amln()", "temperature", settings.temperature);
  requireWeight("amln()", "weight", settings.weight);
  requireWeight("amln()", "adversarialWeight", settings.adversarialWeight);
  requireWeight("amln()", "alignmentWeight", settings.alignmentWeight);
  requireOneOf("amln()", "adversarial", settings.adversarial, ["leastSquares", "crossEntropy"]);
  requirePositive("amln()", "width", settings.width);
  if (settings.learningRate !== "run") requirePositive("amln()", "learningRate", settings.learningRate);
  return settings;
}
