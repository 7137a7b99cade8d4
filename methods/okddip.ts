/**
 * OKDDip: online knowledge distillation with diverse peers (Chen, Mei, Wang, Feng, Chen 2020).
 *
 * @module
 */

import { ShapeError } from "../dsl/errors.ts";
import { columnsOf, concat, mul, softmax, sumOver } from "../dsl/expr.ts";
import type { Aux, LossGraph, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { linear } from "../dsl/layers.ts";
import { kl, meanOf, mixtureOf, supervision, term } from "../dsl/losses.ts";
import { type Member, type Method, method, type Site } from "../dsl/method.ts";
import { embedding, live, logits, run, type Value } from "../dsl/value.ts";
import { leaderAndPeers } from "../dsl/verbs/fuse.ts";
import {
  rampUp,
  requireKnown,
  requireNotNegative,
  requirePositive,
  requireWeight,
  requireWhole,
} from "../dsl/verbs/options.ts";

/** Options of {@linkcode okddip}. */
export interface OkddipOptions {
  /** Temperature T; 3 (paper and code). */
  readonly temperature?: number;
  /** Factor w of both divergences; 1 after a ramp-up of 80 epochs (code). */
  readonly weight?: Weight;
  /** Added to target probabilities; 1e-7 (code). */
  readonly epsilon?: number;
  /** How many times narrower than embeddings the projections are; 8 (code). */
  readonly reduction?: number;
}

/** What {@linkcode okddip} means when nothing more is said. */
export const okddipDefaults: Required<OkddipOptions> = Object.freeze({
  temperature: 3,
  weight: rampUp(1),
  epsilon: 1e-7,
  reduction: 8,
});

/** What {@linkcode okddip} needs: auxiliary peers and a group leader, nets of their own or branches. */
export type OkddipNeeds = { readonly peer: never; readonly leader: never };

/**
 * Every auxiliary peer weighs the others, and itself, by attention and learns from its own mixture; the group leader
 * learns from their mean.
 *
 * Peer a has the embedding h_a [B, D], q_a = W_q h_a and k_a = W_k h_a [B, D/8] by projections without bias that all
 * peers share; A_ab = softmax over b of q_a · k_b, image by image, and z̃_a = Σ_b A_ab z_b [B, K]. Peers learn `a/ce`,
 * cross-entropy, and `a/okddip`, w · T² · KL(z̃_a → z_a); the leader learns `leader/ce` and `leader/okddip`,
 * w · T² · KL(mean of z_a → z_leader).
 *
 * Targets are live: gradients pass through them into the peers and into W_q and W_k, which learn in no other way, and
 * from the leader's term into the peers. On `branches(...)` peers, leader and projections are one group; on
 * `cohort(...)` the projections are the group `attention` beside the nets.
 *
 * @throws {OptionError} If an option is unknown or outside its range.
 *
 * @example
 * ```ts
 * import { branches, cohort, resnet8 } from "../dsl/mod.ts";
 * import { okddip } from "./okddip.ts";
 * const shared = branches(resnet8, 4, { from: "layer2" }).leader().use(okddip()).lower();
 * const apart = cohort(resnet8, 4).leader().use(okddip()).lower();
 * console.log(shared.phases, apart.phases); // [["trunk"]], [["peer0", "peer1", "peer2", "attention", "leader"]]
 * ```
 *
 * Source: Chen, Mei, Wang, Feng, Chen 2020, "Online Knowledge Distillation with Diverse Peers"; followed where paper and
 * released code differ: the code. It mixes class scores where the paper mixes predictions, and cuts no target. Energies
 * are not divided by √D. The release has one optimizer for all; here groups with equal settings are the same.
 */
export function okddip(options: OkddipOptions = {}): Method<OkddipNeeds, never> {
  const settings = checked(options);
  return method(
    "okddip",
    frozenOptions(settings, "okddip()"),
    { needs: { peer: [], leader: [] } },
    (site) => lowerOkddip(site, settings),
  );
}

function lowerOkddip(site: Site, settings: Required<OkddipOptions>): Partial<LossGraph> {
  const { temperature, weight, epsilon, reduction } = settings;
  const { leader, peers } = leaderAndPeers(site, "okddip()");
  const group = site.trunk === undefined ? "attention" : site.trunk.id;
  const width = projectionWidth(peers, reduction);
  const all = peers.map(({ id }) => id);
  const divergence = { temperature, epsilon };
  return {
    terms: [
      ...peers.flatMap((peer) => [
        supervision(peer),
        term(`${peer.id}/okddip`, [...all, group], kl(logits(peer), live(mixture(peer, peers)), divergence), weight),
      ]),
      supervision(leader),
      term(
        `${leader.id}/okddip`,
        [leader.id, ...all],
        kl(logits(leader), live(meanOf(peers.map(logits))), divergence),
        weight,
      ),
    ],
    aux: [projection("query", group, width), projection("key", group, width)],
  };
}

/** z̃_a = Σ_b A_ab z_b. */
function mixture(peer: Member, peers: readonly Member[]): Value<"logits"> {
  const query = projected("query", peer);
  const energies = peers.map((other) => sumOver(mul(query, projected("key", other)), [1]));
  return mixtureOf(peers.map((other) => logits(other)), columnsOf(softmax(concat(energies)), peers.length));
}

function projected(module: string, peer: Member): Value<"vector"> {
  return run(module, "vector", { to: "vector", input: embedding(peer) });
}

function projection(id: string, group: string, width: number): Aux {
  const layers = Object.freeze([linear("fc", width, { bias: false })]);
  return Object.freeze({ id, group, stages: Object.freeze([Object.freeze({ spot: "vector", layers })]) });
}

function projectionWidth(peers: readonly Member[], reduction: number): number {
  const widths = [...new Set(peers.map(({ width }) => width))];
  const [width = NaN] = widths;
  if (widths.length > 1 || !(width >= reduction)) {
    throw new ShapeError(
      `Cannot lower okddip(): its peers share projections of embeddings of one size, at least ${reduction}, ` +
        `got ${widths.join(" and ")}. Use peers of one kind.`,
    );
  }
  return Math.floor(width / reduction);
}

function checked(options: OkddipOptions): Required<OkddipOptions> {
  requireKnown("okddip()", options, okddipDefaults);
  const settings = { ...okddipDefaults, ...options };
  requirePositive("okddip()", "temperature", settings.temperature);
  requireWeight("okddip()", "weight", settings.weight);
  requireNotNegative("okddip()", "epsilon", settings.epsilon);
  requireWhole("okddip()", "reduction", settings.reduction);
  return settings;
}
