/** Convolutions and pooling through tfjs kernels. @module */

import type { NamedAttrMap, NamedTensorMap } from "@tensorflow/tfjs-core";
import type { ConvAttrs, PoolAttrs } from "../../ir/node.ts";
import type { Tensor, Tf } from "./layout.ts";

type Pads = [[number, number], [number, number], [number, number], [number, number]];

function pads([h, w]: readonly [number, number]): Pads {
  return [[0, 0], [h, h], [w, w], [0, 0]];
}

function kernel(tf: Tf, name: string, inputs: Record<string, Tensor>, attrs: Record<string, unknown>): Tensor {
  return tf.engine().runKernel(name, inputs as NamedTensorMap, attrs as NamedAttrMap) as Tensor;
}

/** Weights [O, C/g, kH, kW], inside [O, kH, kW, C/g], as tfjs's filter [kH, kW, C/g, O]. */
function filterOf(tf: Tf, w: Tensor): Tensor {
  return tf.transpose(w, [1, 2, 3, 0]);
}

/** Whether every group has one input channel, which tfjs has kernels of its own for. */
function isDepthwise(channels: number, groups: number): boolean {
  return groups > 1 && channels === groups;
}

/** Depthwise weights [C·m, 1, kH, kW], inside [C·m, kH, kW, 1], as tfjs's filter [kH, kW, C, m]. */
function depthwiseFilter(tf: Tf, w: Tensor, channels: number): Tensor {
  const [out, kh, kw] = w.shape as [number, number, number];
  return tf.transpose(tf.reshape(w, [channels, out / channels, kh, kw]), [2, 3, 0, 1]);
}

/** Part `group` of `groups` equal parts of an axis. */
function part(tf: Tf, x: Tensor, axis: number, group: number, groups: number): Tensor {
  const size = x.shape.map((whole, at) => at === axis ? whole / groups : whole);
  return tf.slice(x, x.shape.map((_, at) => at === axis ? group * size[axis]! : 0), size);
}

/** The parts of a grouped convolution, joined along an axis. */
function byGroup(tf: Tf, groups: number, axis: number, one: (group: number) => Tensor): Tensor {
  return tf.concat(Array.from({ length: groups }, (_, group) => one(group)), axis);
}

/** Convolution of maps inside. */
export function conv2d(tf: Tf, x: Tensor, w: Tensor, { stride, pad, groups }: ConvAttrs): Tensor {
  const channels = x.shape[3]!;
  const strides: [number, number] = [...stride];
  if (isDepthwise(channels, groups)) {
    const filter = depthwiseFilter(tf, w, channels);
    return tf.depthwiseConv2d(x as never, filter as never, strides, pads(pad));
  }
  const plain = (images: Tensor, weights: Tensor): Tensor =>
    tf.conv2d(images as never, filterOf(tf, weights) as never, strides, pads(pad));
  if (groups === 1) return plain(x, w);
  return byGroup(tf, groups, 3, (g) => plain(part(tf, x, 3, g, groups), part(tf, w, 0, g, groups)));
}

/** Input gradient: maps [B, H, W, C] of `size`. */
export function conv2dInput(
  tf: Tf,
  g: Tensor,
  w: Tensor,
  { stride, pad, groups }: ConvAttrs,
  size: readonly [number, number],
): Tensor {
  const channels = w.shape[3]! * groups;
  const attrs = { strides: [...stride], pad: pads(pad), dataFormat: "NHWC", dilations: [1, 1] };
  const inputShape = [g.shape[0]!, ...size, channels / groups];
  if (isDepthwise(channels, groups)) {
    const filter = depthwiseFilter(tf, w, channels);
    return kernel(tf, "DepthwiseConv2dNativeBackpropInput", { dy: g, filter }, {
      ...attrs,
      inputShape: [g.shape[0]!, ...size, channels],
    });
  }
  const plain = (dy: Tensor, weights: Tensor): Tensor =>
    kernel(tf, "Conv2DBackpropInput", { dy, filter: filterOf(tf, weights) }, { ...attrs, inputShape });
  if (groups === 1) return plain(g, w);
  return byGroup(tf, groups, 3, (k) => plain(part(tf, g, 3, k, groups), part(tf, w, 0, k, groups)));
}

