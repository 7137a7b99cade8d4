/**
 * `fuse()`: a fusion module makes one teacher of the peers' maps.
 *
 * @module
 */

import type { Stage } from "../arch.ts";
import { MissingRoleError, UnknownSpotError } from "../errors.ts";
import { didYouMean } from "../errors.ts";
import { concat } from "../expr.ts";
import type { Aux, LossGraph, Term, Weight } from "../graph.ts";
import { batchNorm, conv, globalPool, linear, relu } from "../layers.ts";
import { attentionLoss, attentionMap, crossEntropy, kl, meanOf, term } from "../losses.ts";
import type { Member, Site } from "../method.ts";
import { logits, run, stop, tap, type Value } from "../value.ts";
import { requireNotNegative, requireOneOf, requirePositive, requireWeight, warmUp } from "./options.ts";

/** Options of `fuse()`. */
export interface FuseOptions<At extends string = string> {
  /** Spot whose maps are fused; the deepest spot of each net unless said. */
  readonly at?: At;
  /** Factor β of the leader's attention terms; 10 after a warm-up of 5 epochs (Li et al. 2022, FFSD). */
  readonly weight?: Weight;
  /** Temperature T of the fusion module's divergence; 2. */
  readonly temperature?: number;
  /** Whether the leader also imitates the fused map, not only its class scores; yes ("feature fusion" in FFSD's ablation). */
  readonly attention?: boolean;
  /** Weight decay of the fusion module; 1e-5 (the released code; the paper says 1e-4). */
  readonly weightDecay?: number;
}

/** What `fuse()` means when nothing more is said; `at` is left to each net's deepest spot. */
export const fuseDefaults: Required<Omit<FuseOptions, "at">> = Object.freeze({
  weight: warmUp(10),
  temperature: 2,
  attention: true,
  weightDecay: 1e-5,
});

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range.
 */
export function fuseOptions(options: FuseOptions = {}): typeof fuseDefaults & Pick<FuseOptions, "at"> {
  const settings = { ...fuseDefaults, ...options };
  requireWeight("fuse()", "weight", settings.weight);
  requirePositive("fuse()", "temperature", settings.temperature);
  requireOneOf("fuse()", "attention", settings.attention, [true, false]);
  requireNotNegative("fuse()", "weightDecay", settings.weightDecay);
  return settings;
}

/** What the fusion module gives. */
export interface Fusion {
  /** Its class scores [B, K]. */
  readonly logits: Value<"logits">;
  /** The fused map [B, C, H, W], C the leader's channels. */
  readonly map: Value<"map">;
  /** What it reads: the peers' maps side by side, cut, [B, ΣC, H, W]. */
  readonly maps: Value<"map">;
}

/**
 * Terms and modules of `fuse()`.
 *
 * The module `fusion` reads the peers' maps side by side, cut: depthwise 3×3, batch norm, ReLU, 1×1 to the leader's
 * channels, batch norm, ReLU (spot `map`), global pool, classifier. It learns `fusion/ce` and `fusion/ensemble_kl`,
 * T² · KL(mean of the peers' class scores → fusion). The leader learns `leader/fusion_attention`, β · att(Q(F_leader),
 * Q(F_fused)), and `leader/trans_fusion`, β · att(Q(decoder(F_leader)), Q(maps)), where the module `decoder` belongs to
 * the leader's parameters and goes from its channels to those of the peers together. `fusion` is a head of its own.
 *
 * @throws {MissingRoleError} If the sentence has no leader or fewer than two peers.
 * @throws {UnknownSpotError} If a net lacks the spot.
 * @throws {OptionError} If an option is outside its range.
 *
 * Source: Li et al. 2022 (FFSD), equations 4, 5, 13 and 14; equation 14 has two weights, the code one.
 * The release gives every fusion module 100 classes; here it has the dataset's. Nets of different widths are an
 * extension: the paper's are all alike.
 */
