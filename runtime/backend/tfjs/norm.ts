/** Batch normalisation through tfjs operations. @module */

import type { Tensor, Tf } from "./layout.ts";

/** Axis of the channels inside: last of maps [B, H, W, C] and features [B, C], second of sequences [B, C, L]. */
function channelAxis(x: Tensor): number {
  return x.shape.length === 3 ? 1 : x.shape.length - 1;
}

/** Every axis but the channels'. */
function others(x: Tensor): number[] {
  return x.shape.map((_, axis) => axis).filter((axis) => axis !== channelAxis(x));
}

/** [C] with a shape that broadcasts against x. */
function along(tf: Tf, x: Tensor, vector: Tensor): Tensor {
  return tf.reshape(vector, x.shape.map((size, axis) => axis === channelAxis(x) ? size : 1));
}

/** Row `row` of [2, C] as [C]. */
function row(tf: Tf, pair: Tensor, index: number): Tensor {
  return tf.reshape(tf.slice(pair, [index, 0], [1, pair.shape[1]!]), [pair.shape[1]!]);
}

/** x − mean and 1 / √(var + ε), both broadcast against x. */
function standard(tf: Tf, x: Tensor, stats: Tensor, epsilon: number): readonly [Tensor, Tensor] {
  const centred = tf.sub(x, along(tf, x, row(tf, stats, 0)));
  return [centred, along(tf, x, tf.rsqrt(tf.add(row(tf, stats, 1), epsilon)))];
}

/** Mean and biased variance [2, C], in two passes. */
export function batchStats(tf: Tf, x: Tensor): Tensor {
  const mean = tf.mean(x, others(x));
  const variance = tf.mean(tf.square(tf.sub(x, along(tf, x, mean))), others(x));
  return tf.stack([mean, variance]);
}

/** γ (x − mean) / √(var + ε) + β. */
export function batchNorm(tf: Tf, x: Tensor, stats: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  const [centred, inverse] = standard(tf, x, stats, epsilon);
  return tf.add(tf.mul(centred, tf.mul(inverse, along(tf, x, gamma))), along(tf, x, beta));
}

/** Σ g and Σ g·x̂, [2, C]. */
export function batchNormSums(tf: Tf, g: Tensor, x: Tensor, stats: Tensor, epsilon: number): Tensor {
  const [centred, inverse] = standard(tf, x, stats, epsilon);
  return tf.stack([tf.sum(g, others(x)), tf.sum(tf.mul(g, tf.mul(centred, inverse)), others(x))]);
}

/** Input gradient of batch norm, statistics included. */
export function batchNormInput(
  tf: Tf,
  [g, x, stats, gamma, sums]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  epsilon: number,
): Tensor {
  const [centred, inverse] = standard(tf, x, stats, epsilon);
  const population = x.size / x.shape[channelAxis(x)]!;
  const mean = (index: number): Tensor => along(tf, x, tf.div(row(tf, sums, index), population));
  const rest = tf.add(mean(0), tf.mul(centred, tf.mul(inverse, mean(1))));
  return tf.mul(tf.sub(g, rest), tf.mul(inverse, along(tf, x, gamma)));
}