/** Filter gradient: [O, kH, kW, C/g], as weights lie inside. */
export function conv2dFilter(
  tf: Tf,
  x: Tensor,
  g: Tensor,
  { stride, pad, groups }: ConvAttrs,
  [kh, kw]: readonly [number, number],
): Tensor {
  const [channels, out] = [x.shape[3]!, g.shape[3]!];
  const attrs = { strides: [...stride], pad: pads(pad), dataFormat: "NHWC", dilations: [1, 1] };
  if (isDepthwise(channels, groups)) {
    const filterShape = [kh, kw, channels, out / channels];
    const dw = kernel(tf, "DepthwiseConv2dNativeBackpropFilter", { x, dy: g }, { ...attrs, filterShape });
    return tf.reshape(tf.transpose(dw, [2, 3, 0, 1]), [out, kh, kw, 1]);
  }
  const filterShape = [kh, kw, channels / groups, out / groups];
  const plain = (images: Tensor, dy: Tensor): Tensor =>
    tf.transpose(kernel(tf, "Conv2DBackpropFilter", { x: images, dy }, { ...attrs, filterShape }), [3, 0, 1, 2]);
  if (groups === 1) return plain(x, g);
  return byGroup(tf, groups, 0, (k) => plain(part(tf, x, 3, k, groups), part(tf, g, 3, k, groups)));
}

/** Mean of windows. tfjs leaves padding out of its means, so the zeros are put in first. */
export function averagePool(tf: Tf, x: Tensor, { kernel: window, stride, pad }: PoolAttrs): Tensor {
  return tf.avgPool(padded(tf, x, pad) as never, [...window], [...stride], "valid");
}

function padded(tf: Tf, x: Tensor, pad: readonly [number, number]): Tensor {
  return pad[0] + pad[1] === 0 ? x : tf.pad(x, pads(pad));
}

/** Input gradient of averagePool. */
export function averagePoolInput(
  tf: Tf,
  g: Tensor,
  { kernel: window, stride, pad }: PoolAttrs,
  [h, w]: readonly [number, number],
): Tensor {
  const [b, , , c] = g.shape as [number, number, number, number];
  const input = tf.zeros([b, h + 2 * pad[0], w + 2 * pad[1], c]);
  const attrs = { filterSize: [...window], strides: [...stride], pad: "valid" };
  return tf.slice(kernel(tf, "AvgPoolGrad", { dy: g, input }, attrs), [0, ...pad, 0], [b, h, w, c]);
}

/** Maximum of windows. */
export function maxPool(tf: Tf, x: Tensor, { kernel: window, stride, pad }: PoolAttrs): Tensor {
  return tf.maxPool(x as never, [...window], [...stride], pads(pad));
}

/** Input gradient of maxPool, which goes to the first maximum of a window. */
export function maxPoolInput(tf: Tf, x: Tensor, g: Tensor, attrs: PoolAttrs): Tensor {
  const { kernel: window, stride, pad } = attrs;
  if (tf.getBackend() === "webgpu") return maxPoolInputReversed(tf, x, g, attrs);
  return kernel(tf, "MaxPoolGrad", { dy: g, input: x, output: maxPool(tf, x, attrs) }, {
    filterSize: [...window],
    strides: [...stride],
    pad: pads(pad),
  });
}

/**
 * The same where tfjs picks the last maximum, as its WebGPU engine does: on maps turned around, the last is the first.
 *
 * Turned windows have to cover the same elements, so padding is put in and rows that no window covers are cut first.
 */
function maxPoolInputReversed(tf: Tf, x: Tensor, g: Tensor, { kernel: window, stride, pad }: PoolAttrs): Tensor {
  const [b, h, w, c] = x.shape as [number, number, number, number];
  const lowest = -3e38;
  const covered = [0, 1].map((axis) => (g.shape[axis + 1]! - 1) * stride[axis]! + window[axis]!) as [number, number];
  const whole = pad[0] + pad[1] === 0 ? x : tf.pad(x, pads(pad), lowest);
  const input = tf.reverse(tf.slice(whole, [0, 0, 0, 0], [b, ...covered, c]), [1, 2]);
  const attrs = { filterSize: [...window], strides: [...stride], pad: "valid" };
  const output = g; // Only its shape matters to this engine.
  const turned = kernel(tf, "MaxPoolGrad", { dy: tf.reverse(g, [1, 2]), input, output }, attrs);
  const rest = (axis: 0 | 1): [number, number] => [0, [h, w][axis]! + 2 * pad[axis] - covered[axis]];
  const grown = tf.pad(tf.reverse(turned, [1, 2]), [[0, 0], rest(0), rest(1), [0, 0]]);
  return tf.slice(grown, [0, ...pad, 0], [b, h, w, c]);
}
