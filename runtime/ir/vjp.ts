/**
 * Reverse-mode rules: the gradient of every primitive with respect to each input, as graph nodes.
 *
 * @module
 */

import { VerificationError } from "../../dsl/errors.ts";
import type { GraphBuilder } from "./builder.ts";
import { call, derivative, type Expr, input as operand, value } from "./expr.ts";
import type { NodeOf, Pair, Primitive } from "./node.ts";

/** Gradient per input; `undefined` where none flows. */
export type VjpRule<P extends Primitive> = (
  b: GraphBuilder,
  node: NodeOf<P>,
  /** Gradient with respect to the node's result. */
  out: number,
  /** Whether an input needs its gradient; others may be left `undefined`. */
  wanted: (input: number) => boolean,
) => readonly (number | undefined)[];

const none = (): readonly undefined[] => [];

/** max(0, x). */
function isRelu(expr: Expr): boolean {
  const [zero, x] = expr.fn === "max" ? expr.of : [];
  return zero?.fn === "value" && zero.value === 0 && x?.fn === "input";
}

/** Zero where the result y of ReLU is: y · ∂ is told by y as well as by x, which then need not be kept. */
const reluGradient: Expr = call(
  "mul",
  operand(1),
  call("select", call("ge", value(0), operand(0)), value(0), value(1)),
);

/** Second derivatives that no training step takes. */
function refuse(what: string): () => never {
  return () => {
    throw new VerificationError(
      `Cannot differentiate ${what}: it is a gradient already, and second derivatives through it are not offered.`,
    );
  };
}

/** Height and width of a map. */
function plane(b: GraphBuilder, id: number): Pair {
  const [, , height, width] = b.shape(id) as readonly [number, number, number, number];
  return [height, width];
}

