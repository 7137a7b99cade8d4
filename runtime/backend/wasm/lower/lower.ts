/**
 * A step program as kernel calls: leaves get their places, nodes and effects their steps.
 *
 * @module
 */

import { isLeaf, type Node, type NodeOf, type Primitive, sizeOf } from "../../../ir/node.ts";
import { type Effect, effectNodes, type Segment, type StepProgram } from "../../../ir/program.ts";
import { BackendError } from "../../../../dsl/errors.ts";
import type { Features } from "../assembler/func.ts";
import { adam, advance, sgd } from "../kernels/update.ts";
import { layoutOf, storageOf } from "../layout.ts";
import {
  lowerConcat,
  lowerKthSmallest,
  lowerMove,
  lowerOneHot,
  lowerPadAxis,
  lowerPermute,
  lowerReshape,
  lowerSlice,
  lowerWeigh,
} from "./arrange.ts";
import { lowerAssignRows, lowerGather } from "./gather.ts";
import { lowerElementwise, lowerMatmul, lowerReduce } from "./linear.ts";
import { lowerBatchNorm, lowerBatchNormInput, lowerBatchNormSums, lowerBatchStats } from "./norm.ts";
import { type Buffer, isSliced, type Place, Site, type Step } from "./site.ts";
import { lowerConv2d, lowerConv2dFilter, lowerConv2dInput } from "./convolution.ts";
import { lowerAveragePoolInput, lowerMaxPoolInput, lowerPool } from "./pool.ts";

/** A tensor of state in memory: row-major, padded to whole vectors. */
export interface StatePlace {
  readonly address: number;
  readonly size: number;
}

/** A segment as kernel calls. */
export interface LoweredSegment {
  readonly name: string;
  /** Number that skips the segment when above zero. */
  readonly gate?: Place;
  /** Number of samples it runs over; the run's unless said. */
  readonly count?: Place;
  readonly steps: readonly Step[];
}

/** A program as kernel calls, and where the host finds what it reads and writes. */
export interface LoweredProgram {
  readonly segments: readonly LoweredSegment[];
  readonly buffers: readonly Buffer[];
  readonly inputs: ReadonlyMap<string, { readonly node: Node; readonly place: Place }>;
  readonly uniforms: ReadonlyMap<string, Place>;
  readonly constants: readonly { readonly value: number; readonly numbers: number; readonly place: Place }[];
  readonly outputs: ReadonlyMap<string, OutputPlace>;
}

/** Where the host finds an output, and the number of its samples where they are a sub-batch. */
export interface OutputPlace {
  readonly node: Node;
  readonly place: Place;
  readonly rows?: Place;
}

type Leaf = "parameter" | "buffer" | "input" | "uniform" | "constant";

const rules: { readonly [P in Exclude<Primitive, Leaf>]: (site: Site, node: NodeOf<P>) => void } = {
  elementwise: lowerElementwise,
  sum: lowerReduce,
  reduceMax: lowerReduce,
  matmul: lowerMatmul,
  conv2d: lowerConv2d,
  conv2dInput: lowerConv2dInput,
  conv2dFilter: lowerConv2dFilter,
  averagePool: lowerPool,
  averagePoolInput: lowerAveragePoolInput,
  maxPool: lowerPool,
  maxPoolInput: lowerMaxPoolInput,
  batchStats: lowerBatchStats,
  batchNorm: lowerBatchNorm,
  batchNormSums: lowerBatchNormSums,
  batchNormInput: lowerBatchNormInput,
  oneHot: lowerOneHot,
  kthSmallest: lowerKthSmallest,
  weigh: lowerWeigh,
  gatherDot: lowerGather,
  gatherSum: lowerGather,
  concat: lowerConcat,
  slice: lowerSlice,
  padAxis: lowerPadAxis,
  reshape: lowerReshape,
  permute: lowerPermute,
  compact: lowerMove,
  expand: lowerMove,
};

/**
 * Lowers a program over state that is in memory already.
 *
 * @throws {BackendError} If the program names state that the engine was opened without.
 */
