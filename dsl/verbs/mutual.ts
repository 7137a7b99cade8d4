/**
 * `mutual()`: nets learn from each other's class scores (deep mutual learning).
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { add, mul } from "../expr.ts";
import type { LossGraph, Term, Weight } from "../graph.ts";
import { crossEntropy, kl, meanOf, supervision, term } from "../losses.ts";
import type { Member, Site } from "../method.ts";
import { live, logits, run, type Value } from "../value.ts";
import { requireNotNegative, requireOneOf, requirePositive, requireWeight } from "./options.ts";
import { switchFactors } from "./switch.ts";

/** Options of `mutual()`. */
export interface MutualOptions {
  /** Temperature T; 1 (Zhang et al. 2018), 2 in FFSD, 3 in the OKDDip repository. */
  readonly temperature?: number;
  /** Whether the divergence is multiplied by T²; yes. */
  readonly squared?: boolean;
  /**
   * Imitate each of the others and take the mean of the divergences, or their sum (SwitOKD, what `switch()` fills in),
   * or imitate the mean of their class scores.
   */
  readonly target?: "each" | "sum" | "mean";
  /** Whether gradient also reaches the nets that are imitated; no. The OKDDip repository leaves targets live. */
  readonly live?: boolean;
  /** Added to target probabilities; 0, or 1e-7 in the OKDDip repository. */
  readonly epsilon?: number;
  /** Whether all nets update from one forward, or one after the other from fresh forwards (Zhang et al., algorithm 1). */
  readonly order?: "simultaneous" | "sequential";
  /** Factor of the divergence; 1. The OKDDip repository ramps it up over 80 epochs from epoch 0. */
  readonly weight?: Weight;
  /** Factor of the divergence for nets that are teachers (β in SwitOKD); `weight` unless said. */
  readonly teacherWeight?: Weight;
}

/** Options of `mutual()` with everything filled in. */
export type MutualSettings = Required<Omit<MutualOptions, "teacherWeight">> & Pick<MutualOptions, "teacherWeight">;

/** What `mutual()` means when nothing more is said: DML as its re-implementations run it. */
export const mutualDefaults: Required<Omit<MutualOptions, "teacherWeight">> = Object.freeze({
  temperature: 1,
  squared: true,
  target: "each",
  live: false,
  epsilon: 0,
  order: "simultaneous",
  weight: 1,
});

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range, or live targets are asked for one net after the other.
 */
export function mutualOptions(options: MutualOptions = {}): MutualSettings {
  const settings = { ...mutualDefaults, ...options };
  requirePositive("mutual()", "temperature", settings.temperature);
  requireOneOf("mutual()", "squared", settings.squared, [true, false]);
  requireOneOf("mutual()", "target", settings.target, ["each", "sum", "mean"]);
  requireOneOf("mutual()", "live", settings.live, [true, false]);
  requireNotNegative("mutual()", "epsilon", settings.epsilon);
  requireOneOf("mutual()", "order", settings.order, ["simultaneous", "sequential"]);
  requireWeight("mutual()", "weight", settings.weight);
  if (settings.teacherWeight !== undefined) requireWeight("mutual()", "teacherWeight", settings.teacherWeight);
  if (settings.live && settings.order === "sequential") {
    throw new OptionError(
      "Cannot say mutual(): live targets need all nets to update from one forward, got sequential order. " +
        'Say order: "simultaneous".',
    );
  }
  return settings;
}

/**
 * Terms of `mutual()`: for each net i that someone teaches `i/ce`, cross-entropy, and `i/dml`,
 * weight · T² / n · Σ_j KL(j → i) over the n nets j that teach it, all other peers unless edges say who.
 *
 * `target: "sum"` leaves the 1 / n out; `"mean"` takes one divergence from the mean of the n class scores instead. With
 * `live` the nets j learn from `i/dml` as well. A teacher whom nobody teaches is frozen and runs with its running
 * statistics. Where the sentence says `switch()`, a teacher of several students does not imitate those in whose pair it
 * is in expert mode: their divergence has a factor of 0.
 *
 * @throws {OptionError} If an option is outside its range, or live targets are asked for one net after the other.
 *
 * Source: Zhang, Xiang, Hospedales, Lu 2018, equations 2–8; T = 1 there. Their algorithm 1 is `order: "sequential"`.
 */
export function lowerMutual(site: Site, options: MutualOptions = {}): Partial<LossGraph> {
  const settings = mutualOptions(options);
  const learners = site.members.filter((member) => sourcesOf(site, member).length > 0);
  const terms = learners.flatMap((member) => [labelled(site, member), imitation(site, member, learners, settings)]);
  return settings.order === "sequential" ? { terms, phases: learners.map(({ id }) => [id]) } : { terms };
}

/** Cross-entropy of a net, with the factor of a switch that does not pause it as a whole. */
function labelled(site: Site, member: Member): Term {
  const { rest } = switchFactors(site, member);
  return rest === undefined
    ? supervision(member)
    : term(`${member.id}/ce`, [member.id], mul(crossEntropy(logits(member)), rest));
}

function imitation(site: Site, member: Member, learners: readonly Member[], options: MutualSettings): Term {
  const { temperature, squared, epsilon, target } = options;
  const factors = switchFactors(site, member);
  const sources = sourcesOf(site, member);
  const open = <K extends "logits">(value: Value<K>): Value<K> => options.live ? live(value) : value;
  const divergence = { temperature, squared, epsilon };
  const from = (scores: Value<"logits">): Value<"sample"> => kl(logits(member), open(scores), divergence);
  const losses = target === "mean"
    ? [times(from(meanOf(sources.map((source) => scoresOf(source, learners)))), factors.rest)]
    : sources.map((source) => times(from(scoresOf(source, learners)), factors.of(source.id) ?? factors.rest));
  const loss = target === "each" ? meanOf(losses) : losses.reduce((sum, more) => add(sum, more));
  const reached = options.live ? sources.filter((source) => learners.includes(source)) : [];
  const weight = member.role === "teacher" ? options.teacherWeight ?? options.weight : options.weight;
  return term(`${member.id}/dml`, [member.id, ...reached.map(({ id }) => id)], loss, weight);
}

function times(loss: Value<"sample">, factor: Value<"scalar"> | undefined): Value<"sample"> {
  return factor === undefined ? loss : mul(loss, factor);
}

/** Who teaches a net: the edges that end at it, or every other peer where there are none. The leader stays apart. */
function sourcesOf(site: Site, member: Member): readonly Member[] {
  if (member.role === "leader") return [];
  const others = site.members.filter((other) => other.role !== "leader" && other.id !== member.id);
  return site.edges.length === 0
    ? others
    : others.filter((other) => site.edges.some(([from, to]) => from === other.id && to === member.id));
}

function scoresOf(source: Member, learners: readonly Member[]): Value<"logits"> {
  return source.role === "teacher" && !learners.includes(source)
    ? run(source.id, "logits", { mode: "eval", view: source.view })
    : logits(source);
}
