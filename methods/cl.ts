/**
 * Collaborative learning with one trunk and several classifier heads, CL-ILR (Song & Chai 2018).
 *
 * @module
 */

import { SentenceError } from "../dsl/errors.ts";
import type { LossGraph, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { kl, meanOf, supervision, term } from "../dsl/losses.ts";
import { type Method, method, type Site } from "../dsl/method.ts";
import { live, logits } from "../dsl/value.ts";
import { rescaled } from "../dsl/verbs/branches.ts";
import {
  rampUp,
  requireKnown,
  requireNotNegative,
  requireOneOf,
  requirePositive,
  requireWeight,
} from "../dsl/verbs/options.ts";

/** Options of {@linkcode cl}. */
export interface ClOptions {
  /** Temperature T; 3 (OKDDip's code). */
  readonly temperature?: number;
  /** Factor w of the divergences; 1 after a ramp-up of 80 epochs (OKDDip's code). */
  readonly weight?: Weight;
  /** Added to target probabilities; 1e-7 (OKDDip's code). */
  readonly epsilon?: number;
  /** Whether gradient also reaches the branches that are imitated; yes (OKDDip's code). */
  readonly live?: boolean;
  /** Whether gradients that enter the trunk are divided by the number of branches; yes (paper; a flag in OKDDip's code). */
  readonly rescale?: boolean;
}

/** What {@linkcode cl} means when nothing more is said. */
export const clDefaults: Required<ClOptions> = Object.freeze({
  temperature: 3,
  weight: rampUp(1),
  epsilon: 1e-7,
  live: true,
  rescale: true,
});

/** What {@linkcode cl} needs: peers; branches make it CL-ILR. */
export type ClNeeds = { readonly peer: never };

/**
 * Each branch learns from the mean of the others: `i/ce`, cross-entropy, and `i/cl`, w · T² · KL(mean of z_j, j ≠ i →
 * z_i), all class scores [B, K].
 *
 * On `branches(...)` it is CL-ILR, and gradients that enter the trunk are divided by the number of branches. On
 * `cohort(...)` nothing is shared, and it is the paper's CL of several nets.
 *
 * @throws {OptionError} If an option is unknown or outside its range.
 *
 * @example
 * ```ts
 * import { branches, resnet8 } from "../dsl/mod.ts";
 * import { cl } from "./cl.ts";
 * const graph = branches(resnet8, 4, { from: "layer2" }).use(cl()).lower();
 * console.log(graph.terms.length, graph.trunks?.[0]?.scale); // 8 0.25
 * ```
 *
 * Source: Song & Chai 2018, "Collaborative Learning for Deep Neural Networks", with formulas and constants as the code
 * of Chen et al. 2020 (OKDDip) runs it for comparison; the authors released none. That code does not cut targets.
 */
export function cl(options: ClOptions = {}): Method<ClNeeds, never> {
  const settings = checked(options);
  return method("cl", frozenOptions(settings, "cl()"), { needs: { peer: [] } }, (site) => lowerCl(site, settings));
}

function lowerCl({ peers, trunk }: Site, settings: Required<ClOptions>): Partial<LossGraph> {
  const { temperature, weight, epsilon, live: open, rescale } = settings;
  if (peers.length < 2) {
    throw new SentenceError(
      `Cannot lower cl(): a branch learns from others, got ${peers.length}. Start from branches(resnet32, 3, ` +
        '{ from: "layer2" }).',
    );
  }
  const all = peers.map(({ id }) => id);
  const terms = peers.flatMap((peer) => {
    const mean = meanOf(peers.filter((other) => other !== peer).map(logits));
    const loss = kl(logits(peer), open ? live(mean) : mean, { temperature, epsilon });
    return [supervision(peer), term(`${peer.id}/cl`, open ? all : [peer.id], loss, weight)];
  });
  return { terms, ...(rescale && trunk !== undefined ? { trunks: [rescaled(trunk)] } : {}) };
}

function checked(options: ClOptions): Required<ClOptions> {
  requireKnown("cl()", options, clDefaults);
  const settings = { ...clDefaults, ...options };
  requirePositive("cl()", "temperature", settings.temperature);
  requireWeight("cl()", "weight", settings.weight);
  requireNotNegative("cl()", "epsilon", settings.epsilon);
  requireOneOf("cl()", "live", settings.live, [true, false]);
  requireOneOf("cl()", "rescale", settings.rescale, [true, false]);
  return settings;
}
