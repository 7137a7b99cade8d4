/**
 * `ensemble()`: one soft target made of all peers, which every peer imitates (KDCL).
 *
 * @module
 */

import { MissingRoleError, OptionError } from "../errors.ts";
import type { LossGraph, Weight } from "../graph.ts";
import { kl, supervision, term } from "../losses.ts";
import type { Site } from "../method.ts";
import { refusals, type Refused } from "../refused.ts";
import { logits } from "../value.ts";
import { type EnsembleTarget, errorWeightNames, soften, targets } from "./ensemble_target.ts";
import { requireOneOf, requirePositive, requireWeight } from "./options.ts";

/** Options of `ensemble()`; some belong to one target. */
export interface EnsembleOptions<T extends EnsembleTarget = EnsembleTarget> {
  /** Temperature T of the divergence; 2 (Guo et al. 2020). */
  readonly temperature?: number;
  /** Factor λ of the divergence; 1 (Guo et al. 2020). */
  readonly weight?: Weight;
  /** Factor of the cross-entropy; 1. A public re-implementation has 1 − α here and α as the weight. */
  readonly labelWeight?: Weight;
  /** Whether `"linear"` weighs the peers for each sample or once for the batch; each sample. */
  readonly per?: "linear" extends T ? "sample" | "batch" : Refused<typeof refusals.ensemblePer>;
  /**
   * Where `"general"` measures the peers' errors: after each epoch on the validation images, or on the batch; the
   * former (Guo et al. 2020). The paper holds out a part of the training images: say `withSplit()` of the dataset.
   */
  readonly measureOn?: "general" extends T ? "validation" | "batch" : Refused<typeof refusals.ensembleMeasure>;
}

/** What `ensemble()` means when nothing more is said. */
export const ensembleDefaults: EnsembleSettings = Object.freeze({
  target: "minLogit",
  temperature: 2,
  weight: 1,
  labelWeight: 1,
});

/** Options of `ensemble()` with its target, everything filled in that belongs to it. */
export interface EnsembleSettings extends Required<Omit<EnsembleOptions, "per" | "measureOn">> {
  /** How the target is made. */
  readonly target: EnsembleTarget;
  /** Of `"linear"` only. */
  readonly per?: "sample" | "batch";
  /** Of `"general"` only. */
  readonly measureOn?: "validation" | "batch";
}

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range, or belongs to another target.
 */
export function ensembleOptions(options: Partial<EnsembleSettings> = {}): EnsembleSettings {
  const settings = { ...ensembleDefaults, ...options };
  const { target, per, measureOn } = settings;
  requireOneOf("ensemble()", "target", target, targets);
  requirePositive("ensemble()", "temperature", settings.temperature);
  requireWeight("ensemble()", "weight", settings.weight);
  requireWeight("ensemble()", "labelWeight", settings.labelWeight);
  if (per !== undefined && target !== "linear") refuseOption(refusals.ensemblePer, target);
  if (measureOn !== undefined && target !== "general") refuseOption(refusals.ensembleMeasure, target);
  if (per !== undefined) requireOneOf("ensemble()", "per", per, ["sample", "batch"]);
  if (measureOn !== undefined) requireOneOf("ensemble()", "measureOn", measureOn, ["validation", "batch"]);
  if (target === "linear") return { ...settings, per: per ?? "sample" };
  return target === "general" ? { ...settings, measureOn: measureOn ?? "validation" } : settings;
}

/** Refuses an option that changes nothing at this target. */
function refuseOption(sentence: string, target: EnsembleTarget): never {
  throw new OptionError(`Cannot say ensemble(): ${sentence}, got it for "${target}". Leave it out.`);
}

/**
 * Terms of `ensemble()`: for each peer i `i/ce`, cross-entropy, and `i/ensemble_kl`, λ · T² · KL(target → i).
 *
 * The target h(z_1, …, z_m, y) is one row of class scores a sample, [B, K], made of all peers' and cut:
 *
 * - `"naive"`: the scores of the peer with the least cross-entropy on the sample;
 * - `"linear"`: Σ_i α_i z_i, α ≥ 0, Σ α = 1, with the least cross-entropy, solved to convergence;
 * - `"minLogit"`: min_i (z_i − z_i[y]) class by class, whose cross-entropy is at most that of the best peer;
 * - `"general"`: Σ_i w_i z_i, w = C⁻¹ 1 / (1ᵀ C⁻¹ 1), C_ij the mean of ⟨p_i − y, p_j − y⟩ over the validation images,
 *   p = softmax(z), measured after each epoch with running statistics; w = 1/m in the first epoch;
 * - `"mean"`: (1/m) Σ_i z_i, which is none of the paper's.
 *
 * Every peer, of whatever architecture, counts as it sees the images: say `views("each")` for an augmentation of its
 * own. Where images are mixed, y is the mixed label.
 *
 * @throws {MissingRoleError} If the sentence has fewer than two peers.
 * @throws {OptionError} If an option is outside its range.
 *
 * Source: Guo, Wang, Wu, Liang, Wang 2020 (KDCL), section 3. Their code is not public. Not fixed there: whether α is
 * per sample or per batch, the size of the held-out part, and w of the first epoch.
 */
export function lowerEnsemble(site: Site, options: Partial<EnsembleSettings> = {}): Partial<LossGraph> {
  const settings = ensembleOptions(options);
  const { target, temperature, weight, labelWeight, measureOn } = settings;
  const { peers } = site;
  if (peers.length < 2) {
    throw new MissingRoleError(`Cannot lower the sentence: ${refusals.ensembleOfOne}, got ${peers.length}.`);
  }
  const goal = soften(peers, settings);
  const nets = peers.map(({ id }) => id);
  return {
    terms: peers.flatMap((peer) => [
      supervision(peer, labelWeight),
      term(`${peer.id}/ensemble_kl`, [peer.id], kl(logits(peer), goal, { temperature }), weight),
    ]),
    ...(target === "general" && measureOn === "validation"
      ? { measures: [{ kind: "errorWeights", nets, names: errorWeightNames(peers) }] }
      : {}),
  };
}
