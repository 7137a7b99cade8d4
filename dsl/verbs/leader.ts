/**
 * `leader()`: the last member learns from all the others and teaches nobody.
 *
 * @module
 */

import { MissingRoleError } from "../errors.ts";
import type { LossGraph } from "../graph.ts";
import { kl, meanOf, supervision, term } from "../losses.ts";
import type { Site } from "../method.ts";
import { logits } from "../value.ts";
import { fusionOf } from "./fuse.ts";
import { requirePositive } from "./options.ts";

/** Options of `leader()`. */
export interface LeaderOptions {
  /** Temperature T; 2 (Li et al. 2022, FFSD). */
  readonly temperature?: number;
}

/** What `leader()` means when nothing more is said. */
export const leaderDefaults: Required<LeaderOptions> = Object.freeze({ temperature: 2 });

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range.
 */
export function leaderOptions(options: LeaderOptions = {}): Required<LeaderOptions> {
  const settings = { ...leaderDefaults, ...options };
  requirePositive("leader()", "temperature", settings.temperature);
  return settings;
}

/**
 * Terms of `leader()`: `leader/ce`, cross-entropy, and `leader/ensemble_kl`, T² · KL(target → leader).
 *
 * The target is the fusion module's class scores where the sentence says `fuse()`, else the mean of the peers'; it is
 * cut either way.
 *
 * @throws {MissingRoleError} If the sentence has no leader or no peers.
 * @throws {OptionError} If the temperature is not positive.
 *
 * Source: Li et al. 2022 (FFSD), equation 5.
 */
export function lowerLeader(site: Site, options: LeaderOptions = {}): Partial<LossGraph> {
  const { temperature } = leaderOptions(options);
  const { leader, peers } = site;
  if (leader === undefined || peers.length === 0) {
    throw new MissingRoleError(
      `Cannot lower leader(): it needs a leader and peers, got ${peers.length} peers and ${
        leader === undefined ? "no leader" : "a leader"
      }. Start from cohort(...) and say leader().`,
    );
  }
  const target = fusionOf(site)?.logits ?? meanOf(peers.map(logits));
  return {
    terms: [
      supervision(leader),
      term(`${leader.id}/ensemble_kl`, [leader.id], kl(logits(leader), target, { temperature })),
    ],
  };
}
