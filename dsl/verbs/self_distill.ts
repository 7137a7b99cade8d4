/**
 * `selfDistill()`: modules turn a net's deepest map into targets for its shallower ones.
 *
 * @module
 */

import type { Stage } from "../arch.ts";
import { SentenceError } from "../errors.ts";
import { add } from "../expr.ts";
import type { Aux, LossGraph, Term, Weight } from "../graph.ts";
import { batchNorm, relu, upsample } from "../layers.ts";
import { attentionLoss, attentionMap, term } from "../losses.ts";
import type { Member, Site } from "../method.ts";
import type { Clause } from "../spec.ts";
import { run, stop, tap, type Value } from "../value.ts";
import { deepest, deepTargetOf, diversifyDefaults } from "./diversify.ts";
import { fuseDefaults, type Fusion, fusionOf } from "./fuse.ts";
import { requireOneOf, requirePositive, requireWeight, warmUp } from "./options.ts";

/** Options of `selfDistill()`. */
export interface SelfDistillOptions {
  /** Who gets a module: peers 1… and the leader, or one of the two (Li et al. 2022, FFSD, ablation). */
  readonly who?: "all" | "peers" | "leader";
  /** Factor of a peer's own term; `"diversify"` is that verb's α, which FFSD shares between the two. */
  readonly peerWeight?: Weight | "diversify";
  /** Factor of the leader's own term; `"fuse"` is that verb's β, which FFSD shares between the two. */
  readonly leaderWeight?: Weight | "fuse";
  /** Factor γ of the modules' own losses; 1000 after a warm-up of 5 epochs (FFSD). Adam hardly notices it. */
  readonly moduleWeight?: Weight;
  /** Adam's learning rate of the modules; 1e-3 (FFSD, code). Their weight decay is the run's. */
  readonly learningRate?: number;
}

/** What `selfDistill()` means when nothing more is said. */
export const selfDistillDefaults: Required<SelfDistillOptions> = Object.freeze({
  who: "all",
  peerWeight: "diversify",
  leaderWeight: "fuse",
  moduleWeight: warmUp(1000),
  learningRate: 1e-3,
});

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range.
 */
export function selfDistillOptions(options: SelfDistillOptions = {}): Required<SelfDistillOptions> {
  const settings = { ...selfDistillDefaults, ...options };
  const { peerWeight, leaderWeight } = settings;
  requireOneOf("selfDistill()", "who", settings.who, ["all", "peers", "leader"]);
  if (peerWeight !== "diversify") requireWeight("selfDistill()", "peerWeight", peerWeight);
  if (leaderWeight !== "fuse") requireWeight("selfDistill()", "leaderWeight", leaderWeight);
  requireWeight("selfDistill()", "moduleWeight", settings.moduleWeight);
  requirePositive("selfDistill()", "learningRate", settings.learningRate);
  return settings;
}

/**
 * Terms and modules of `selfDistill()`: `sd1`, `sd2`, … for the peers from the second on, `sd_leader` for the leader.
 *
 * A module enlarges a map of the net's deepest spot block by block (transposed 3×3, batch norm, ReLU) to maps G_l of
 * the shape of its shallower spots F_l. Two uses, both on the values before any update:
 *
 * - the net learns `i/self_distillation`, weight · Σ_l att(Q(F_l), Q(G_l)). The module runs in eval mode, cut, and
 *   reads the peer's diversity target, or for the leader the fused map (its own deepest map without `fuse()`, or where
 *   that fuses at another spot);
 * - the module learns `sd/feature`, γ · Σ_l att(G_l, F_l), and `sd/attention`, γ · Σ_l att(Q(G_l), Q(F_l)). It runs in
 *   train mode on the net's own deepest map; maps are cut.
 *
 * @throws {SentenceError} If there is nobody to give a module to, or a net has fewer than two spots.
 * @throws {OptionError} If an option is outside its range.
 *
 * Source: Li et al. 2022 (FFSD), equations 10, 11 and 14. γ stands before both losses, so λ = 1. The paper describes
 * modules for all students, the code has none for the first. The paper halves channels from block to block; here they
 * are those of the spots, which is the same for its nets. `convtranpose` is spelt as in their state dicts.
 */
