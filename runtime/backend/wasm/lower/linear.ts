/**
 * Element-wise nodes, reductions and matrix products as steps.
 *
 * @module
 */

import { type Node, type NodeOf, type Shape, sizeOf } from "../../../ir/node.ts";
import { elementwise } from "../kernels/elementwise.ts";
import { tile } from "../kernels/micro.ts";
import { product, sampleProduct } from "../kernels/product.ts";
import { combineChunks, reduceChunks, reduceRows, reduceSamples } from "../kernels/reduce.ts";
import { axesOf, type Axis, blocksOf, lanes, type Layout, layoutOf, memoryOrder } from "../layout.ts";
import { filterGradient } from "./convolution.ts";
import { replace } from "./form.ts";
import { deferElementwise } from "./pointwise.ts";
import { at, type Operand, type Place, type Site } from "./site.ts";

/** expr of the inputs; constants become part of it. */
export function lowerElementwise(site: Site, node: NodeOf<"elementwise">): void {
  if (deferElementwise(site, node)) return;
  const used: number[] = [];
  const expr = replace(node.attrs.expr, (index) => {
    const source = site.node(node.inputs[index]!);
    if (source.op === "constant") return { fn: "value", value: source.attrs.value };
    if (!used.includes(source.id)) used.push(source.id);
    return { fn: "input", index: used.indexOf(source.id) };
  });
  const layout = layoutOf(node);
  const sources = used.map((id) => operandOf(site, site.node(id), layout));
  const out = axesOf(node.shape, layout);
  const axes = memoryOrder(node.shape.length, layout).map((axis) => ({
    size: layout === "lanes" && axis === 0 ? blocksOf(node.shape[0]!) : node.shape[axis]!,
    out: out[axis]!.stride,
    inputs: sources.map(({ strides }) => strides[axis]!),
  }));
  const lane = { size: lanes, out: 1, inputs: sources.map(({ lane }) => lane) };
  const one = { size: 1, out: 1, inputs: sources.map(() => 0) };
  const blocks = layout === "lanes";
  const all = blocks ? [...axes, lane] : axes.length === 0 ? [one] : axes;
  site.produce(node, layout, (place) => {
    const range = blocks ? site.range(node).blocks : [];
    site.step(elementwise({ expr, axes: all, blocks }), ...sources.map((s) => s.place), place, ...range);
  });
}

interface ElementwiseOperand {
  readonly place: Place;
  /** Per logical axis, 0 where it is broadcast. */
  readonly strides: readonly number[];
  readonly lane: 0 | 1;
}

/** An input of an element-wise node; in lanes, what is the same for all samples may stay in rows. */
function operandOf(site: Site, source: Node, layout: Layout): ElementwiseOperand {
  const same = layout === "lanes" && layoutOf(source) === "rows" && source.shape[0] === 1;
  const own = same ? "rows" : layout;
  const place = site.read(source.id, own);
  const strides = axesOf(source.shape, own).map(({ size, stride, split }) => (size === 1 && split === 1 ? 0 : stride));
  return { place, strides, lane: own === "lanes" ? 1 : 0 };
}

/** Σ or maximum over axes. */
export function lowerReduce(site: Site, node: NodeOf<"sum"> | NodeOf<"reduceMax">): void {
  const source = site.node(node.inputs[0]!);
  const layout = layoutOf(source);
  const reduction = node.op === "sum" ? "sum" : "max";
  const x = site.read(source.id);
  const from = axesOf(source.shape, layout);
  const overBatch = layout === "lanes" && node.attrs.axes.includes(0);
  const target: Layout = layout === "rows" || overBatch ? "rows" : "lanes";
  const to = axesOf(node.shape, target);
  const order = memoryOrder(source.shape.length, layout).filter((axis) => layout === "rows" || axis > 0);
  const axis = (i: number): { size: number; from: number; to: number } => ({
    size: source.shape[i]!,
    from: from[i]!.stride,
    to: to[i]!.stride,
  });
  const kept = order.filter((i) => !node.attrs.axes.includes(i)).map(axis);
  const reduced = order.filter((i) => node.attrs.axes.includes(i));
  const range = site.range(source);
  site.produce(node, target, (out) => {
    if (layout === "rows") {
      const axes = reduced.map((i) => ({
        ...axis(i),
        size: source.batch.includes(i) ? "count" as const : axis(i).size,
      }));
      return site.step(reduceRows({ reduction, kept, reduced: axes }), x, out, "count");
    }
    const constants = { reduction, kept, reduced: reduced.map(axis) } as const;
    if (!overBatch) {
      const blocks = { from: from[0]!.stride, to: to[0]!.stride };
      return site.step(reduceSamples({ ...constants, blocks }), x, out, ...range.blocks);
    }
    const size = sizeOf(node.shape);
    const partial = site.allocate(range.mostChunks * size);
    const kernel = reduceChunks({ ...constants, block: from[0]!.stride, chunk: range.chunk, size });
    site.step(kernel, x, partial, ...range.chunks, range.count);
    site.step(combineChunks({ reduction, size }), partial, out, range.chunks[1]);
  });
}

