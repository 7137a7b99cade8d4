/**
 * AFD: feature-map-level online adversarial knowledge distillation (Chung et al. 2020).
 *
 * @module
 */

import { deceive, discriminatorStages, tellApart } from "../dsl/adversarial.ts";
import type { Stage } from "../dsl/arch.ts";
import { MissingRoleError, UnknownSpotError } from "../dsl/errors.ts";
import type { Aux, FurtherGroup, LossGraph, Term, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { conv } from "../dsl/layers.ts";
import { term } from "../dsl/losses.ts";
import { type Member, type Method, method } from "../dsl/method.ts";
import { run, tap, type Value } from "../dsl/value.ts";
import { lowerMutual } from "../dsl/verbs/mutual.ts";
import { requireNotNegative, requirePositive, requireWeight } from "../dsl/verbs/options.ts";

/** Options of {@linkcode afd}. */
export interface AfdOptions {
  /** Temperature T of the divergences; 3. */
  readonly temperature?: number;
  /** Factor of the divergences; 1. */
  readonly weight?: Weight;
  /** Spot whose maps the discriminators see; the deepest of each net unless said. */
  readonly at?: string;
  /** Adam's learning rate of the adversarial losses, for nets and discriminators; 2e-5. */
  readonly learningRate?: number;
  /** Weight decay of the adversarial losses, for nets and discriminators; 0.1. */
  readonly weightDecay?: number;
  /** Channels within a discriminator, which the sources leave open; 64. */
  readonly width?: number;
}

/** What {@linkcode afd} means when nothing more is said. */
export const afdDefaults: Required<Omit<AfdOptions, "at">> = Object.freeze({
  temperature: 3,
  weight: 1,
  learningRate: 2e-5,
  weightDecay: 0.1,
  width: 64,
});

/** What {@linkcode afd} needs: peers. */
export type AfdNeeds = { readonly peer: never };

/**
 * AFD: peers imitate each other's class scores, and each tries to make a discriminator believe that its deepest map
 * comes from another peer.
 *
 * A step has two phases, the second on a fresh forward. First net i learns `i/ce` and `i/dml`, see
 * {@linkcode lowerMutual}. Then, with Adam and a rate of its own, the further group `i_adversarial` of the same
 * parameters learns `i/adversarial`, mean (1 − D_i(T_i(F_i)))², and the module `i_discriminator` learns
 * `i_discriminator/ls_gan`, mean (1 − D_i(T_s(F_s)))² + D_i(T_i(F_i))², maps cut. The nets form a cycle: s is the one
 * before i, of two nets the other. Where nets differ in channels, the module `i_transfer`, part of net i, is a 1×1
 * convolution T_i to the smallest number among them; elsewhere T_i(F) = F.
 *
 * D is made of {@linkcode discriminatorStages} and takes maps of any size; F_i [B, C, H, W] is net i's map at `at`.
 *
 * @throws {OptionError} If an option is outside its range.
 * @throws {MissingRoleError} If there are fewer than two peers (when lowered).
 * @throws {UnknownSpotError} If a net lacks the spot (when lowered).
 *
 * @example
 * ```ts
 * import { cohort, resnet8 } from "../dsl/mod.ts";
 * import { afd } from "./afd.ts";
 * const graph = cohort(resnet8, 2).use(afd()).lower();
 * console.log(graph.phases[1]); // ["peer0_adversarial", "peer1_adversarial", "peer0_discriminator", "peer1_discriminator"]
 * ```
 *
 * Source: Chung, Park, Kim, Kwak 2020, "Feature-map-level Online Adversarial Knowledge Distillation". Its code was not
 * at hand: losses and order follow notes on the paper, T, rate and weight decay are from memory, and the design of the
 * discriminator is this project's. Running statistics move with the forward of each phase.
 */
export function afd(options: AfdOptions = {}): Method<AfdNeeds, never> {
  const settings = { ...afdDefaults, ...options };
  requirePositive("afd()", "temperature", settings.temperature);
  requireWeight("afd()", "weight", settings.weight);
  requirePositive("afd()", "learningRate", settings.learningRate);
  requireNotNegative("afd()", "weightDecay", settings.weightDecay);
  requirePositive("afd()", "width", settings.width);
  return method("afd", frozenOptions(settings, "afd()"), { needs: { peer: [] } }, (site): Partial<LossGraph> => {
    const { peers } = site;
    if (peers.length < 2) {
      throw new MissingRoleError(
        `Cannot lower afd(): it needs two peers that can take each other's part, got ${peers.length}. Add members.`,
      );
    }
    const { temperature, weight, learningRate, weightDecay } = settings;
    const optimizer = Object.freeze({ kind: "adam", learningRate, weightDecay } as const);
    const channels = peers.map((peer) => channelsAt(peer, settings.at));
    const common = new Set(channels).size > 1 ? Math.min(...channels) : undefined;
    const maps = peers.map((peer) => mapOf(peer, settings.at, common !== undefined));
    const game = peers.map((peer, i) => played(peer, maps[i]!, maps.at(i - 1)!));
    return {
      terms: [...lowerMutual(site, { temperature, weight }).terms ?? [], ...game.flat()],
      aux: peers.flatMap(({ id }): readonly Aux[] => [
        ...(common === undefined ? [] : [Object.freeze({ id: `${id}_transfer`, group: id, stages: transfer(common) })]),
        Object.freeze({
          id: `${id}_discriminator`,
          group: `${id}_discriminator`,
          stages: discriminatorStages(settings.width),
          optimizer,
        }),
      ]),
      groups: peers.map(({ id }): FurtherGroup => Object.freeze({ id: `${id}_adversarial`, of: id, optimizer })),
      phases: [
        peers.map(({ id }) => id),
        [...peers.map(({ id }) => `${id}_adversarial`), ...peers.map(({ id }) => `${id}_discriminator`)],
      ],
    };
  });
}

/** What a net and its discriminator learn from each other. */
function played({ id }: Member, own: Value<"map">, source: Value<"map">): readonly Term[] {
  const judge = `${id}_discriminator`;
  return [
    term(`${id}/adversarial`, [`${id}_adversarial`], deceive(judge, own, "leastSquares")),
    term(`${judge}/ls_gan`, [judge], tellApart(judge, source, own, "leastSquares")),
  ];
}

function mapOf(peer: Member, at: string | undefined, transferred: boolean): Value<"map"> {
  const map = tap(peer, spotOf(peer, at));
  return transferred ? run(`${peer.id}_transfer`, "map", { to: "map", input: map }) : map;
}

function transfer(channels: number): readonly Stage[] {
  return Object.freeze([
    Object.freeze({ spot: "map", layers: Object.freeze([conv("conv", channels, { kernel: 1 })]) }),
  ]);
}

function channelsAt(peer: Member, at: string | undefined): number {
  return peer.channels[peer.spots.indexOf(spotOf(peer, at))]!;
}

function spotOf({ id, arch, spots }: Member, at: string | undefined): string {
  const spot = at ?? spots.at(-1);
  if (spot !== undefined && spots.includes(spot)) return spot;
  throw new UnknownSpotError(
    `Cannot lower afd(): ${id} has a map at its spot, got ${at === undefined ? "no spot" : `"${at}"`} in ${arch}. ` +
      `Known: ${spots.join(", ")}.`,
  );
}
