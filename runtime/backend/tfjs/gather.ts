/** Rows of a memory, chosen by sample: one sample after another, so that no copy of all rows is ever held. @module */

import type { Tensor, Tf } from "./layout.ts";

/** Products of each sample's vector with the rows it chose. */
export function gatherDot(tf: Tf, memory: Tensor, index: Tensor, v: Tensor): Tensor {
  const width = memory.shape[1]!;
  return perSample(tf, memory, index, (rows, b) => {
    const vector = tf.reshape(tf.slice(v, [b, 0], [1, width]), [width, 1]);
    return tf.reshape(tf.matMul(rows, vector), [1, rows.shape[0]!]);
  });
}

/** Sum of the rows that each sample chose, each with a factor. */
export function gatherSum(tf: Tf, memory: Tensor, index: Tensor, g: Tensor): Tensor {
  return perSample(
    tf,
    memory,
    index,
    (rows, b) => tf.matMul(tf.slice(g, [b, 0], [1, rows.shape[0]!]) as typeof rows, rows),
  );
}

/** The memory with one row a sample written anew; a negative position writes nothing. */
export function assignRows(tf: Tf, memory: Tensor, values: Tensor, rows: Tensor): Tensor {
  return tf.tidy(() => {
    const [size, width] = memory.shape as [number, number];
    const count = rows.shape[0]!;
    const positions = tf.cast(tf.reshape(rows, [count]), "int32");
    // A later sample wins over an earlier one of the same row: only its own position counts for it.
    const order = tf.range(0, count, 1, "int32");
    const equal = tf.equal(tf.reshape(positions, [count, 1]), tf.reshape(positions, [1, count]));
    const later = tf.greater(tf.reshape(order, [1, count]), tf.reshape(order, [count, 1]));
    const beaten = tf.any(tf.logicalAnd(equal, later), 1);
    const written = tf.logicalAnd(tf.greaterEqual(positions, 0), tf.logicalNot(beaten));
    const kept = tf.reshape(tf.cast(written, "float32"), [count, 1]);
    // What is not written adds nothing to row 0.
    const places = tf.cast(tf.reshape(tf.maximum(positions, 0), [count, 1]), "int32");
    const covered = tf.scatterND(places, kept, [size, 1]);
    const fresh = tf.scatterND(places, tf.mul(tf.reshape(values, [count, width]), kept), [size, width]);
    return tf.add(tf.mul(memory, tf.sub(1, covered)), fresh);
  });
}

function perSample(
  tf: Tf,
  memory: Tensor,
  index: Tensor,
  body: (rows: ReturnType<Tf["gather"]> & { readonly rank: 2 }, sample: number) => Tensor,
): Tensor {
  const [count, chosen] = index.shape as [number, number];
  const last = tf.scalar(memory.shape[0]! - 1);
  const parts = Array.from({ length: count }, (_, b) =>
    tf.tidy(() => {
      const here = tf.reshape(tf.slice(index, [b, 0], [1, chosen]), [chosen]);
      const positions = tf.cast(tf.minimum(tf.maximum(here, 0), last), "int32");
      return body(tf.gather(memory, positions) as never, b);
    }));
  return tf.concat(parts, 0);
}
