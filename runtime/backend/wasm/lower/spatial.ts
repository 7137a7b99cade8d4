/**
 * Convolutions and pooling as steps.
 *
 * @module
 */

import {
  type ConvAttrs,
  type Node,
  type NodeOf,
  type Pair,
  type PoolAttrs,
  type Shape,
  sizeOf,
} from "../../../ir/node.ts";
import { clearAbsent } from "../kernels/choose.ts";
import { convolve, type MapSize, packedSize, type Pass } from "../kernels/convolve.ts";
import { filterChunks, filterSize } from "../kernels/filter.ts";
import { tile } from "../kernels/micro.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { combineChunks } from "../kernels/reduce.ts";
import { averagePoolInput, depthwise, maxPoolInput, pool } from "../kernels/window.ts";
import {
  winogradForward,
  winogradForwardScratch,
  type WinogradFusion,
  winogradInput,
  winogradInputScratch,
} from "../kernels/winograd/convolve.ts";
import type { Epilogue } from "../kernels/winograd/epilogue.ts";
import { winogradPays } from "../kernels/winograd/cost.ts";
import { type FilterConstants, winogradFilters, winogradFiltersSize } from "../kernels/winograd/filters.ts";
import { winogradFilter, winogradFilterScratch } from "../kernels/winograd/gradient.ts";
import { winogradShape } from "../kernels/winograd/plan.ts";
import { type Axis, layoutOf } from "../layout.ts";
import type { Ending } from "./form.ts";
import { prologueOf } from "./prologue.ts";
import { at, type Place, sampleSize, type Site } from "./site.ts";

function mapOf([, channels, height, width]: Shape): MapSize {
  return { channels: channels!, height: height!, width: width! };
}

/** The one pass of a convolution or of pooling. */
function forwardPass(input: MapSize, output: MapSize, taps: Pair, { stride, pad, groups }: ConvAttrs): Pass {
  return passOf(input, output, groups, {
    taps,
    start: [0, 0],
    step: [1, 1],
    count: [output.height, output.width],
    stride,
    offset: [-pad[0], -pad[1]],
  });
}

/** Puts the fields in one order, so that equal passes have equal kernels. */
function passOf(
  input: MapSize,
  output: MapSize,
  groups: number,
  geometry: Omit<Pass, "input" | "output" | "groups">,
): Pass {
  const { taps, start, step, count, stride, offset } = geometry;
  return { input, output, groups, taps, start, step, count, stride, offset };
}

/** A pass of an input gradient, and the taps of the kernel it turns around: first, first + stride, … */
interface GradientPass {
  readonly pass: Pass;
  readonly first: Pair;
}

/**
 * The passes of an input gradient. Pixel h of the input met tap r of output pixel (h + pad − r) / stride wherever
 * that is whole: for h = start + i · stride these are r = first + q · stride, at output pixel i + c − q.
 */
function gradientPasses(gradient: MapSize, result: MapSize, kernel: Pair, attrs: ConvAttrs): GradientPass[] {
  const along = (axis: 0 | 1): { start: number; count: number; first: number; taps: number; offset: number }[] => {
    const [stride, pad, size] = [attrs.stride[axis], attrs.pad[axis], axis === 0 ? result.height : result.width];
    return Array.from({ length: Math.min(stride, size) }, (_, start) => {
      const first = (start + pad) % stride;
      const taps = Math.max(0, Math.ceil((kernel[axis] - first) / stride));
      const offset = (start + pad - first) / stride - (taps - 1);
      return { start, count: Math.ceil((size - start) / stride), first, taps, offset };
    });
  };
  return along(0).flatMap((rows) =>
    along(1).map((columns) => {
      const both = (key: "start" | "count" | "first" | "taps" | "offset"): Pair => [rows[key], columns[key]];
      const pass = passOf(gradient, result, attrs.groups, {
        taps: both("taps"),
        start: both("start"),
        step: attrs.stride,
        count: both("count"),
        stride: [1, 1],
        offset: both("offset"),
      });
      return { pass, first: both("first") };
    })
  );
}

/** Strides of a filter in PyTorch's order along output channel, input channel, row and column of the kernel. */
interface FilterStrides {
  readonly group: number;
  readonly output: number;
  readonly input: number;
  readonly row: number;
  readonly column: number;
  /** Where tap [0, 0] lies. */
  readonly start: number;
}

