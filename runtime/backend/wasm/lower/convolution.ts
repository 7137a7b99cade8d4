/**
 * Convolutions and their gradients as steps: by Winograd where a fixed rule of shape and features says so, else directly.
 *
 * A convolution waits until it is known what becomes of its result, so that it can do that as well.
 *
 * @module
 */

import { type Node, type NodeOf, type Shape, sizeOf } from "../../../ir/node.ts";
import { filterChunks, filterScratch, filterTotal } from "../kernels/filter/filter.ts";
import type { Convolution, MapSize } from "../kernels/pass.ts";
import { combineChunks } from "../kernels/reduce.ts";
import {
  winogradForward,
  winogradForwardScratch,
  winogradInput,
  winogradInputScratch,
} from "../kernels/winograd/convolve.ts";
import { winogradPays } from "../kernels/winograd/cost.ts";
import { winogradFilters, winogradFiltersSize } from "../kernels/winograd/filters.ts";
import { winogradFilter, winogradFilterScratch } from "../kernels/winograd/gradient.ts";
import { type WinogradShape, winogradShape } from "../kernels/winograd/plan.ts";
import { layoutOf } from "../layout.ts";
import { runDirect } from "./direct.ts";
import type { Ending } from "./form.ts";
import { epilogueOf, operandsOf, prologueOf } from "./prologue.ts";
import type { Place, Site } from "./site.ts";

/** Channels and extent of a map [B, C, H, W]. */
export function mapOf([, channels, height, width]: Shape): MapSize {
  return { channels: channels!, height: height!, width: width! };
}

/** Convolution. */
export function lowerConv2d(site: Site, node: NodeOf<"conv2d">): void {
  const [x, w] = node.inputs as [number, number];
  const [, , ...kernel] = site.node(w).shape as [number, number, number, number];
  const convolution = { ...node.attrs, input: mapOf(site.node(x).shape), output: mapOf(node.shape), kernel };
  lowerPart(site, node, convolution, "forward", [x, w]);
}

/** Input gradient of a convolution. */
export function lowerConv2dInput(site: Site, node: NodeOf<"conv2dInput">): void {
  const [g, w] = node.inputs as [number, number];
  const [, , ...kernel] = site.node(w).shape as [number, number, number, number];
  const convolution = { ...node.attrs, input: mapOf(node.shape), output: mapOf(site.node(g).shape), kernel };
  lowerPart(site, node, convolution, "input", [g, w]);
}

function lowerPart(
  site: Site,
  node: Node,
  convolution: Convolution,
  part: "forward" | "input",
  [x, w]: readonly [number, number],
): void {
  const tiled = winogradShape(convolution.input, convolution.output, convolution.kernel, convolution);
  const pays = tiled !== undefined && winogradPays(tiled, site.features, part);
  const run = (out: Place, ending?: Ending): void => {
    if (pays) runTiled(site, node, tiled, part, [x, w], out, ending);
    else runDirect(site, node, convolution, part, [x, w], out, ending);
  };
  if (layoutOf(node) !== "lanes") return site.produce(node, "lanes", (out) => run(out));
  site.defer(node.id, { core: { run }, expr: { fn: "input", index: 0 }, maps: [], tables: [] });
}

/** By Winograd: filters into the 36 planes, then tile by tile. */
function runTiled(
  site: Site,
  node: Node,
  shape: WinogradShape,
  part: "forward" | "input",
  [x, w]: readonly [number, number],
  out: Place,
  ending?: Ending,
): void {
  const prologue = prologueOf(site, x);
  const [source, weights] = [prologue?.map ?? site.read(x, "lanes"), site.read(w, "rows")];
  const filters = { from: shape.input.channels, to: shape.output.channels, turned: part === "input" };
  const fusion = {
    ...(prologue && { normalize: prologue.activation }),
    ...(ending && { epilogue: epilogueOf(ending) }),
  };
  const [kernel, numbers] = part === "input"
    ? [winogradInput(shape, fusion), winogradInputScratch(shape)]
    : [winogradForward(shape, fusion), winogradForwardScratch(shape)];
  const [transformed, scratch] = [site.allocate(winogradFiltersSize(filters)), site.allocate(numbers)];
  site.step(winogradFilters(filters), weights, transformed);
  const operands = operandsOf(prologue, ending);
  site.step(kernel, source, transformed, out, scratch, ...site.range(node).blocks, ...operands);
}

/** Filter gradient of a convolution. */
export function lowerConv2dFilter(site: Site, node: NodeOf<"conv2dFilter">): void {
  const [x, g] = node.inputs as [number, number];
  const [input, output] = [mapOf(site.node(x).shape), mapOf(site.node(g).shape)];
  filterGradient(site, node, x, g, { input, output, ...node.attrs });
}

/** Σ over samples and pixels of x · g, as a filter gradient or a matrix product over the batch. */
export function filterGradient(site: Site, node: Node, x: number, g: number, convolution: Convolution): void {
  const { chunk, mostChunks, chunks, count } = site.range(site.node(x));
  const { input, output, groups, kernel, stride, pad } = convolution;
  const prologue = prologueOf(site, x);
  const [source, gradient] = [prologue?.map ?? site.read(x, "lanes"), site.read(g, "lanes")];
  const normalize = prologue && { normalize: prologue.activation };
  const size = sizeOf(node.shape);
  const tiled = winogradShape(input, output, kernel, convolution);
  const constants = { input, output, groups, kernel, stride, pad, chunk, ...normalize };
  const [sum, numbers, total] = tiled !== undefined && winogradPays(tiled, site.features, "filter")
    ? [
      winogradFilter({ ...tiled, chunk, ...normalize }),
      winogradFilterScratch(tiled),
      combineChunks({ reduction: "sum", size }),
    ]
    : [filterChunks(constants), filterScratch(constants), filterTotal(constants)];
  const [scratch, partial] = [site.allocate(numbers), site.allocate(mostChunks * size)];
  site.step(sum, source, gradient, scratch, partial, ...chunks, count, ...operandsOf(prologue));
  site.produce(node, "rows", (out) => site.step(total, partial, out, chunks[1]));
}
