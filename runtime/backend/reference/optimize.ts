/** Optimizer updates of the reference backend. @module */

import type { AdamEffect, SgdEffect } from "../../ir/program.ts";
import type { Tensor } from "./tensor.ts";

/** One SGD update in place. */
export function sgd(effect: SgdEffect, state: (name: string) => Tensor, gradient: Tensor, rate: number): void {
  const w = state(effect.parameter).data;
  const v = effect.velocity === undefined ? undefined : state(effect.velocity).data;
  for (let i = 0; i < w.length; i++) {
    const g = gradient.data[i]! + effect.weightDecay * w[i]!;
    if (v === undefined) {
      w[i]! -= rate * g;
      continue;
    }
    v[i] = effect.momentum * v[i]! + g;
    w[i]! -= rate * (effect.nesterov ? g + effect.momentum * v[i]! : v[i]!);
  }
}

/** One Adam update in place; advances the step slot. */
export function adam(effect: AdamEffect, state: (name: string) => Tensor, gradient: Tensor, rate: number): void {
  const [w, m, v] = [state(effect.parameter).data, state(effect.first).data, state(effect.second).data];
  const step = state(effect.step).data;
  step[0]! += 1;
  const { beta1, beta2, epsilon } = effect;
  const [c1, c2] = [1 - beta1 ** step[0]!, 1 - beta2 ** step[0]!];
  for (let i = 0; i < w.length; i++) {
    const g = gradient.data[i]! + effect.weightDecay * w[i]!;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    w[i]! -= rate * (m[i]! / c1) / (Math.sqrt(v[i]! / c2) + epsilon);
  }
}
