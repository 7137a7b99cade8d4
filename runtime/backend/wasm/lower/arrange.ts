/**
 * Nodes that move or choose numbers, as steps.
 *
 * @module
 */

import { type Node, type NodeOf, type Shape, sizeOf } from "../../../ir/node.ts";
import { fillZero, kthSmallest, oneHot } from "../kernels/choose.ts";
import { weighBatch, weighErrors, weighSamples } from "../kernels/weigh.ts";
import { chosenSamples, moveSamples } from "../kernels/route.ts";
import { elementwise } from "../kernels/elementwise.ts";
import { axesOf, type Axis, blocksOf, lanes, type Layout, layoutOf, storageOf } from "../layout.ts";
import { at, type Place, type Range, sampleSize, type Site } from "./site.ts";

/** Joins along an axis. */
export function lowerConcat(site: Site, node: NodeOf<"concat">): void {
  const layout = layoutOf(node);
  const out = axesOf(node.shape, layout);
  const parts = node.inputs.map((id) => site.read(id, layout));
  site.produce(node, layout, (place) => {
    let start = 0;
    site.together(() =>
      node.inputs.forEach((id, i) => {
        const { shape } = site.node(id);
        const target = at(place, start * out[node.attrs.axis]!.stride);
        site.copy(parts[i]!, axesOf(shape, layout), target, out, blockRange(site, node));
        start += shape[node.attrs.axis]!;
      })
    );
  });
}

/** The blocks that a copy within lanes moves; nothing for rows. */
function blockRange(site: Site, node: Node): Range | undefined {
  return layoutOf(node) === "lanes" ? site.range(node) : undefined;
}

/** A block along an axis. */
export function lowerSlice(site: Site, node: NodeOf<"slice">): void {
  const layout = layoutOf(node);
  const { shape } = site.node(node.inputs[0]!);
  const from = axesOf(shape, layout);
  const { axis, start } = node.attrs;
  const source = at(site.read(node.inputs[0]!, layout), start * from[axis]!.stride);
  const part = from.map((a, i) => ({ ...a, size: node.shape[i]! }));
  site.produce(node, layout, (out) => {
    site.copy(source, part, out, axesOf(node.shape, layout), blockRange(site, node));
  });
}

/** Zeros around along an axis. */
export function lowerPadAxis(site: Site, node: NodeOf<"padAxis">): void {
  const layout = layoutOf(node);
  const source = site.read(node.inputs[0]!, layout);
  const { shape } = site.node(node.inputs[0]!);
  const to = axesOf(node.shape, layout);
  site.produce(node, layout, (out) => {
    clear(site, node, layout, out);
    const target = at(out, node.attrs.before * to[node.attrs.axis]!.stride);
    site.copy(source, axesOf(shape, layout), target, to, blockRange(site, node));
  });
}

/** Zeros, in lanes block by block. */
function clear(site: Site, node: Node, layout: Layout, out: Place): void {
  if (layout === "rows") return site.step(fillZero(), out, Math.ceil(storageOf(node.shape, layout) / 4));
  const { most, blocks } = site.range(node);
  const block = lanes * sampleSize(node.shape);
  const axes = [{ size: most, out: block, inputs: [] }, { size: block, out: 1, inputs: [] }];
  site.step(elementwise({ expr: { fn: "value", value: 0 }, axes, blocks: true }), out, ...blocks);
}

/** Axes reordered. */
export function lowerPermute(site: Site, node: NodeOf<"permute">): void {
  const source = site.node(node.inputs[0]!);
  const from = axesOf(source.shape, layoutOf(source));
  const turned = node.attrs.axes.map((axis) => from[axis]!);
  const layout = layoutOf(node);
  const place = site.read(source.id);
  const samplesStay = layout === "lanes" && layoutOf(source) === "lanes" && node.attrs.axes[0] === 0;
  site.produce(node, layout, (out) => {
    site.copy(place, turned, out, axesOf(node.shape, layout), samplesStay ? site.range(node) : undefined);
  });
}