/** Packs the weights of a pass and runs it. */
function runPass(site: Site, pass: Pass, node: Node, x: Place, w: Place, strides: FilterStrides, y: Place): void {
  const { input, output, groups, taps } = pass;
  const [from, to] = [input.channels / groups, output.channels / groups];
  const area = taps[0] * taps[1];
  const channelwise = from === 1 && to === 1;
  const packed = site.allocate(channelwise ? area * groups : packedSize(pass));
  const axis = (size: number, stride: number, split = 1): Axis => ({ size, stride, split });
  const tiles = Math.ceil(to / tile);
  const source = [
    axis(groups, strides.group),
    axis(to, strides.output),
    axis(taps[0], strides.row),
    axis(taps[1], strides.column),
    axis(from, strides.input),
  ];
  const target = channelwise
    ? [axis(groups, 1), axis(1, 0), axis(taps[0], taps[1] * groups), axis(taps[1], groups), axis(1, 0)]
    : [
      axis(groups, tiles * area * from * tile),
      axis(to, area * from * tile, tile),
      axis(taps[0], taps[1] * from * tile),
      axis(taps[1], from * tile),
      axis(from, tile),
    ];
  if (area > 0) site.copy(at(w, strides.start), source, packed, target);
  const kernel = channelwise ? depthwise(pass) : convolve(pass);
  site.step(kernel, x, packed, y, ...site.range(node).blocks);
}

/** Convolution: by Winograd where its rule of shape and features says so, else directly. */
export function lowerConv2d(site: Site, node: NodeOf<"conv2d">): void {
  const [x, w] = node.inputs as [number, number];
  const [, perGroup, kh, kw] = site.node(w).shape as [number, number, number, number];
  const [input, output] = [mapOf(site.node(x).shape), mapOf(node.shape)];
  const tiled = winogradShape(input, output, [kh, kw], node.attrs);
  if (tiled !== undefined && winogradPays(tiled, site.features)) {
    const filters = { from: input.channels, to: output.channels, turned: false };
    const kernelOf = (fusion: WinogradFusion): Kernel => winogradForward(tiled, fusion);
    return runTiled(site, node, [x, w], filters, kernelOf, winogradForwardScratch(tiled));
  }
  const pass = forwardPass(input, output, [kh, kw], node.attrs);
  const filter = perGroup * kh * kw;
  const perOutputGroup = node.shape[1]! / node.attrs.groups;
  const strides = { group: perOutputGroup * filter, output: filter, input: kh * kw, row: kw, column: 1, start: 0 };
  const [source, weights] = [site.read(x, "lanes"), site.read(w, "rows")];
  site.produce(node, "lanes", (out) => runPass(site, pass, node, source, weights, strides, out));
}

/** Input gradient of a convolution. */
export function lowerConv2dInput(site: Site, node: NodeOf<"conv2dInput">): void {
  const [g, w] = node.inputs as [number, number];
  const [outputs, perGroup, kh, kw] = site.node(w).shape as [number, number, number, number];
  const { stride, groups } = node.attrs;
  const [input, output] = [mapOf(node.shape), mapOf(site.node(g).shape)];
  const tiled = winogradShape(input, output, [kh, kw], node.attrs);
  if (tiled !== undefined && winogradPays(tiled, site.features, "input")) {
    const filters = { from: input.channels, to: output.channels, turned: true };
    const kernelOf = (fusion: WinogradFusion): Kernel => winogradInput(tiled, fusion);
    return runTiled(site, node, [g, w], filters, kernelOf, winogradInputScratch(tiled));
  }
  const filter = perGroup * kh * kw;
  const [gradient, weights] = [site.read(g, "lanes"), site.read(w, "rows")];
  site.produce(node, "lanes", (out) => {
    for (const { pass, first } of gradientPasses(output, input, [kh, kw], node.attrs)) {
      const [rows, columns] = [stride[0] * kw, stride[1]];
      const lastTap = first[0] * kw + first[1] + (pass.taps[0] - 1) * rows + (pass.taps[1] - 1) * columns;
      const strides = {
        group: outputs / groups * filter,
        output: kh * kw,
        input: filter,
        row: -rows,
        column: -columns,
        start: lastTap,
      };
      runPass(site, pass, node, gradient, weights, strides, out);
    }
  });
}

/**
 * A convolution or an input gradient by Winograd, put off until it is known what becomes of its result: filters into the
 * 36 planes, then tile by tile.
 */
function runTiled(
  site: Site,
  node: Node,
  [x, w]: Pair,
  filters: FilterConstants,
  kernelOf: (fusion: WinogradFusion) => Kernel,
  scratchSize: number,
): void {
  const run = (out: Place, ending?: Ending): void => {
    const prologue = prologueOf(site, x);
    const [source, weights] = [prologue?.map ?? site.read(x, "lanes"), site.read(w, "rows")];
    const [transformed, scratch] = [site.allocate(winogradFiltersSize(filters)), site.allocate(scratchSize)];
    site.step(winogradFilters(filters), weights, transformed);
    const kernel = kernelOf({
      ...(prologue && { normalize: prologue.activation }),
      ...(ending && { epilogue: epilogueOf(ending) }),
    });
    const maps = [...prologue?.tables ?? [], ...ending?.maps ?? [], ...ending?.tables ?? []];
    const sums = ending?.sums === undefined ? [] : [ending.sums.place];
    site.step(kernel, source, transformed, out, scratch, ...site.range(node).blocks, ...maps, ...sums);
  };
  if (layoutOf(node) !== "lanes") return site.produce(node, "lanes", run);
  site.defer(node.id, { core: { run }, expr: { fn: "input", index: 0 }, maps: [], tables: [] });
}