/** Product of the last two axes. */
export function lowerMatmul(site: Site, node: NodeOf<"matmul">): void {
  const [a, b] = node.inputs.map((id) => site.node(id)) as [Node, Node];
  if (node.shape.length === 3) return lowerStack(site, node, a, b);
  const { transposeA, transposeB } = node.attrs;
  const contractsSamples = transposeA && !transposeB && [a, b].every((x) => layoutOf(x) === "lanes");
  if (contractsSamples) {
    const [input, output] = [b, a].map((x) => ({ height: 1, width: 1, channels: x.shape[1]! })) as [Flat, Flat];
    const geometry = { input, output, groups: 1, kernel: [1, 1], stride: [1, 1], pad: [0, 0] } as const;
    return filterGradient(site, node, b.id, a.id, geometry);
  }
  const left = matrix(site, a, transposeA);
  const right = matrix(site, b, !transposeB);
  multiply(site, node, left, right, depthOf(a, transposeA), 0);
}

interface Flat {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A factor of a product as [other axis, contracted axis]. */
interface Matrix {
  readonly node: Node;
  readonly place: Place;
  readonly axes: readonly [Axis, Axis];
  /** Whether it lies as [blocks][contracted][8] already. */
  readonly lanes: boolean;
}

function matrix(site: Site, node: Node, contractedFirst: boolean): Matrix {
  const axes = axesOf(node.shape, layoutOf(node)).slice(-2) as [Axis, Axis];
  const turned: readonly [Axis, Axis] = contractedFirst ? [axes[1], axes[0]] : axes;
  return { node, place: site.read(node.id), axes: turned, lanes: layoutOf(node) === "lanes" && !contractedFirst };
}

/** Terms of the sums: the samples present if the contracted axis is indexed by sample. */
function depthOf(a: Node, transposeA: boolean): Operand {
  const axis = a.shape.length - (transposeA ? 2 : 1);
  return a.batch.includes(axis) ? "count" : a.shape[axis]!;
}

/**
 * One product of matrices: one factor lies in lanes (its rows side by side by eight), the other is packed by four.
 * `offset` numbers into each factor and the result select a matrix of a stack.
 */
function multiply(site: Site, node: Node, left: Matrix, right: Matrix, depth: Operand, stack: number): void {
  const swap = !left.lanes && (right.lanes || right.axes[0].size > left.axes[0].size);
  const [samples, weights] = swap ? [right, left] : [left, right];
  const rows = samples.axes[0].size;
  const columns = weights.axes[0].size;
  const inner = samples.axes[1].size;
  const offset = (m: Matrix): Place => at(m.place, m.node.shape.length === 3 ? stack * stackStride(m.node) : 0);
  const x = samples.lanes ? samples.place : site.allocate(blocksOf(rows) * lanes * inner);
  if (!samples.lanes) site.copy(offset(samples), samples.axes, x, [split(rows, inner, lanes), plain(inner, lanes)]);
  const packed = site.allocate(Math.ceil(columns / tile) * tile * inner);
  site.copy(offset(weights), weights.axes, packed, [split(columns, inner, tile), plain(inner, tile)]);
  const dynamic = samples.lanes && samples.node.batch.includes(0);
  const blocks: readonly [Operand, Operand] = dynamic ? ["firstBlock", "lastBlock"] : [0, blocksOf(rows)];
  const run = (y: Place): void => site.step(product({ depth: inner, columns }), x, packed, y, ...blocks, depth);
  if (!swap && node.shape.length === 2 && layoutOf(node) === "lanes") return site.produce(node, "lanes", run);
  const y = site.allocate(blocksOf(rows) * lanes * columns);
  run(y);
  const found = [split(rows, columns, lanes), plain(columns, lanes)];
  const target = axesOf(node.shape, layoutOf(node)).slice(-2);
  const into = (out: Place): void => site.copy(y, swap ? [found[1]!, found[0]!] : found, out, target);
  if (node.shape.length === 2) site.produce(node, layoutOf(node), into);
  else into(at(site.known(node.id)!, stack * stackStride(node)));
}

function split(size: number, inner: number, by: number): Axis {
  return { size, stride: inner * by, split: by };
}

function plain(size: number, stride: number): Axis {
  return { size, stride, split: 1 };
}

function stackStride(node: Node): number {
  return axesOf(node.shape, "rows")[0]!.stride;
}

/** Rank 3: eight samples at a time if the first axis is the batch, else one product after another. */
function lowerStack(site: Site, node: NodeOf<"matmul">, a: Node, b: Node): void {
  const { transposeA, transposeB } = node.attrs;
  const depth = depthOf(a, transposeA);
  if (layoutOf(node) === "rows") {
    const [left, right] = [a, b].map((x, i): Matrix => {
      const axes = axesOf(x.shape, "rows").slice(-2) as [Axis, Axis];
      const turn = i === 0 ? transposeA : !transposeB;
      return { node: x, place: site.read(x.id, "rows"), axes: turn ? [axes[1], axes[0]] : axes, lanes: false };
    }) as [Matrix, Matrix];
    site.produce(node, "rows", () =>
      site.together(() => {
        for (let stack = 0; stack < node.shape[0]!; stack++) multiply(site, node, left, right, depth, stack);
      }));
    return;
  }
  const strides = (shape: Shape, turn: boolean): readonly [number, number] => {
    const [, first, second] = axesOf(shape, "lanes") as [Axis, Axis, Axis];
    return turn ? [second.stride, first.stride] : [first.stride, second.stride];
  };
  const kernel = sampleProduct({
    rows: node.shape[1]!,
    columns: node.shape[2]!,
    depth: a.shape[transposeA ? 1 : 2]!,
    a: strides(a.shape, transposeA),
    b: strides(b.shape, transposeB),
    y: strides(node.shape, false),
  });
  const [left, right] = [site.read(a.id, "lanes"), site.read(b.id, "lanes")];
  site.produce(node, "lanes", (out) => site.step(kernel, left, right, out, ...site.range(node).blocks, depth));
}
