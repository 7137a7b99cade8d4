/**
 * `diversify()`: keeps peers from looking at the same places.
 *
 * @module
 */

import { SentenceError } from "../errors.ts";
import { apply } from "../expr.ts";
import type { LossGraph, Term, Weight } from "../graph.ts";
import { attentionLoss, attentionMap, diversityFeatures, diversityLoss, term } from "../losses.ts";
import type { Member, Site } from "../method.ts";
import { stop, tap, type Value } from "../value.ts";
import { requireOneOf, requireWeight, warmUp } from "./options.ts";

/** Options of `diversify()`. */
export interface DiversifyOptions {
  /** FFSD's exchange of strong and weak places, the plain distance of its ablation, or nothing; `"attention"`. */
  readonly by?: "attention" | "l2" | "none";
  /** Factor α; 1e-5 after a warm-up of 5 epochs (Li et al. 2022, FFSD). */
  readonly weight?: Weight;
}

/** What `diversify()` means when nothing more is said. */
export const diversifyDefaults: Required<DiversifyOptions> = Object.freeze({ by: "attention", weight: warmUp(1e-5) });

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range.
 */
export function diversifyOptions(options: DiversifyOptions = {}): Required<DiversifyOptions> {
  const settings = { ...diversifyDefaults, ...options };
  requireOneOf("diversify()", "by", settings.by, ["attention", "l2", "none"]);
  requireWeight("diversify()", "weight", settings.weight);
  return settings;
}

/**
 * Terms of `diversify()`: `i/diversity` for every peer i but the first, from the deepest maps of i and of the peer
 * before it, which is cut.
 *
 * `"attention"` is α · {@linkcode diversityLoss}: peer i looks where its predecessor does not. `"l2"` is
 * −α · att(Q(F_i), Q(F_{i−1})), which moves the two normalised attention maps apart. `"none"` has no terms.
 *
 * @throws {SentenceError} If there are fewer than two peers.
 * @throws {OptionError} If an option is outside its range.
 *
 * Source: Li et al. 2022 (FFSD), equations 8 and 9, and its ablation for `"l2"`. The paper gives no formula for the
 * latter and its code is not released; the normalised maps are this project's choice, since a raw distance that is
 * pushed up has no bound.
 */
export function lowerDiversify(site: Site, options: DiversifyOptions = {}): Partial<LossGraph> {
  const { by, weight } = diversifyOptions(options);
  if (by === "none") return {};
  if (site.peers.length < 2) {
    throw new SentenceError(
      `Cannot lower diversify(): it needs two peers that can differ, got ${site.peers.length}. Add members.`,
    );
  }
  const terms = site.peers.slice(1).map((peer, i): Term => {
    const [own, previous] = [attentionMap(deepest(peer)), attentionMap(deepest(site.peers[i]!))];
    const loss = by === "attention" ? diversityLoss(own, previous) : apply("neg", attentionLoss(own, stop(previous)));
    return term(`${peer.id}/diversity`, [peer.id], loss, weight);
  });
  return { terms };
}

/**
 * What the self-distillation module of a peer reads: the {@linkcode diversityFeatures} of the peer before it where the
 * sentence diversifies by attention, else the peer's own deepest map; cut, [B, C, H, W].
 *
 * @throws {SentenceError} If the peer before it has another number of channels there.
 *
 * Source: Li et al. 2022 (FFSD), equation 11. The paper does not say what the module reads in the ablation rows with L2
 * or without diversity; a peer's own deepest map is what self-distillation means without a predecessor.
 */
export function deepTargetOf(site: Site, peer: Member): Value<"map"> {
  const clause = site.clauses.find(({ verb }) => verb === "diversify");
  const by = clause?.options["by"] ?? (clause === undefined ? "none" : diversifyDefaults.by);
  const before = site.peers[site.peers.indexOf(peer) - 1];
  if (by !== "attention" || before === undefined) return stop(deepest(peer));
  const [from, to] = [before.channels.at(-1), peer.channels.at(-1)];
  if (from !== to) {
    throw new SentenceError(
      `Cannot lower selfDistill(): the module of ${peer.id} reads the map of ${before.id}, which needs the same ` +
        `channels, got ${from} and ${to}. Say diversify("none").`,
    );
  }
  return stop(diversityFeatures(stop(deepest(before))));
}

/** The map at a net's deepest spot. */
export function deepest(member: Member): Value<"map"> {
  const spot = member.spots[member.spots.length - 1];
  if (spot === undefined) {
    throw new SentenceError(
      `Cannot read the deepest map of ${member.id}: ${member.arch} has at least one spot, got none. Give it spots.`,
    );
  }
  return tap(member, spot);
}
