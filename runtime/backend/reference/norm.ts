/** Batch normalisation of the reference backend. @module */

import type { NodeOf } from "../../ir/node.ts";
import { sizeOf } from "../../ir/node.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** Visits the first `count` samples of [B, C, …] channel by channel. */
function perChannel(x: Tensor, count: number, visit: (channel: number, at: number) => void): void {
  const [, channels] = x.shape as readonly [number, number];
  const plane = sizeOf(x.shape.slice(2));
  for (let b = 0; b < count; b++) {
    for (let c = 0; c < channels; c++) {
      const start = (b * channels + c) * plane;
      for (let at = start; at < start + plane; at++) visit(c, at);
    }
  }
}

/** Number of elements a channel has in the first `count` samples. */
function population(x: Tensor, count: number): number {
  return count * sizeOf(x.shape.slice(2));
}

/** Mean and biased variance per channel, two passes. */
export function batchStats(node: NodeOf<"batchStats">, x: Tensor, count: number): Tensor {
  const out = tensor(node.shape);
  const channels = node.shape[1]!;
  const m = population(x, count);
  const data = out.data;
  perChannel(x, count, (c, at) => data[c] = data[c]! + x.data[at]! / m);
  perChannel(x, count, (c, at) => {
    const d = x.data[at]! - data[c]!;
    data[channels + c] = data[channels + c]! + d * d / m;
  });
  return out;
}

/** γ x̂ + β. */
export function batchNorm(
  node: NodeOf<"batchNorm">,
  x: Tensor,
  stats: Tensor,
  gamma: Tensor,
  beta: Tensor,
  count: number,
): Tensor {
  const y = tensor(node.shape);
  const deviation = deviations(stats, node.attrs.epsilon);
  perChannel(x, count, (c, at) => {
    y.data[at] = gamma.data[c]! * (x.data[at]! - stats.data[c]!) / deviation[c]! + beta.data[c]!;
  });
  return y;
}

/** Σ g and Σ g·x̂ per channel. */
export function batchNormSums(
  node: NodeOf<"batchNormSums">,
  g: Tensor,
  x: Tensor,
  stats: Tensor,
  count: number,
): Tensor {
  const out = tensor(node.shape);
  const channels = node.shape[1]!;
  const deviation = deviations(stats, node.attrs.epsilon);
  perChannel(x, count, (c, at) => {
    out.data[c]! += g.data[at]!;
    out.data[channels + c]! += g.data[at]! * (x.data[at]! - stats.data[c]!) / deviation[c]!;
  });
  return out;
}

/** Input gradient of batch norm, statistics included. */
export function batchNormInput(
  node: NodeOf<"batchNormInput">,
  [g, x, stats, gamma, sums]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  count: number,
): Tensor {
  const dx = tensor(node.shape);
  const channels = x.shape[1]!;
  const m = population(x, count);
  const deviation = deviations(stats, node.attrs.epsilon);
  perChannel(x, count, (c, at) => {
    const normal = (x.data[at]! - stats.data[c]!) / deviation[c]!;
    const centred = g.data[at]! - sums.data[c]! / m - normal * sums.data[channels + c]! / m;
    dx.data[at] = gamma.data[c]! / deviation[c]! * centred;
  });
  return dx;
}

function deviations(stats: Tensor, epsilon: number): number[] {
  const channels = stats.shape[1]!;
  return Array.from({ length: channels }, (_, c) => Math.sqrt(stats.data[channels + c]! + epsilon));
}