/** Another shape of the same elements: no copy if memory is in row-major order of both shapes. */
export function lowerReshape(site: Site, node: NodeOf<"reshape">): void {
  const source = site.node(node.inputs[0]!);
  const [from, to] = [layoutOf(source), layoutOf(node)];
  if (from === "rows" && to === "rows") return site.define(node.id, site.read(source.id));
  if (from !== to || source.shape[0] !== node.shape[0]) {
    const rows = site.read(source.id, "rows");
    if (to === "rows") return site.define(node.id, rows);
    return site.produce(node, "rows", (out) => copyRows(site, rows, sizeOf(node.shape), out));
  }
  const place = site.read(source.id);
  if (sameOrder(source.shape, node.shape)) return site.define(node.id, place);
  const range = site.range(node);
  const straight = isRowMajor(source.shape) ? place : site.allocate(storageOf(source.shape, "lanes"), true);
  if (isRowMajor(node.shape)) {
    return site.produce(node, "lanes", (out) => {
      site.copy(place, axesOf(source.shape, "lanes"), out, rowMajorSamples(source.shape), range);
    });
  }
  if (straight !== place) {
    site.copy(place, axesOf(source.shape, "lanes"), straight, rowMajorSamples(source.shape), range);
  }
  site.produce(node, "lanes", (out) => {
    site.copy(straight, rowMajorSamples(node.shape), out, axesOf(node.shape, "lanes"), range);
  });
}

function copyRows(site: Site, from: Parameters<Site["copy"]>[0], size: number, to: Parameters<Site["copy"]>[2]): void {
  const axes = axesOf([size], "rows");
  site.copy(from, axes, to, axes);
}

/** Whether the elements of one sample lie in row-major order although channels are innermost. */
function isRowMajor([, channels = 1, ...space]: Shape): boolean {
  return channels === 1 || sizeOf(space) === 1;
}

function sameOrder(a: Shape, b: Shape): boolean {
  if (isRowMajor(a) && isRowMajor(b)) return true;
  return a[1] === b[1] && sizeOf(a) === sizeOf(b);
}

/** Axes of samples side by side whose elements lie in row-major order. */
function rowMajorSamples(shape: Shape): Axis[] {
  return shape.map((size, i) => ({
    size,
    stride: lanes * sizeOf(shape.slice(i + 1)),
    split: i === 0 ? lanes : 1,
  }));
}

/** labels → one-hot. */
export function lowerOneHot(site: Site, node: NodeOf<"oneHot">): void {
  const labels = site.read(node.inputs[0]!, "lanes");
  const kernel = oneHot({ classes: node.attrs.classes });
  site.produce(node, "lanes", (out) => site.step(kernel, labels, out, ...site.range(node).blocks));
}

/** Samples into a sub-batch, or back: a list says where each comes from. */
export function lowerMove(site: Site, node: NodeOf<"compact"> | NodeOf<"expand">): void {
  const x = site.read(node.inputs[0]!, "lanes");
  const mask = site.read(node.inputs[1]!, "lanes");
  const samples = node.shape[0]!;
  const list = site.allocate(blocksOf(samples) * lanes);
  site.step(chosenSamples({ back: node.op === "expand", blocks: blocksOf(samples) }), mask, list, "count");
  const kernel = moveSamples({ size: sampleSize(node.shape) });
  site.produce(node, "lanes", (out) => site.step(kernel, x, list, out, "firstBlock", "lastBlock"));
}

/** The k-th smallest of each row: rows lie side by side by eight. */
export function lowerKthSmallest(site: Site, node: NodeOf<"kthSmallest">): void {
  const source = site.node(node.inputs[0]!);
  const [rows, width] = source.shape as [number, number];
  const x = site.read(source.id, "lanes");
  const kernel = kthSmallest({ k: node.attrs.k, width });
  const blocks = layoutOf(node) === "lanes" ? site.range(node).blocks : [0, blocksOf(rows)];
  const used = source.batch.includes(1) ? "count" : width;
  site.produce(node, "lanes", (out) => site.step(kernel, x, out, ...blocks, used));
}

/** Weights of nets from their class scores. */
export function lowerWeigh(site: Site, node: NodeOf<"weigh">): void {
  const { members, rule, per } = node.attrs;
  const [scores, labels] = node.inputs.map((id) => site.read(id, "lanes")) as [Place, Place];
  const constants = { members, classes: site.node(node.inputs[1]!).shape[1]! };
  if (per === "sample") {
    const { blocks, count } = site.range(node);
    site.produce(node, "lanes", (out) => site.step(weighSamples(constants), scores, labels, out, ...blocks, count));
    return;
  }
  const kernel = rule === "simplex" ? weighBatch(constants) : weighErrors(constants);
  site.produce(node, "rows", (out) => site.step(kernel, scores, labels, out, "count"));
}