export function lowerSelfDistill(site: Site, options: SelfDistillOptions = {}): Partial<LossGraph> {
  const settings = selfDistillOptions(options);
  const pupils = pupilsOf(site, settings);
  if (pupils.length === 0) {
    throw new SentenceError(
      `Cannot lower selfDistill(): it needs ${wanted[settings.who]}, got ${site.peers.length} peers and ${
        site.leader === undefined ? "no leader" : "a leader"
      }. Add members or say leader().`,
    );
  }
  return {
    terms: [...pupils.map(application), ...pupils.flatMap((pupil) => training(pupil, settings.moduleWeight))],
    aux: pupils.map(({ member, module }): Aux =>
      Object.freeze({
        id: module,
        group: module,
        stages: stagesOf(member),
        optimizer: Object.freeze({ kind: "adam", learningRate: settings.learningRate }),
      })
    ),
  };
}

interface Pupil {
  readonly member: Member;
  readonly module: string;
  readonly input: Value<"map">;
  readonly weight: Weight;
}

const wanted = {
  all: "a leader or two peers",
  peers: "two peers, since the first has no module",
  leader: "a leader",
} as const;

function pupilsOf(site: Site, options: Required<SelfDistillOptions>): readonly Pupil[] {
  const said = (verb: string): Clause | undefined => site.clauses.find((clause) => clause.verb === verb);
  const shared = <W>(weight: W | string, verb: string, fallback: Weight): W | Weight =>
    typeof weight === "string" ? (said(verb)?.options["weight"] as Weight | undefined) ?? fallback : weight;
  const peers = options.who === "leader" ? [] : site.peers.slice(1).map((member, i): Pupil => ({
    member,
    module: `sd${i + 1}`,
    input: deepTargetOf(site, member),
    weight: shared(options.peerWeight, "diversify", diversifyDefaults.weight) as Weight,
  }));
  if (options.who === "peers" || site.leader === undefined) return peers;
  return [...peers, {
    member: site.leader,
    module: "sd_leader",
    input: stop(deepFusionOf(site, site.leader)?.map ?? deepest(site.leader)),
    weight: shared(options.leaderWeight, "fuse", fuseDefaults.weight) as Weight,
  }];
}

/** The fusion module, if it fuses at the leader's deepest spot, where the leader's module reads. */
function deepFusionOf(site: Site, leader: Member): Fusion | undefined {
  const at = site.clauses.find(({ verb }) => verb === "fuse")?.options["at"];
  return at === undefined || at === leader.spots.at(-1) ? fusionOf(site) : undefined;
}

function application({ member, module, input, weight }: Pupil): Term {
  const losses = shallow(member).map((spot, level) => {
    const target = run(module, "map", { to: blockOf(member, level), input, mode: "eval" });
    return attentionLoss(attentionMap(tap(member, spot)), stop(attentionMap(target)));
  });
  return term(`${member.id}/self_distillation`, [member.id], total(losses), weight);
}

function training({ member, module }: Pupil, weight: Weight): readonly Term[] {
  const pairs = shallow(member).map((spot, level) =>
    [
      run(module, "map", { to: blockOf(member, level), input: stop(deepest(member)) }),
      stop(tap(member, spot)),
    ] as const
  );
  const feature = total(pairs.map(([made, map]) => attentionLoss(made, map)));
  const attention = total(pairs.map(([made, map]) => attentionLoss(attentionMap(made), attentionMap(map))));
  return [
    term(`${module}/feature`, [module], feature, weight),
    term(`${module}/attention`, [module], attention, weight),
  ];
}

function stagesOf(member: Member): readonly Stage[] {
  const levels = shallow(member).map((spot, level) => ({ spot, level })).reverse();
  return Object.freeze(levels.map(({ spot, level }, i) =>
    Object.freeze({
      spot: `layer${i}`,
      layers: Object.freeze([
        upsample(`layer${i}.convtranpose`, member.channels[level]!, { net: member.id, spot }),
        batchNorm(`layer${i}.norm`),
        relu,
      ]),
    })
  ));
}

/** Spots above the deepest, shallow first. */
function shallow({ id, arch, spots }: Member): readonly string[] {
  if (spots.length < 2) {
    throw new SentenceError(
      `Cannot lower selfDistill(): ${id} needs a spot above its deepest, got ${arch} with ${spots.length}. ` +
        "Choose a net with two spots.",
    );
  }
  return spots.slice(0, -1);
}

/** The module's block whose output is as large as the net's spot `level`; blocks are numbered from the deepest. */
function blockOf({ spots }: Member, level: number): string {
  return `layer${spots.length - 2 - level}`;
}

function total(losses: readonly Value<"sample">[]): Value<"sample"> {
  return losses.reduce((sum, loss) => add(sum, loss));
}
