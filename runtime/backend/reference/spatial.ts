/** Convolutions and pooling of the reference backend: the definition, loop by loop. @module */

import type { ConvAttrs, NodeOf, Pair, PoolAttrs } from "../../ir/node.ts";
import { type Tensor, tensor } from "./tensor.ts";

/**
 * Products under one filter element w: for rows i < height and columns j < width, y[y + i · yRow + j] meets
 * x[x + i · xRow + j · xStep].
 */
interface Patch {
  x: number;
  xRow: number;
  xStep: number;
  w: number;
  y: number;
  yRow: number;
  height: number;
  width: number;
}

/**
 * Visits every (image, filter element) pair of a convolution: x[b, ci, h, w] meets w[co, cig, kh, kw] in
 * y[b, co, oh, ow]. All three convolution primitives are this loop with another factor as the result.
 */
function convolve(
  attrs: ConvAttrs,
  images: number,
  [channels, height, width]: readonly [number, number, number],
  [out, kh, kw]: readonly [number, number, number],
  [oh, ow]: Pair,
  visit: (patch: Readonly<Patch>) => void,
): void {
  const { stride: [sh, sw], pad: [ph, pw], groups } = attrs;
  const [cg, og] = [channels / groups, out / groups];
  const patch: Patch = { x: 0, xRow: sh * width, xStep: sw, w: 0, y: 0, yRow: ow, height: 0, width: 0 };
  for (let b = 0; b < images; b++) {
    for (let co = 0; co < out; co++) {
      const group = Math.floor(co / og);
      for (let cig = 0; cig < cg; cig++) {
        const ci = group * cg + cig;
        for (let r = 0; r < kh; r++) {
          const [top, bottom] = covered(oh, height, sh, ph - r);
          for (let c = 0; c < kw; c++) {
            const [left, right] = covered(ow, width, sw, pw - c);
            if (bottom <= top || right <= left) continue;
            patch.x = ((b * channels + ci) * height + top * sh - ph + r) * width + left * sw - pw + c;
            patch.w = ((co * cg + cig) * kh + r) * kw + c;
            patch.y = ((b * out + co) * oh + top) * ow + left;
            patch.height = bottom - top;
            patch.width = right - left;
            visit(patch);
          }
        }
      }
    }
  }
}

/** First and one past the last output i < outputs whose element i · stride − pad lies within 0 … size − 1. */
function covered(outputs: number, size: number, stride: number, pad: number): Pair {
  return [Math.max(0, Math.ceil(pad / stride)), Math.min(outputs, Math.floor((size - 1 + pad) / stride) + 1)];
}

/** Convolution. */
export function conv2d(node: NodeOf<"conv2d">, x: Tensor, w: Tensor, count: number): Tensor {
  const y = tensor(node.shape);
  const [, channels, height, width] = x.shape as readonly [number, number, number, number];
  const [out, , kh, kw] = w.shape as readonly [number, number, number, number];
  const [xd, wd, yd] = [x.data, w.data, y.data];
  const size = [node.shape[2]!, node.shape[3]!] as const;
  convolve(node.attrs, count, [channels, height, width], [out, kh, kw], size, (p) => {
    const { xStep, width } = p;
    const factor = wd[p.w]!;
    for (let i = 0; i < p.height; i++) {
      const [from, to] = [p.x + i * p.xRow, p.y + i * p.yRow];
      for (let j = 0; j < width; j++) yd[to + j] = yd[to + j]! + xd[from + j * xStep]! * factor;
    }
  });
  return y;
}

/** Input gradient of a convolution. */
export function conv2dInput(node: NodeOf<"conv2dInput">, g: Tensor, w: Tensor, count: number): Tensor {
  const x = tensor(node.shape);
  const [, channels, height, width] = node.shape as readonly [number, number, number, number];
  const [out, , kh, kw] = w.shape as readonly [number, number, number, number];
  const [xd, wd, gd] = [x.data, w.data, g.data];
  const size = [g.shape[2]!, g.shape[3]!] as const;
  convolve(node.attrs, count, [channels, height, width], [out, kh, kw], size, (p) => {
    const { xStep, width } = p;
    const factor = wd[p.w]!;
    for (let i = 0; i < p.height; i++) {
      const [to, from] = [p.x + i * p.xRow, p.y + i * p.yRow];
      for (let j = 0; j < width; j++) xd[to + j * xStep] = xd[to + j * xStep]! + gd[from + j]! * factor;
    }
  });
  return x;
}

