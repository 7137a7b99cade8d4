/**
 * FFL: feature fusion for online mutual knowledge distillation (Kim, Hyun, Chung, Kwak 2020).
 *
 * @module
 */

import { SentenceError } from "../dsl/errors.ts";
import { concat } from "../dsl/expr.ts";
import type { Aux, LossGraph, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { crossEntropy, kl, meanOf, supervision, term } from "../dsl/losses.ts";
import { type Method, method, type Site } from "../dsl/method.ts";
import { logits, run } from "../dsl/value.ts";
import { deepest } from "../dsl/verbs/diversify.ts";
import { fusionStages } from "../dsl/verbs/fuse.ts";
import { rampUp, requireKnown, requireNotNegative, requirePositive, requireWeight } from "../dsl/verbs/options.ts";

/** Options of {@linkcode ffl}. */
export interface FflOptions {
  /** Temperature T; 3 (paper and code). */
  readonly temperature?: number;
  /** Factor w of the divergences; 1 after a ramp-up of 80 epochs (code). */
  readonly weight?: Weight;
  /** Added to target probabilities; 1e-7 (code). */
  readonly epsilon?: number;
  /** Weight decay of the fusion module; 1e-5 (code). */
  readonly weightDecay?: number;
}

/** What {@linkcode ffl} means when nothing more is said. */
export const fflDefaults: Required<FflOptions> = Object.freeze({
  temperature: 3,
  weight: rampUp(1),
  epsilon: 1e-7,
  weightDecay: 1e-5,
});

/** What {@linkcode ffl} needs: sub-networks, branches or nets of their own. */
export type FflNeeds = { readonly peer: never };

/**
 * A fusion module joins the last maps of the sub-networks into a classifier; the fused classifier teaches them, and
 * their ensemble teaches it.
 *
 * The module `fusion` reads their deepest maps side by side [B, ΣC, H, W], **not cut**: depthwise 3×3, batch norm, ReLU,
 * 1×1 to the first net's channels, batch norm, ReLU, global pool, classifier, z_f [B, K]. Sub-network i learns `i/ce`,
 * cross-entropy, and `i/ffl`, w · T² · KL(z_f → z_i); module and sub-networks together learn `fusion/ce` and
 * `fusion/ensemble_kl`, w · T² · KL(mean of z_i → z_f). Targets are cut. The head `fusion` is the paper's FFL, a
 * sub-network its FFL-S.
 *
 * @throws {OptionError} If an option is unknown or outside its range.
 *
 * @example
 * ```ts
 * import { branches, resnet8 } from "../dsl/mod.ts";
 * import { ffl } from "./ffl.ts";
 * console.log(branches(resnet8, 2, { from: "layer2" }).use(ffl()).lower().phases); // [["trunk", "fusion"]]
 * ```
 *
 * Source: Kim, Hyun, Chung, Kwak 2020, "Feature Fusion for Online Mutual Knowledge Distillation", with the constants of
 * the released code.
 */
export function ffl(options: FflOptions = {}): Method<FflNeeds, never> {
  const settings = checked(options);
  return method("ffl", frozenOptions(settings, "ffl()"), { needs: { peer: [] } }, (site) => lowerFfl(site, settings));
}

function lowerFfl({ peers }: Site, settings: Required<FflOptions>): Partial<LossGraph> {
  const { temperature, weight, epsilon, weightDecay } = settings;
  if (peers.length < 2) {
    throw new SentenceError(
      `Cannot lower ffl(): it fuses two sub-networks or more, got ${peers.length}. ` +
        'Start from branches(resnet32, 2, { from: "layer2" }).',
    );
  }
  const fused = run("fusion", "logits", { input: concat(peers.map(deepest)) });
  const divergence = { temperature, epsilon };
  const together = ["fusion", ...peers.map(({ id }) => id)];
  const module: Aux = Object.freeze({
    id: "fusion",
    group: "fusion",
    stages: fusionStages(peers[0]!.channels.at(-1)!),
    optimizer: Object.freeze({ weightDecay }),
  });
  return {
    terms: [
      ...peers.flatMap((peer) => [
        supervision(peer),
        term(`${peer.id}/ffl`, [peer.id], kl(logits(peer), fused, divergence), weight),
      ]),
      term("fusion/ce", together, crossEntropy(fused)),
      term("fusion/ensemble_kl", together, kl(fused, meanOf(peers.map(logits)), divergence), weight),
    ],
    aux: [module],
    heads: [Object.freeze({ name: "fusion", logits: fused })],
  };
}

function checked(options: FflOptions): Required<FflOptions> {
  requireKnown("ffl()", options, fflDefaults);
  const settings = { ...fflDefaults, ...options };
  requirePositive("ffl()", "temperature", settings.temperature);
  requireWeight("ffl()", "weight", settings.weight);
  requireNotNegative("ffl()", "epsilon", settings.epsilon);
  requireNotNegative("ffl()", "weightDecay", settings.weightDecay);
  return settings;
}
