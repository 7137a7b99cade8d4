/**
 * The shape rule of every primitive, apart from the builder that applies them: what verification compares with.
 *
 * @module
 */

import { type Node, type NodeOf, type Pair, type Primitive, type Shape, sizeOf } from "./node.ts";

/** What a node's shape has to be; `undefined` where its inputs or constants contradict each other. */
export type ShapeRule<P extends Primitive> = (node: NodeOf<P>, inputs: readonly Shape[]) => Shape | undefined;

/** A leaf names a value of any shape. */
const any = (node: Node): Shape => node.shape;

/** The rule table, closed over all primitives. */
export const shapeRules: { readonly [P in Primitive]: ShapeRule<P> } = {
  parameter: any,
  buffer: any,
  input: any,
  uniform: () => [],
  constant: any,
  elementwise: ({ shape }, inputs) =>
    inputs.every((x) => x.length === shape.length && x.every((size, axis) => size === 1 || size === shape[axis]))
      ? shape
      : undefined,
  sum: reduced,
  reduceMax: reduced,
  matmul: ({ attrs: { transposeA, transposeB } }, [x, y]) => {
    const [rows, inner] = turned(x!, transposeA);
    const [depth, columns] = turned(y!, transposeB);
    const lead = x!.slice(0, -2);
    return inner === depth && same(lead, y!.slice(0, -2)) ? [...lead, rows!, columns!] : undefined;
  },
  conv2d: ({ attrs }, [x, w]) => convolved(x!, w!, attrs),
  conv2dInput: ({ attrs }, [g, w]) => {
    const x = [g![0]!, w![1]! * attrs.groups, ...attrs.size];
    return sameMaybe(convolved(x, w!, attrs), g!) ? x : undefined;
  },
  conv2dFilter: ({ attrs }, [x, g]) => {
    const w = [g![1]!, x![1]! / attrs.groups, ...attrs.kernel];
    return sameMaybe(convolved(x!, w, attrs), g!) ? w : undefined;
  },
  averagePool: pooled,
  maxPool: pooled,
  averagePoolInput: ({ attrs }, [g]) => {
    const x = [g![0]!, g![1]!, ...attrs.size];
    return same([...x.slice(0, 2), ...slid(x, attrs.kernel, attrs)], g!) ? x : undefined;
  },
  maxPoolInput: (node, [x, g]) => (sameMaybe(pooled(node, [x!]), g!) ? x : undefined),
  batchStats: (_, [x]) => [2, x![1]!],
  batchNorm: (_, [x, stats, gamma, beta]) =>
    same(stats!, [2, x![1]!]) && same(gamma!, [x![1]!]) && same(beta!, [x![1]!]) ? x : undefined,
  batchNormSums: (_, [g, x, stats]) => (same(g!, x!) && same(stats!, [2, x![1]!]) ? [2, x![1]!] : undefined),
  batchNormInput: (_, [g, x, stats, gamma, sums]) =>
    same(g!, x!) && same(stats!, sums!) && same(stats!, [2, x![1]!]) && same(gamma!, [x![1]!]) ? x : undefined,
  oneHot: ({ attrs }, [labels]) => (labels!.length === 1 ? [labels![0]!, attrs.classes] : undefined),
  kthSmallest: ({ attrs }, [x]) => (x!.length === 2 && attrs.k >= 1 && attrs.k <= x![1]! ? [x![0]!, 1] : undefined),
  weigh: ({ attrs: { members, per, rule } }, [scores, labels]) =>
    scores![1] === members * labels![1]! && scores![0] === labels![0] && (per === "batch" || rule === "simplex")
      ? [per === "sample" ? scores![0]! : 1, members]
      : undefined,
  gatherDot: (_, [memory, index, v]) =>
    index!.length === 2 && memory!.length === 2 && same(v!, [index![0]!, memory![1]!]) ? index : undefined,
  gatherSum: (_, [memory, index, g]) =>
    index!.length === 2 && memory!.length === 2 && same(g!, index!) ? [index![0]!, memory![1]!] : undefined,
  concat: ({ attrs: { axis } }, parts) =>
    parts.every((part) => same(part.with(axis, 0), parts[0]!.with(axis, 0)))
      ? parts[0]!.with(axis, parts.reduce((sum, part) => sum + part[axis]!, 0))
      : undefined,
  slice: ({ attrs: { axis, start, size } }, [x]) =>
    start >= 0 && size >= 1 && start + size <= x![axis]! ? x!.with(axis, size) : undefined,
  padAxis: ({ attrs: { axis, before, after } }, [x]) => x!.with(axis, before + x![axis]! + after),
  reshape: ({ shape }, [x]) => (sizeOf(shape) === sizeOf(x!) ? shape : undefined),
  permute: ({ attrs: { axes } }, [x]) =>
    same([...axes].sort((a, b) => a - b), x!.map((_, axis) => axis)) ? axes.map((axis) => x![axis]!) : undefined,
  compact: moved,
  expand: moved,
};

/** Whether a node has the shape that its rule gives. */
export function hasRuledShape(node: Node, inputs: readonly Shape[]): boolean {
  const rule = shapeRules[node.op] as ShapeRule<Primitive>;
  return sameMaybe(rule(node as never, inputs), node.shape) &&
    node.shape.every((size) => Number.isInteger(size) && size > 0);
}

function reduced({ attrs: { axes } }: NodeOf<"sum"> | NodeOf<"reduceMax">, [x]: readonly Shape[]): Shape {
  return x!.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

function moved(_: Node, [x, mask, count]: readonly Shape[]): Shape | undefined {
  return same(mask!, [x![0]!]) && same(count ?? [], []) ? x : undefined;
}

function turned(shape: Shape, transposed: boolean): Shape {
  return transposed ? shape.slice(-2).reverse() : shape.slice(-2);
}

interface Sliding {
  readonly stride: Pair;
  readonly pad: Pair;
}

function slid(x: Shape, kernel: Shape, { stride, pad }: Sliding): Shape {
  return [0, 1].map((axis) => Math.floor((x[axis + 2]! + 2 * pad[axis]! - kernel[axis]!) / stride[axis]!) + 1);
}

function convolved(x: Shape, w: Shape, attrs: Sliding & { readonly groups: number }): Shape | undefined {
  const fits = w[1]! * attrs.groups === x[1]! && w[0]! % attrs.groups === 0;
  return fits ? [x[0]!, w[0]!, ...slid(x, w.slice(2), attrs)] : undefined;
}

function pooled(
  { attrs }: NodeOf<"averagePool"> | NodeOf<"maxPool"> | NodeOf<"maxPoolInput">,
  [x]: readonly Shape[],
): Shape {
  return [x![0]!, x![1]!, ...slid(x!, attrs.kernel, attrs)];
}

function same(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function sameMaybe(a: Shape | undefined, b: Shape): boolean {
  return a !== undefined && same(a, b);
}
