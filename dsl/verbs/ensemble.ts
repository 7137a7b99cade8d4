/**
 * `ensemble()`: one soft target made of all peers, which every peer imitates (KDCL).
 *
 * The verb is checked and recorded; its four targets are not part of this version, so lowering it is refused.
 *
 * @module
 */

import { SentenceError } from "../errors.ts";
import { requireNotNegative, requireOneOf, requirePositive } from "./options.ts";

/**
 * How the target is made of the peers' class scores: the member that is best on this sample, the best convex
 * combination, the least score of each class after each member's own target score is taken off, or weights from the
 * error covariance on held-out images.
 */
export type EnsembleTarget = "naive" | "linear" | "minLogit" | "general";

/** Options of `ensemble()`. */
export interface EnsembleOptions {
  /** Temperature T of the divergence; 2 (Guo et al. 2020). */
  readonly temperature?: number;
  /** Factor λ of the divergence; 1 (Guo et al. 2020). */
  readonly weight?: number;
}

/** What `ensemble()` means when nothing more is said. */
export const ensembleDefaults: Required<EnsembleOptions> & { readonly target: EnsembleTarget } = Object.freeze({
  target: "minLogit",
  temperature: 2,
  weight: 1,
});

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range.
 */
export function ensembleOptions(options: Partial<typeof ensembleDefaults> = {}): typeof ensembleDefaults {
  const settings = { ...ensembleDefaults, ...options };
  requireOneOf("ensemble()", "target", settings.target, ["naive", "linear", "minLogit", "general"]);
  requirePositive("ensemble()", "temperature", settings.temperature);
  requireNotNegative("ensemble()", "weight", settings.weight);
  return settings;
}

/** Refuses. @throws {SentenceError} Always: the targets are not part of this version. */
export function lowerEnsemble(): never {
  throw new SentenceError(
    "Cannot lower ensemble(): its targets are not part of this version. Say mutual(), or use(...) a method.",
  );
}