/** The rule table, closed over all primitives. */
export const vjp: { readonly [P in Primitive]: VjpRule<P> } = {
  parameter: none,
  buffer: none,
  input: none,
  uniform: none,
  constant: none,
  elementwise: (b, node, out, wanted) =>
    node.inputs.map((source, i) => {
      if (!wanted(source)) return undefined;
      if (isRelu(node.attrs.expr)) return sumTo(b, b.elementwise(reluGradient, [node.id, out]), source);
      const slope = derivative(node.attrs.expr, i);
      if (slope.fn === "value" && slope.value === 0) return undefined;
      const g = node.inputs.length;
      return sumTo(b, b.elementwise(call("mul", operand(g), slope), [...node.inputs, out]), source);
    }),
  sum: (b, node, out) => [spread(b, out, node.inputs[0]!)],
  reduceMax: (b, node, out) => [shareAmongEqual(b, node.inputs[0]!, node.id, out, node.attrs.axes)],
  kthSmallest: (b, node, out) => [shareAmongEqual(b, node.inputs[0]!, node.id, out, [1])],
  matmul: (b, { inputs: [x, y], attrs: { transposeA, transposeB } }, out) => [
    transposeA ? b.matmul(y!, out, transposeB, true) : b.matmul(out, y!, false, !transposeB),
    transposeB ? b.matmul(out, x!, true, transposeA) : b.matmul(x!, out, !transposeA, false),
  ],
  conv2d: (b, { inputs: [x, w], attrs }, out, wanted) => [
    wanted(x!) ? b.conv2dInput(out, w!, attrs, plane(b, x!)) : undefined,
    wanted(w!) ? b.conv2dFilter(x!, out, attrs, plane(b, w!)) : undefined,
  ],
  conv2dInput: (b, { inputs: [g, w], attrs }, out, wanted) => [
    wanted(g!) ? b.conv2d(out, w!, attrs) : undefined,
    wanted(w!) ? b.conv2dFilter(out, g!, attrs, plane(b, w!)) : undefined,
  ],
  conv2dFilter: (b, { inputs: [x, g], attrs }, out, wanted) => [
    wanted(x!) ? b.conv2dInput(g!, out, attrs, plane(b, x!)) : undefined,
    wanted(g!) ? b.conv2d(x!, out, attrs) : undefined,
  ],
  averagePool: (b, { inputs: [x], attrs }, out) => [b.averagePoolInput(out, attrs, plane(b, x!))],
  averagePoolInput: (
    b,
    { attrs: { kernel, stride, pad } },
    out,
  ) => [b.pool("averagePool", out, { kernel, stride, pad })],
  maxPool: (b, { inputs: [x], attrs }, out) => [b.maxPoolInput(x!, out, attrs)],
  maxPoolInput: refuse("maxPoolInput"),
  batchStats: (b, node, out) => {
    const [x] = node.inputs as readonly [number];
    const share = (row: number): number => channelwise(b, b.slice(out, 0, row, 1), x);
    const centred = b.elementwise(call("sub", operand(0), operand(1)), [
      x,
      channelwise(b, b.slice(node.id, 0, 0, 1), x),
    ]);
    const slope = call("add", operand(0), call("mul", call("mul", value(2), operand(1)), operand(2)));
    const total = b.elementwise(slope, [share(0), share(1), centred]);
    return [b.map("div", total, population(b, x))];
  },
  batchNorm: (b, { inputs: [x, stats, gamma, beta], attrs: { epsilon } }, out, wanted) => {
    const sums = b.batchNormSums(out, x!, stats!, epsilon);
    const row = (index: number, like: number): number => b.reshape(b.slice(sums, 0, index, 1), b.shape(like));
    return [
      wanted(x!) ? b.batchNormInput(out, x!, stats!, gamma!, sums, epsilon) : undefined,
      undefined,
      row(1, gamma!),
      row(0, beta!),
    ];
  },
  batchNormSums: refuse("batchNormSums"),
  batchNormInput: refuse("batchNormInput"),
  oneHot: none,
  weigh: none,
  gatherDot: (
    b,
    { inputs: [memory, index] },
    out,
  ) => [undefined, undefined, b.gather("gatherSum", memory!, index!, out)],
  gatherSum: (
    b,
    { inputs: [memory, index] },
    out,
  ) => [undefined, undefined, b.gather("gatherDot", memory!, index!, out)],
  concat: (b, { inputs, attrs: { axis } }, out) => {
    let start = 0;
    return inputs.map((part) => {
      const size = b.shape(part)[axis]!;
      start += size;
      return b.slice(out, axis, start - size, size);
    });
  },
  slice: (b, { inputs: [x], attrs: { axis, start, size } }, out) => [
    b.padAxis(out, axis, start, b.shape(x!)[axis]! - start - size),
  ],
  padAxis: (b, { inputs: [x], attrs: { axis, before } }, out) => [b.slice(out, axis, before, b.shape(x!)[axis]!)],
  reshape: (b, { inputs: [x] }, out) => [b.reshape(out, b.shape(x!))],
  permute: (b, { attrs: { axes } }, out) => [b.permute(out, axes.map((_, i) => axes.indexOf(i)))],
  compact: (b, { inputs: [, mask] }, out) => [b.expand(out, mask!)],
  expand: (b, { inputs: [x, mask] }, out) => {
    // Where nothing was chosen, the one sample of the sub-batch went nowhere.
    const any = b.map("min", b.chosen(b.countOf(x!)), b.constant(1));
    return [b.map("mul", b.compact(out, mask!), any)];
  },
};

/** Σ of a gradient over the axes along which `source` was broadcast. */
function sumTo(b: GraphBuilder, gradient: number, source: number): number {
  const [g, s] = [b.node(gradient), b.node(source)];
  const axes = g.shape.flatMap((size, axis) =>
    (s.shape[axis] === 1 && size !== 1) || (g.batch.includes(axis) && !s.batch.includes(axis)) ? [axis] : []
  );
  return spread(b, b.sum(gradient, axes), source);
}

/** A gradient broadcast to the shape of `source`. */
function spread(b: GraphBuilder, gradient: number, source: number): number {
  return b.elementwise(operand(0), [gradient], source);
}

/** The gradient of an extremum, shared equally among the elements that reach it. */
function shareAmongEqual(b: GraphBuilder, x: number, extremum: number, out: number, axes: readonly number[]): number {
  const reached = b.elementwise(call("eq", operand(0), operand(1)), [x, extremum]);
  const shared = call("div", call("mul", operand(0), operand(1)), operand(2));
  return b.elementwise(shared, [reached, out, b.sum(reached, axes)]);
}

/** A row [1, C] as [1, C, 1, 1] (or [1, C]) beside x. */
function channelwise(b: GraphBuilder, row: number, x: number): number {
  return b.reshape(row, b.shape(x).map((size, axis) => (axis === 1 ? size : 1)));
}

/** count · H · W of x, a number. */
function population(b: GraphBuilder, x: number): number {
  const area = b.shape(x).slice(2).reduce((product, size) => product * size, 1);
  return b.map("mul", b.countOf(x), b.constant(area));
}
