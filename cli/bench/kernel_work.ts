/**
 * How much a kernel call computes, from the constants in its key.
 *
 * @module
 */

/** Arithmetic and traffic of one kernel call. */
export interface Work {
  /** Operations on floats that the method does: a product and its sum are two, a function such as `exp` is one. */
  readonly flops: number;
  /** Operations that the direct method would do, taps in the padding included, as PyTorch's counts have it. */
  readonly direct: number;
  /** Bytes moved if each operand passes once: what is read, what is written, and twice what is updated. */
  readonly bytes: number;
}

/** A map of so many pixels and channels. */
export interface MapSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Rows and columns. */
export type Pair = readonly [number, number];

/** Both sides of a convolution. */
export interface Maps {
  readonly input: MapSize;
  readonly output: MapSize;
}

/** Windows over a map: output pixel i meets input pixels i · stride + offset + tap. */
export interface Pass extends Maps {
  readonly groups: number;
  readonly taps: Pair;
  readonly step: Pair;
  readonly count: Pair;
  readonly stride: Pair;
  readonly offset: Pair;
}

/** A convolution with its kernel. */
export interface Convolution extends Maps {
  readonly groups: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly pad: Pair;
}

/** A convolution or the gradient of its input, in one call. */
export interface Whole {
  readonly convolution: Convolution;
}

/** A map of which every place is touched once. */
export interface Norm {
  readonly pixels: number;
  readonly channels: number;
}

/** A loop nest. */
export interface Axes {
  readonly axes: readonly { readonly size: number }[];
}

/** Axes that stay and axes that vanish. */
export interface Reduce {
  readonly kept: readonly { readonly size: number }[];
  readonly reduced: readonly { readonly size: number | "count" }[];
}

/** Expressions of maps and of tables with a number for each channel. */
export interface Pointwise extends Norm {
  readonly tables: number;
  readonly expr: Expr;
  readonly factor?: Expr;
}

/** An expression. */
export interface Expr {
  readonly fn: string;
  readonly of?: readonly Expr[];
}

/** F(4×4, 3×3): each tile of 16 outputs takes 36 products, where the direct method takes 144. */
export function winograd({ input, output }: Maps, samples: number): Partial<Work> {
  const [taps, tile, planes] = [9, 4, 36];
  const channels = 2 * input.channels * output.channels * samples;
  const tiles = Math.ceil(output.height / tile) * Math.ceil(output.width / tile);
  return { flops: planes * tiles * channels, direct: taps * output.height * output.width * channels };
}

/** A whole convolution, or one of its gradients, by the direct method. */
export function directWork(
  { input, output, groups, kernel, stride, pad }: Convolution,
  samples: number,
): Partial<Work> {
  const pairs = 2 * (input.channels / groups) * output.channels * samples;
  const count: Pair = [output.height, output.width];
  const met = meetings({ input, taps: kernel, count, stride, offset: [-pad[0], -pad[1]] });
  return { flops: met * pairs, direct: kernel[0] * kernel[1] * count[0] * count[1] * pairs };
}

/** A reduction: one operation for each number. */
export function reduceWork({ kept, reduced }: Reduce, samples: number): Partial<Work> {
  return { flops: sizeOf(kept) * sizeOf(reduced) * samples };
}

/** Whether filters belong to one channel each, to one pixel, or neither. */
export function kind(input: MapSize, output: MapSize, groups: number, taps: Pair): string {
  if (groups > 1 && groups === input.channels && groups === output.channels) return "depthwise";
  return taps.every((size) => size === 1) ? "1×1" : "direct k×k";
}

/** Pairs of an output pixel and a tap that meet the input. */
export function meetings({ input, taps, count, stride, offset }: Omit<Pass, "output" | "groups" | "step">): number {
  const along = (axis: 0 | 1): number => {
    const size = axis === 0 ? input.height : input.width;
    let pairs = 0;
    for (let i = 0; i < count[axis]; i++) {
      const origin = i * stride[axis] + offset[axis];
      pairs += Math.max(0, Math.min(size - origin, taps[axis]) - Math.max(-origin, 0));
    }
    return pairs;
  };
  return along(0) * along(1);
}

/** Functions of an expression; each counts as one operation. */
export function operations(expr: Expr | undefined): number {
  return (expr?.of ?? []).reduce((sum, part) => sum + operations(part), expr?.of === undefined ? 0 : 1);
}

/** Turns of a loop nest. */
export function sizeOf(axes: readonly { readonly size: number | "count" }[]): number {
  return axes.reduce((product, { size }) => product * Number(size), 1);
}

/** Numbers of an operand. */
export function numbers(operand: { readonly bytes: number } | undefined): number {
  return (operand?.bytes ?? 0) / 4;
}

/** Products, each with its sum. */
export function twice(products: number): Partial<Work> {
  return { flops: 2 * products };
}
