/** Samples into a sub-batch and back, as products with matrices of zeros and ones. @module */

import type { Tensor, Tf } from "./layout.ts";
import { indicator } from "./scalars.ts";

/** [places, samples]: 1 where sample b is the j-th that the mask chooses. */
function choices(tf: Tf, mask: Tensor, places: number): Tensor {
  const samples = mask.shape[0]!;
  const rank = tf.sub(tf.cumsum(mask, 0), 1);
  const here = tf.equal(tf.reshape(tf.range(0, places, 1, "float32"), [places, 1]), tf.reshape(rank, [1, samples]));
  return tf.mul(indicator(tf, here), tf.reshape(mask, [1, samples]));
}

function moved(tf: Tf, by: Tensor, x: Tensor): Tensor {
  const flat = tf.reshape(x, [x.shape[0]!, x.size / x.shape[0]!]);
  return tf.reshape(tf.matMul(by, flat), [by.shape[0]!, ...x.shape.slice(1)]);
}

/** The samples chosen, first, with zeros behind: the runner cuts them off once it knows their number. */
export function compact(tf: Tf, x: Tensor, mask: Tensor): Tensor {
  const samples = mask.shape[0]!;
  const none = indicator(tf, tf.equal(tf.sum(mask), 0));
  const first = tf.pad(tf.reshape(none, [1, 1]), [[0, samples - 1], [0, samples - 1]]);
  return moved(tf, tf.add(choices(tf, mask, samples), first), x);
}

/** The samples of a sub-batch in their places. */
export function expand(tf: Tf, x: Tensor, mask: Tensor): Tensor {
  return moved(tf, tf.transpose(choices(tf, mask, x.shape[0]!)), x);
}