/** Filter gradient of a convolution. */
export function conv2dFilter(node: NodeOf<"conv2dFilter">, x: Tensor, g: Tensor, count: number): Tensor {
  const w = tensor(node.shape);
  const [, channels, height, width] = x.shape as readonly [number, number, number, number];
  const [out, , kh, kw] = node.shape as readonly [number, number, number, number];
  const [xd, wd, gd] = [x.data, w.data, g.data];
  const size = [g.shape[2]!, g.shape[3]!] as const;
  convolve(node.attrs, count, [channels, height, width], [out, kh, kw], size, (p) => {
    const { xStep, width } = p;
    let total = wd[p.w]!;
    for (let i = 0; i < p.height; i++) {
      const [from, to] = [p.x + i * p.xRow, p.y + i * p.yRow];
      for (let j = 0; j < width; j++) total += xd[from + j * xStep]! * gd[to + j]!;
    }
    wd[p.w] = total;
  });
  return w;
}

/** Visits every window of every plane: its output position and the input positions inside the map. */
function windows(
  attrs: PoolAttrs,
  planes: number,
  [height, width]: Pair,
  [oh, ow]: Pair,
  visit: (output: number, inside: readonly number[]) => void,
): void {
  const { kernel: [kh, kw], stride: [sh, sw], pad: [ph, pw] } = attrs;
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        const inside: number[] = [];
        for (let r = 0; r < kh; r++) {
          for (let c = 0; c < kw; c++) {
            const [h, w] = [i * sh - ph + r, j * sw - pw + c];
            if (h >= 0 && h < height && w >= 0 && w < width) inside.push((p * height + h) * width + w);
          }
        }
        visit((p * oh + i) * ow + j, inside);
      }
    }
  }
}

/** Average or maximum of windows. */
export function pool(node: NodeOf<"averagePool"> | NodeOf<"maxPool">, x: Tensor): Tensor {
  const y = tensor(node.shape);
  const area = node.attrs.kernel[0] * node.attrs.kernel[1];
  const [b, c, oh, ow] = node.shape as readonly [number, number, number, number];
  windows(node.attrs, b * c, [x.shape[2]!, x.shape[3]!], [oh, ow], (output, inside) => {
    y.data[output] = node.op === "averagePool"
      ? inside.reduce((sum, at) => sum + x.data[at]!, 0) / area
      : inside.reduce((largest, at) => Math.max(largest, x.data[at]!), -Infinity);
  });
  return y;
}

/** Input gradient of average pooling. */
export function averagePoolInput(node: NodeOf<"averagePoolInput">, g: Tensor): Tensor {
  const x = tensor(node.shape);
  const area = node.attrs.kernel[0] * node.attrs.kernel[1];
  const [b, c, h, w] = node.shape as readonly [number, number, number, number];
  windows(node.attrs, b * c, [h, w], [g.shape[2]!, g.shape[3]!], (output, inside) => {
    for (const at of inside) x.data[at]! += g.data[output]! / area;
  });
  return x;
}

/** Input gradient of max pooling: to the first maximum in row order. */
export function maxPoolInput(node: NodeOf<"maxPoolInput">, x: Tensor, g: Tensor): Tensor {
  const dx = tensor(node.shape);
  const [b, c, h, w] = node.shape as readonly [number, number, number, number];
  windows(node.attrs, b * c, [h, w], [g.shape[2]!, g.shape[3]!], (output, inside) => {
    const first = inside.reduce((best, at) => (x.data[at]! > x.data[best]! ? at : best), inside[0]!);
    dx.data[first]! += g.data[output]!;
  });
  return dx;
}