function epilogueOf({ store, maps, tables, sums }: Ending): Epilogue {
  return { maps: maps.length, tables: tables.length, store, ...(sums && { sums: sums.of }) };
}

/** Filter gradient of a convolution. */
export function lowerConv2dFilter(site: Site, node: NodeOf<"conv2dFilter">): void {
  const [x, g] = node.inputs as [number, number];
  const [input, output] = [mapOf(site.node(x).shape), mapOf(site.node(g).shape)];
  filterGradient(site, node, x, g, { input, output, ...node.attrs });
}

/** Σ over samples and pixels of x · g, as a filter gradient or a matrix product over the batch. */
export function filterGradient(
  site: Site,
  node: Node,
  x: number,
  g: number,
  geometry: ConvAttrs & { readonly kernel: Pair; readonly input: MapSize; readonly output: MapSize },
): void {
  const range = site.range(site.node(x));
  const { input, output, groups, kernel, stride, pad } = geometry;
  const constants = { input, output, groups, kernel, stride, pad, chunk: range.chunk };
  const tiled = winogradShape(input, output, kernel, geometry);
  if (tiled !== undefined && winogradPays(tiled, site.features, "filter")) {
    const prologue = prologueOf(site, x);
    const [source, gradient] = [prologue?.map ?? site.read(x, "lanes"), site.read(g, "lanes")];
    const size = sizeOf(node.shape);
    const [scratch, partial] = [site.allocate(winogradFilterScratch(tiled)), site.allocate(range.mostChunks * size)];
    const fused = winogradFilter({
      ...tiled,
      chunk: range.chunk,
      ...(prologue && { normalize: prologue.activation }),
    });
    const tables = prologue?.tables ?? [];
    site.step(fused, source, gradient, scratch, partial, ...range.chunks, range.count, ...tables);
    return site.produce(node, "rows", (out) => {
      site.step(combineChunks({ reduction: "sum", size }), partial, out, range.chunks[1]);
    });
  }
  const [source, gradient] = [site.read(x, "lanes"), site.read(g, "lanes")];
  const size = filterSize(constants);
  for (const [id, place] of [[x, source], [g, gradient]] as const) {
    const block = sampleSize(site.node(id).shape);
    site.step(clearAbsent({ block }), place, range.count);
  }
  site.produce(node, "rows", (out) => {
    const [scratch, partial] = [site.allocate(4 * size), site.allocate(range.mostChunks * size)];
    site.step(filterChunks(constants), source, gradient, scratch, partial, ...range.chunks, range.count);
    site.step(combineChunks({ reduction: "sum", size }), partial, out, range.chunks[1]);
  });
}

/** Mean or maximum of windows. */
export function lowerPool(site: Site, node: NodeOf<"averagePool"> | NodeOf<"maxPool">): void {
  const [x] = node.inputs as [number];
  const source = site.read(x, "lanes");
  const pass = poolPass(site.node(x).shape, node.shape, node.attrs);
  const take = node.op === "averagePool" ? "mean" : "max";
  site.produce(node, "lanes", (out) => site.step(pool({ pass, take }), source, out, ...site.range(node).blocks));
}

function poolPass(input: Shape, output: Shape, { kernel, stride, pad }: PoolAttrs): Pass {
  return forwardPass(mapOf(input), mapOf(output), kernel, { stride, pad, groups: 1 });
}

/** Input gradient of mean pooling. */
export function lowerAveragePoolInput(site: Site, node: NodeOf<"averagePoolInput">): void {
  const [g] = node.inputs as [number];
  const gradient = site.read(g, "lanes");
  const { kernel, stride, pad } = node.attrs;
  const [input, output] = [mapOf(node.shape), mapOf(site.node(g).shape)];
  const constants = { pool: { kernel, stride, pad }, input, output };
  site.produce(node, "lanes", (out) => {
    site.step(averagePoolInput(constants), gradient, out, ...site.range(node).blocks);
  });
}

/** Input gradient of maximum pooling. */
export function lowerMaxPoolInput(site: Site, node: NodeOf<"maxPoolInput">): void {
  const [x, g] = node.inputs as [number, number];
  const [source, gradient] = [site.read(x, "lanes"), site.read(g, "lanes")];
  const pass = poolPass(node.shape, site.node(g).shape, node.attrs);
  site.produce(node, "lanes", (out) => {
    site.step(maxPoolInput(pass), source, gradient, out, ...site.range(node).blocks);
  });
}
