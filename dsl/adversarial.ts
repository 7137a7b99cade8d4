/**
 * Adversarial losses over maps: what a discriminator learns, and what deceives it.
 *
 * @module
 */

import type { Stage } from "./arch.ts";
import { add, apply, square, sub, sumPerSample } from "./expr.ts";
import { conv, globalPool, linear, relu } from "./layers.ts";
import { run, stop, type Value } from "./value.ts";

/** Squares of 1 − D and D (LS-GAN, Mao et al. 2017), or their negative logarithms (Goodfellow et al. 2014). */
export type AdversarialForm = "leastSquares" | "crossEntropy";

/**
 * Layers of a discriminator of maps [B, C, H, W] of any size: 3×3 convolution, ReLU, 3×3 of stride 2, ReLU, global pool,
 * and a classifier with one output, spot `score` [B, 1], before its sigmoid.
 *
 * It has no batch norm, since it sees maps of two nets in one step.
 */
export function discriminatorStages(width: number): readonly Stage[] {
  const convolved = [conv("conv1", width, { bias: true }), relu, conv("conv2", width, { stride: 2, bias: true }), relu];
  return Object.freeze([
    Object.freeze({ spot: "embedding", layers: Object.freeze([...convolved, globalPool]) }),
    Object.freeze({ spot: "score", layers: Object.freeze([linear("fc", 1)]) }),
  ]);
}

/**
 * What a net learns to deceive the module `discriminator`: (1 − D(F))², or −ln D(F), D the sigmoid of its score.
 *
 * `map` is [B, C, H, W]; the result is per sample [B].
 */
export function deceive(discriminator: string, map: Value<"map">, form: AdversarialForm): Value<"sample"> {
  return far(discriminator, map, 1, form);
}

/**
 * What the module `discriminator` learns: (1 − D(real))² + D(own)², or −ln D(real) − ln(1 − D(own)).
 *
 * Both maps are cut, [B, C, H, W] each; the result is per sample [B].
 */
export function tellApart(
  discriminator: string,
  real: Value<"map">,
  own: Value<"map">,
  form: AdversarialForm,
): Value<"sample"> {
  return add(far(discriminator, stop(real), 1, form), far(discriminator, stop(own), 0, form));
}

/** How far the discriminator is from saying `from` of a map. */
function far(discriminator: string, map: Value<"map">, from: 0 | 1, form: AdversarialForm): Value<"sample"> {
  const score = run(discriminator, "vector", { to: "score", input: map });
  if (form === "leastSquares") return sumPerSample(square(sub(apply("sigmoid", score), from)));
  return sumPerSample(apply("softplus", from === 1 ? apply("neg", score) : score));
}