export function lowerFuse(site: Site, options: FuseOptions = {}): Partial<LossGraph> {
  const { weight, temperature, attention, weightDecay } = fuseOptions(options);
  const { leader, peers } = leaderAndPeers(site, "fuse()");
  const spot = spotOf(leader, options.at);
  const fusion = fusionAt(site, options.at);
  const wide = peers.reduce((total, peer) => total + channelsOf(peer, spotOf(peer, options.at)), 0);
  const width = channelsOf(leader, spot);
  const modules: Aux[] = [
    {
      id: "fusion",
      group: "fusion",
      stages: fusionStages(width),
      optimizer: Object.freeze({ weightDecay }),
    },
  ];
  const terms: Term[] = [
    term("fusion/ce", ["fusion"], crossEntropy(fusion.logits)),
    term("fusion/ensemble_kl", ["fusion"], kl(fusion.logits, meanOf(peers.map(logits)), { temperature })),
  ];
  if (attention) {
    const own = tap(leader, spot);
    const decoded = run("decoder", "map", { to: "map", input: own });
    modules.push({ id: "decoder", group: leader.id, stages: decoderStages(wide) });
    terms.push(
      term(
        `${leader.id}/fusion_attention`,
        [leader.id],
        attentionLoss(attentionMap(own), stop(attentionMap(fusion.map))),
        weight,
      ),
      term(
        `${leader.id}/trans_fusion`,
        [leader.id],
        attentionLoss(attentionMap(decoded), stop(attentionMap(fusion.maps))),
        weight,
      ),
    );
  }
  return {
    terms,
    aux: modules.map((module) => Object.freeze(module)),
    heads: [Object.freeze({ name: "fusion", logits: fusion.logits })],
  };
}

/** The fusion module of a sentence that says `fuse()`, for the verbs beside it; `undefined` for one that does not. */
export function fusionOf(site: Site): Fusion | undefined {
  const clause = site.clauses.find(({ verb }) => verb === "fuse");
  return clause === undefined ? undefined : fusionAt(site, clause.options["at"] as string | undefined);
}

function fusionAt(site: Site, at: string | undefined): Fusion {
  const { peers } = leaderAndPeers(site, "fuse()");
  const maps = concat(peers.map((peer) => stop(tap(peer, spotOf(peer, at)))));
  return {
    logits: run("fusion", "logits", { input: maps }),
    map: run("fusion", "map", { to: "map", input: maps }),
    maps,
  };
}

/**
 * The fusion module's stages: depthwise 3×3, batch norm, ReLU, 1×1 to `width` channels, batch norm, ReLU (`map`), global
 * pool (`embedding`), classifier (`logits`).
 *
 * Source: the released code of Kim, Hyun, Chung, Kwak 2020 (FFL) and of Li et al. 2022 (FFSD), which are the same.
 */
export function fusionStages(width: number): readonly Stage[] {
  return Object.freeze([
    ...mixing(width),
    { spot: "embedding", layers: Object.freeze([globalPool]) },
    { spot: "logits", layers: Object.freeze([linear("fc2", "classes")]) },
  ].map((stage) => Object.freeze(stage)));
}

function decoderStages(width: number): readonly Stage[] {
  return Object.freeze(mixing(width).map((stage) => Object.freeze(stage)));
}

function mixing(width: number): readonly Stage[] {
  const init = { rule: "heOut" } as const;
  return [{
    spot: "map",
    layers: Object.freeze([
      conv("conv1", "same", { groups: "depthwise", init }),
      batchNorm("bn1"),
      relu,
      conv("conv1_1", width, { kernel: 1, init }),
      batchNorm("bn1_1"),
      relu,
    ]),
  }];
}

/** The leader and the peers that teach it. @throws {MissingRoleError} If there is no leader or fewer than two peers. */
export function leaderAndPeers(
  { leader, peers }: Site,
  verb: string,
): { readonly leader: Member; readonly peers: readonly Member[] } {
  if (leader === undefined || peers.length < 2) {
    throw new MissingRoleError(
      `Cannot lower ${verb}: it needs a leader and at least two peers, got ${peers.length} peers and ${
        leader === undefined ? "no leader" : "a leader"
      }. Start from cohort(resnet32, 3) and say leader().`,
    );
  }
  return { leader, peers };
}

function spotOf(member: Member, at: string | undefined): string {
  const spot = at ?? member.spots[member.spots.length - 1];
  if (spot === undefined || !member.spots.includes(spot)) {
    throw new UnknownSpotError(
      `Cannot fuse ${member.id}: ${member.arch} has the spots ${member.spots.join(", ")}, got "${spot}".${
        didYouMean(spot ?? "", member.spots)
      }`,
    );
  }
  return spot;
}

function channelsOf(member: Member, spot: string): number {
  return member.channels[member.spots.indexOf(spot)]!;
}