export function lower(
  program: StepProgram,
  state: (name: string) => StatePlace,
  features: Features,
): LoweredProgram {
  const site = new Site(program, features);
  const stateAt = new Map<string, Place>();
  const statePlace = (name: string): Place => {
    const { address, size } = state(name);
    const place = stateAt.get(name) ??
      { buffer: { bytes: 4 * size, address, sliced: false, first: 0, last: Infinity }, offset: 0 };
    stateAt.set(name, place);
    return place;
  };
  const uniforms = new Map<string, Place>();
  const uniform = (name: string): Place => {
    const place = uniforms.get(name) ?? pinned(site.allocate(1));
    uniforms.set(name, place);
    return place;
  };
  const inputs = new Map<string, { node: Node; place: Place }>();
  const constants: { value: number; numbers: number; place: Place }[] = [];
  const read = nodesRead(program);
  for (const node of program.nodes) {
    if (node.op === "parameter" || node.op === "buffer") site.define(node.id, statePlace(node.attrs.name));
    else if (node.op === "uniform") site.define(node.id, uniform(node.attrs.name));
    else if (node.op === "constant") {
      if (!read.has(node.id)) continue;
      const numbers = storageOf(node.shape, layoutOf(node));
      const place = pinned(site.allocate(numbers));
      site.define(node.id, place);
      constants.push({ value: node.attrs.value, numbers, place });
    } else if (node.op === "input") {
      const known = inputs.get(node.attrs.name);
      const layout = layoutOf(node);
      const place = known?.place ?? site.allocate(storageOf(node.shape, layout), isSliced(node, layout));
      place.buffer.first = 0;
      site.define(node.id, place);
      inputs.set(node.attrs.name, { node, place });
    }
  }
  const segments = program.segments.map((segment, i) => lowerSegment(site, segment, i, statePlace, uniform));
  const outputs = new Map<string, OutputPlace>();
  for (const [name, id] of Object.entries(program.outputs)) {
    const place = site.known(id);
    if (place === undefined) throw new BackendError(`Cannot load ${program.name}: output ${name} is never computed.`);
    place.buffer.last = Infinity;
    const { rows } = site.node(id);
    const counted = rows === undefined ? {} : { rows: pinned(site.read(rows)) };
    outputs.set(name, { node: site.node(id), place, ...counted });
  }
  return { segments, buffers: site.buffers, inputs, uniforms, constants, outputs };
}

/** A place that keeps its memory all the time. */
function pinned(place: Place): Place {
  place.buffer.first = 0;
  place.buffer.last = Infinity;
  return place;
}

/** Nodes whose values are read from memory; an element-wise node has constants in its expression. */
function nodesRead(program: StepProgram): Set<number> {
  const read = new Set(Object.values(program.outputs));
  for (const { gate, count, effects, nodes } of program.segments) {
    if (gate !== undefined) read.add(gate);
    if (count !== undefined) read.add(count);
    for (const id of effects.flatMap(effectNodes)) read.add(id);
    for (const node of nodes.map((id) => program.nodes[id]!)) {
      if (node.op !== "elementwise") node.inputs.forEach((id) => read.add(id));
    }
  }
  return read;
}

function lowerSegment(
  site: Site,
  segment: Segment,
  index: number,
  state: (name: string) => Place,
  uniform: (name: string) => Place,
): LoweredSegment {
  const gate = segment.gate === undefined ? undefined : site.read(segment.gate, "rows");
  const count = segment.count === undefined ? undefined : site.read(segment.count, "rows");
  for (const id of segment.nodes) {
    const node = site.node(id);
    if (isLeaf(node)) continue;
    const rule = rules[node.op as Exclude<Primitive, Leaf>] as (site: Site, node: Node) => void;
    rule(site, node);
  }
  site.settle(index);
  const advanced = new Set<string>();
  for (const effect of segment.effects) lowerEffect(site, effect, state, uniform, advanced);
  const steps = site.cut();
  return {
    name: segment.name,
    ...(gate === undefined ? {} : { gate }),
    ...(count === undefined ? {} : { count }),
    steps,
  };
}

function lowerEffect(
  site: Site,
  effect: Effect,
  state: (name: string) => Place,
  uniform: (name: string) => Place,
  advanced: Set<string>,
): void {
  if (effect.kind === "assign" && effect.rows !== undefined) {
    return lowerAssignRows(site, effect.node, effect.rows, state(effect.state));
  }
  if (effect.kind === "assign") {
    const size = sizeOf(site.node(effect.node).shape);
    const axes = [{ size, stride: 1, split: 1 }];
    site.copy(site.read(effect.node, "rows"), axes, state(effect.state), axes);
    return;
  }
  const [w, g] = [state(effect.parameter), site.read(effect.gradient, "rows")];
  const vectors = Math.ceil(sizeOf(site.node(effect.gradient).shape) / 4);
  const rate = uniform(effect.rate);
  if (effect.kind === "sgd") {
    const { weightDecay, momentum, nesterov, velocity } = effect;
    const v = velocity === undefined ? w : state(velocity);
    site.step(sgd({ weightDecay, momentum: velocity === undefined ? 0 : momentum, nesterov }), w, g, v, rate, vectors);
    return;
  }
  const { weightDecay, beta1, beta2, epsilon } = effect;
  const step = state(effect.step);
  if (!advanced.has(effect.step)) site.step(advance(), step);
  advanced.add(effect.step);
  const kernel = adam({ weightDecay, beta1, beta2, epsilon });
  site.step(kernel, w, g, state(effect.first), state(effect.second), step, rate, vectors);
}
