/** One function a primitive: tensors inside to a tensor inside. @module */

import type { NodeOf, Primitive } from "../../ir/node.ts";
import { averagePool, averagePoolInput, conv2d, conv2dFilter, conv2dInput, maxPool, maxPoolInput } from "./convolve.ts";
import { insideAxis, insidePermutation, insideShape, type Tensor, type Tf, toBorder, toInside } from "./layout.ts";
import { gatherDot, gatherSum } from "./gather.ts";
import { batchNorm, batchNormInput, batchNormSums, batchStats } from "./norm.ts";
import { compact, expand } from "./route.ts";
import { indicator, type Instruction, runInstructions } from "./scalars.ts";

/** Primitives that compute on the device; `weigh` is searched for on the host, see the runner. */
export type Computing = Exclude<Primitive, "parameter" | "buffer" | "input" | "uniform" | "constant" | "weigh">;

/** What a kernel is given beside its tensors. */
export interface Call<P extends Computing> {
  readonly tf: Tf;
  readonly attrs: NodeOf<P>["attrs"];
  /** Shape of the result at the border, batch axes as long as the batch really is. */
  readonly shape: number[];
  /** The expression of an element-wise node. */
  readonly list: readonly Instruction[];
}

type Kernel<P extends Computing> = (call: Call<P>, inputs: readonly Tensor[]) => Tensor;

/** The table of all primitives. */
export const kernels: { readonly [P in Computing]: Kernel<P> } = {
  elementwise: ({ tf, list, shape }, inputs) => {
    const present = insideShape(shape);
    return runInstructions(tf, list, inputs.map((x) => cut(tf, x, present)), present);
  },
  sum: ({ tf, attrs }, [x]) => tf.sum(x!, axesOf(x!, attrs.axes), true),
  reduceMax: ({ tf, attrs }, [x]) => tf.max(x!, axesOf(x!, attrs.axes), true),
  matmul: ({ tf, attrs }, [a, b]) => tf.matMul(a!, b!, attrs.transposeA, attrs.transposeB),
  conv2d: ({ tf, attrs }, [x, w]) => conv2d(tf, x!, w!, attrs),
  conv2dInput: ({ tf, attrs }, [g, w]) => conv2dInput(tf, g!, w!, attrs, attrs.size),
  conv2dFilter: ({ tf, attrs }, [x, g]) => conv2dFilter(tf, x!, g!, attrs, attrs.kernel),
  averagePool: ({ tf, attrs }, [x]) => averagePool(tf, x!, attrs),
  averagePoolInput: ({ tf, attrs }, [g]) => averagePoolInput(tf, g!, attrs, attrs.size),
  maxPool: ({ tf, attrs }, [x]) => maxPool(tf, x!, attrs),
  maxPoolInput: ({ tf, attrs }, [x, g]) => maxPoolInput(tf, x!, g!, attrs),
  batchStats: ({ tf }, [x]) => batchStats(tf, x!),
  batchNorm: ({ tf, attrs }, [x, stats, gamma, beta]) => batchNorm(tf, x!, stats!, gamma!, beta!, attrs.epsilon),
  batchNormSums: ({ tf, attrs }, [g, x, stats]) => batchNormSums(tf, g!, x!, stats!, attrs.epsilon),
  batchNormInput: ({ tf, attrs }, [g, x, stats, gamma, sums]) =>
    batchNormInput(tf, [g!, x!, stats!, gamma!, sums!], attrs.epsilon),
  oneHot: ({ tf, attrs }, [labels]) => oneHot(tf, labels!, attrs.classes),
  kthSmallest: ({ tf, attrs }, [x]) => kthSmallest(tf, x!, attrs.k),
  gatherDot: ({ tf }, [memory, index, v]) => gatherDot(tf, memory!, index!, v!),
  gatherSum: ({ tf }, [memory, index, g]) => gatherSum(tf, memory!, index!, g!),
  concat: ({ tf, attrs }, parts) => tf.concat([...parts], insideAxis(attrs.axis, parts[0]!.shape.length)),
  slice: ({ tf, attrs }, [x]) => {
    const axis = insideAxis(attrs.axis, x!.shape.length);
    const size = x!.shape.map((whole, at) => at === axis ? attrs.size : whole);
    return tf.slice(x!, x!.shape.map((_, at) => at === axis ? attrs.start : 0), size);
  },
  padAxis: ({ tf, attrs }, [x]) => {
    const axis = insideAxis(attrs.axis, x!.shape.length);
    return tf.pad(x!, x!.shape.map((_, at) => at === axis ? [attrs.before, attrs.after] : [0, 0]));
  },
  reshape: ({ tf, shape }, [x]) => toInside(tf, tf.reshape(toBorder(tf, x!), shape)),
  permute: ({ tf, attrs }, [x]) => tf.transpose(x!, insidePermutation(attrs.axes)),
  compact: ({ tf }, [x, mask]) => compact(tf, x!, mask!),
  expand: ({ tf }, [x, mask]) => expand(tf, x!, mask!),
};

/** What of a tensor belongs to samples that are present: one without a batch axis has numbers for all that may be. */
function cut(tf: Tf, x: Tensor, present: readonly number[]): Tensor {
  const size = x.shape.map((length, axis) => Math.min(length, present[axis]!));
  return size.some((length, axis) => length < x.shape[axis]!) ? tf.slice(x, size.map(() => 0), size) : x;
}

function axesOf(x: Tensor, axes: readonly number[]): number[] {
  return axes.map((axis) => insideAxis(axis, x.shape.length));
}

/** By comparison: tfjs's own kernel writes integers on one engine, whose bytes another takes for floats. */
function oneHot(tf: Tf, labels: Tensor, classes: number): Tensor {
  const columns = tf.reshape(tf.range(0, classes), [1, classes]);
  return indicator(tf, tf.equal(tf.reshape(labels, [labels.shape[0]!, 1]), columns));
}

/** The k largest of −x, sorted: the last one is minus the k-th smallest of x. */
function kthSmallest(tf: Tf, x: Tensor, k: number): Tensor {
  const { values } = tf.topk(tf.neg(x), k, true);
  return tf.neg(tf.slice(values, [0, k - 1], [x.shape[0]!, 1]));
}
