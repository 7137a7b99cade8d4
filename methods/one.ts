/**
 * ONE: knowledge distillation by an on-the-fly native ensemble (Zhu, Gong, Xu 2018).
 *
 * @module
 */

import { SentenceError } from "../dsl/errors.ts";
import { columnsOf, softmax } from "../dsl/expr.ts";
import type { Aux, LossGraph, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { batchNorm, globalPool, linear, relu } from "../dsl/layers.ts";
import { crossEntropy, kl, mixtureOf, supervision, term } from "../dsl/losses.ts";
import { type Member, type Method, method, type Site } from "../dsl/method.ts";
import { live, logits, run, tap, type Value } from "../dsl/value.ts";
import {
  rampUp,
  requireKnown,
  requireNotNegative,
  requireOneOf,
  requirePositive,
  requireWeight,
} from "../dsl/verbs/options.ts";

/** Options of {@linkcode one}. */
export interface OneOptions {
  /** Temperature T; 3 (paper and code). */
  readonly temperature?: number;
  /** Factor w of the divergences; 1 after a ramp-up of 80 epochs (code). */
  readonly weight?: Weight;
  /** Added to target probabilities; 1e-7 (code). */
  readonly epsilon?: number;
  /** Whether gradient of the divergences also reaches gate and branches through the target; no. OKDDip's code says yes. */
  readonly live?: boolean;
}

/** What {@linkcode one} means when nothing more is said. */
export const oneDefaults: Required<OneOptions> = Object.freeze({
  temperature: 3,
  weight: rampUp(1),
  epsilon: 1e-7,
  live: false,
});

/** What {@linkcode one} needs: branches. */
export type OneNeeds = { readonly peer: never; readonly trunk: never };

/**
 * Branches learn from an ensemble of themselves, mixed image by image by a gate.
 *
 * The gate reads the trunk's last map [B, C, H, W]: global pool, linear, batch norm, ReLU, softmax, one share g_i a
 * branch; z_e = Σ g_i z_i [B, K]. Branch i learns `i/ce`, cross-entropy, and `i/one`, w · T² · KL(z_e → z_i); gate and
 * branches learn `ensemble/ce`, cross-entropy of z_e. `ensemble` is a head of its own. A leader is no part of the
 * ensemble: it learns what `leader()` says.
 *
 * @throws {OptionError} If an option is unknown or outside its range.
 *
 * @example
 * ```ts
 * import { branches, resnet8 } from "../dsl/mod.ts";
 * import { one } from "./one.ts";
 * const { terms } = branches(resnet8, 2, { from: "layer2" }).use(one()).lower();
 * console.log(terms.map((term) => term.name));
 * // ["peer0/ce", "peer0/one", "peer1/ce", "peer1/one", "ensemble/ce"]
 * ```
 *
 * Source: Zhu, Gong, Xu 2018, "Knowledge Distillation by On-the-Fly Native Ensemble", with the constants of the released
 * code. Its pooling window of 16 is the whole map on CIFAR; here it is always global. It measures the first branch; here
 * every branch is evaluated and written. `live: true` is ONE as the code of Chen et al. 2020 (OKDDip) runs it.
 */
export function one(options: OneOptions = {}): Method<OneNeeds, never> {
  const settings = checked(options);
  return method(
    "one",
    frozenOptions(settings, "one()"),
    { needs: { peer: [], trunk: [] } },
    (site) => lowerOne(site, settings),
  );
}

function lowerOne(site: Site, { temperature, weight, epsilon, live: open }: Required<OneOptions>): Partial<LossGraph> {
  const peers = branchesOf(site);
  const mixed = mixture(peers, site.trunk!.from);
  const target = open ? live(mixed) : mixed;
  const all = peers.map(({ id }) => id);
  return {
    terms: [
      ...peers.flatMap((peer) => [
        supervision(peer),
        term(`${peer.id}/one`, open ? all : [peer.id], kl(logits(peer), target, { temperature, epsilon }), weight),
      ]),
      term("ensemble/ce", all, crossEntropy(mixed)),
    ],
    aux: [gate(peers.length)],
    heads: [Object.freeze({ name: "ensemble", logits: mixed })],
  };
}

function gate(branches: number): Aux {
  const layers = Object.freeze([globalPool, linear("fc", branches), batchNorm("bn"), relu]);
  return Object.freeze({
    id: "gate",
    group: "trunk",
    stages: Object.freeze([Object.freeze({ spot: "shares", layers })]),
  });
}

/** Σ g_i z_i. */
function mixture(peers: readonly Member[], from: string): Value<"logits"> {
  const shares = softmax(run("gate", "vector", { to: "shares", input: tap(peers[0]!, from) }));
  return mixtureOf(peers.map((peer) => logits(peer)), columnsOf(shares, peers.length));
}

function branchesOf({ peers, trunk }: Site): readonly Member[] {
  if (trunk === undefined || peers.length < 2) {
    throw new SentenceError(
      `Cannot lower one(): its ensemble has two or more branches of one trunk, got ${peers.length}` +
        `${trunk === undefined ? " nets without" : ""}. Start from branches(resnet32, 3, { from: "layer2" }).`,
    );
  }
  return peers;
}

function checked(options: OneOptions): Required<OneOptions> {
  requireKnown("one()", options, oneDefaults);
  const settings = { ...oneDefaults, ...options };
  requirePositive("one()", "temperature", settings.temperature);
  requireWeight("one()", "weight", settings.weight);
  requireNotNegative("one()", "epsilon", settings.epsilon);
  requireOneOf("one()", "live", settings.live, [true, false]);
  return settings;
}
