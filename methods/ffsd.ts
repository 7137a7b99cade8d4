/**
 * FFSD: feature fusion and self-distillation (Li et al. 2022).
 *
 * @module
 */

import { type LossGraph, mergeGraphs, type Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { type Method, method, type Site } from "../dsl/method.ts";
import type { Clause } from "../dsl/spec.ts";
import { type DiversifyOptions, diversifyOptions, lowerDiversify } from "../dsl/verbs/diversify.ts";
import { type FuseOptions, fuseOptions, lowerFuse } from "../dsl/verbs/fuse.ts";
import { type LeaderOptions, leaderOptions, lowerLeader } from "../dsl/verbs/leader.ts";
import { lowerMutual, type MutualOptions, mutualOptions } from "../dsl/verbs/mutual.ts";
import { requireKnown, requireOneOf, requirePositive, warmUp } from "../dsl/verbs/options.ts";
import { lowerSelfDistill, type SelfDistillOptions, selfDistillOptions } from "../dsl/verbs/self_distill.ts";

/** Options of {@linkcode ffsd}. */
export interface FfsdOptions {
  /** Temperature T of every divergence; 2. */
  readonly temperature?: number;
  /** How common students are kept apart; `"attention"`, or the rows "L2" and DML of the diversity ablation. */
  readonly diversity?: "attention" | "l2" | "none";
  /** Who gets self-distillation modules; `"all"`, or a row of the self-distillation ablation. */
  readonly selfDistillation?: "all" | "peers" | "leader" | "none";
  /**
   * What the leader gets from the fusion module: its map and class scores, its class scores alone, or nothing, where
   * the leader imitates the mean of the students' class scores; `"features"`, or a row of the fusion ablation.
   */
  readonly fusion?: "features" | "logits" | "none";
  /** Coefficient α of diversity and of the students' self-distillation; 1e-5 after a warm-up of 5 epochs. */
  readonly diversityWeight?: Weight;
  /** Coefficient β of the leader's fusion, decoder and self-distillation terms; 10 after a warm-up of 5 epochs. */
  readonly fusionWeight?: Weight;
  /** Coefficient γ of the modules' own losses; 1000 after a warm-up of 5 epochs. */
  readonly moduleWeight?: Weight;
  /** Weight decay of the fusion module; 1e-5 (code), where the paper gives 1e-4 for all. */
  readonly fusionWeightDecay?: number;
}

/** What {@linkcode ffsd} means when nothing more is said: the paper's grid search on ResNet-32 and CIFAR-100. */
export const ffsdDefaults: Required<FfsdOptions> = Object.freeze({
  temperature: 2,
  diversity: "attention",
  selfDistillation: "all",
  fusion: "features",
  diversityWeight: warmUp(1e-5),
  fusionWeight: warmUp(10),
  moduleWeight: warmUp(1000),
  fusionWeightDecay: 1e-5,
});

/** What {@linkcode ffsd} needs: common students and a leader, at their own deepest spots. */
export type FfsdNeeds = { readonly peer: never; readonly leader: never };

/**
 * FFSD: common students learn from each other and look at different places, a fusion module makes one teacher of their
 * maps, a leader learns from it, and modules turn deep maps into targets for shallow ones.
 *
 * Stands for `mutual({ temperature: 2 })`, `diversify("attention")`, `fuse()`, `leader()` and `selfDistill()`; the
 * formulas are at {@linkcode lowerMutual}, {@linkcode lowerDiversify}, {@linkcode lowerFuse}, {@linkcode lowerLeader}
 * and {@linkcode lowerSelfDistill}. Within a step all forwards come first; then the common students, the fusion module,
 * the leader and the modules update, in this order.
 *
 * The ablations of the paper's tables IV to VI are the options `diversity`, `selfDistillation` and `fusion`.
 *
 * @throws {OptionError} If an option is outside its range.
 *
 * @example
 * ```ts
 * import { cohort, resnet8 } from "../dsl/mod.ts";
 * import { ffsd } from "./ffsd.ts";
 * const graph = cohort(resnet8, 3).leader().use(ffsd()).lower();
 * console.log(graph.phases); // [["peer0", "peer1", "fusion", "leader", "sd1", "sd_leader"]]
 * ```
 *
 * Source: Li, Lin, Wang, Wu, Tian, Shao, Ji 2022, "Distilling a Powerful Student Model via Online Knowledge
 * Distillation", equations 2–14. Followed where paper and released code differ: the code. It warms α, β and γ up over 5
 * epochs, gives the fusion module a weight decay of 1e-5, mixes raw norm and normalised map in the diversity target,
 * lets the leader's three feature terms share β, and gives the first student no module. The paper's "Ens" column is the
 * union of correct answers, not an ensemble. Not followed: the release's fixed 100 classes of the fusion module.
 */
export function ffsd(options: FfsdOptions = {}): Method<FfsdNeeds, never> {
  const settings = checked({ ...ffsdDefaults, ...options });
  const parts = partsOf(settings);
  const clauses = Object.entries(parts).map(([verb, said]): Clause =>
    Object.freeze({ verb, options: frozenOptions(said, `ffsd() as ${verb}()`) })
  );
  return method(
    "ffsd",
    frozenOptions(settings, "ffsd()"),
    { needs: { peer: [], leader: [] }, clauses },
    (site) => lowerParts({ ...site, clauses }, parts),
  );
}

interface Parts {
  readonly mutual: MutualOptions;
  readonly diversify: DiversifyOptions;
  readonly fuse?: FuseOptions;
  readonly leader: LeaderOptions;
  readonly selfDistill?: SelfDistillOptions;
}

function partsOf(settings: Required<FfsdOptions>): Parts {
  const { temperature, diversity, fusion, selfDistillation, diversityWeight, fusionWeight } = settings;
  const fuse = fuseOptions({
    temperature,
    weight: fusionWeight,
    attention: fusion === "features",
    weightDecay: settings.fusionWeightDecay,
  });
  // Without fuse() there is no clause left to read β from.
  const leaderWeight = fusion === "none" ? fusionWeight : "fuse";
  return {
    mutual: mutualOptions({ temperature }),
    diversify: diversifyOptions({ by: diversity, weight: diversityWeight }),
    ...(fusion === "none" ? {} : { fuse }),
    leader: leaderOptions({ temperature }),
    ...(selfDistillation === "none" ? {} : {
      selfDistill: selfDistillOptions({
        who: selfDistillation,
        leaderWeight,
        moduleWeight: settings.moduleWeight,
      }),
    }),
  };
}

function lowerParts(site: Site, parts: Parts): LossGraph {
  return mergeGraphs([
    lowerMutual(site, parts.mutual),
    lowerDiversify(site, parts.diversify),
    ...(parts.fuse === undefined ? [] : [lowerFuse(site, parts.fuse)]),
    lowerLeader(site, parts.leader),
    ...(parts.selfDistill === undefined ? [] : [lowerSelfDistill(site, parts.selfDistill)]),
  ]);
}

function checked(settings: Required<FfsdOptions>): Required<FfsdOptions> {
  requireKnown("ffsd()", settings, ffsdDefaults);
  requirePositive("ffsd()", "temperature", settings.temperature);
  requireOneOf("ffsd()", "diversity", settings.diversity, ["attention", "l2", "none"]);
  requireOneOf("ffsd()", "selfDistillation", settings.selfDistillation, ["all", "peers", "leader", "none"]);
  requireOneOf("ffsd()", "fusion", settings.fusion, ["features", "logits", "none"]);
  return settings;
}
