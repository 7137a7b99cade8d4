/** Step programs written by hand: a small graph builder with shape rules of its own. @module */

import { call, type Expr, input, value } from "../../ir/expr.ts";
import {
  type Attrs,
  type ConvAttrs,
  isLeaf,
  type Node,
  type Pair,
  type PoolAttrs,
  type Primitive,
  type Shape,
  sizeOf,
} from "../../ir/node.ts";
import type { Effect, Segment, StateEntry, StepProgram } from "../../ir/program.ts";
import { type Fill, normal } from "./case.ts";

/** An input whose numbers are drawn for each run. */
export interface DrawnInput {
  readonly name: string;
  /** Numbers per sample. */
  readonly row: number;
  readonly fill: Fill;
  /** Fed as integers. */
  readonly integer: boolean;
}

/** A tensor of state; without `fill` it starts at zero. */
export interface DrawnState {
  readonly entry: StateEntry;
  readonly fill?: Fill;
}

/** x where x ≠ 0, NaN where x = 0: rows that were never fed become NaN. Unfolded on purpose. */
const poison: Expr = {
  fn: "add",
  of: [input(0), { fn: "mul", of: [value(0), call("log", call("abs", input(0)))] }],
};

interface OpenSegment {
  readonly name: string;
  readonly nodes: number[];
  readonly effects: Effect[];
  readonly gate?: number;
  readonly count?: number;
}

/** A step program in the making. Methods that add a node return its id. */
export class Sketch {
  /** Inputs so far. */
  readonly inputs: DrawnInput[] = [];
  /** State so far. */
  readonly states: DrawnState[] = [];
  readonly #nodes: Node[] = [];
  readonly #segments: OpenSegment[] = [{ name: "first", nodes: [], effects: [] }];
  readonly #outputs: Record<string, number> = {};

  /** @param batch Largest batch. @param name Of the program. */
  constructor(readonly batch: number, readonly name = "case") {}

  /** The finished program. */
  program(): StepProgram {
    return {
      name: this.name,
      batch: this.batch,
      nodes: this.#nodes,
      segments: this.#segments as readonly Segment[],
      state: this.states.map((state) => state.entry),
      outputs: this.#outputs,
    };
  }

  /** Shape of a node. */
  shape(id: number): Shape {
    return this.#nodes[id]!.shape;
  }

  /** Adds any node; the methods below know the shapes. */
  add<P extends Primitive>(
    op: P,
    inputs: readonly number[],
    attrs: Attrs[P],
    shape: Shape,
    batch: readonly number[] = shape[0] === this.batch && inputs.some((i) => this.#nodes[i]!.batch.includes(0))
      ? [0]
      : [],
  ): number {
    return this.#push({ id: this.#nodes.length, op, inputs, attrs, shape, batch } as unknown as Node);
  }

  /** Adds a node to the open segment, and to the sub-batch that it runs over. */
  #push(plain: Node): number {
    const { count, nodes } = this.#segments.at(-1)!;
    const node = isLeaf(plain) || plain.rows !== undefined || count === undefined ? plain : { ...plain, rows: count };
    this.#nodes.push(node);
    if (!isLeaf(node)) nodes.push(node.id);
    return node.id;
  }

  /** Starts a segment, over a sub-batch if `count` says how many samples that has. */
  segment(name: string, gate?: number, count?: number): this {
    const fresh = { name, nodes: [], effects: [], ...(count === undefined ? {} : { count }) };
    const last = this.#segments.at(-1)!;
    if (this.#segments.length === 1 && last.nodes.length === 0 && last.effects.length === 0) this.#segments.pop();
    this.#segments.push(gate === undefined ? fresh : { ...fresh, gate });
    return this;
  }

  /** Adds an effect to the open segment. */
  effect(effect: Effect): this {
    this.#segments.at(-1)!.effects.push(effect);
    return this;
  }

  /** Names a node as readable. */
  output(name: string, id: number): this {
    this.#outputs[name] = id;
    return this;
  }

  /** A parameter, drawn once. */
  parameter(name: string, shape: Shape, fill: Fill = normal): number {
    this.states.push({ entry: { name, kind: "parameter", shape }, fill });
    return this.add("parameter", [], { name }, shape);
  }

  /** A buffer, drawn once. */
  buffer(name: string, shape: Shape, fill: Fill = normal): number {
    this.states.push({ entry: { name, kind: "buffer", shape }, fill });
    return this.add("buffer", [], { name }, shape);
  }

  /** A slot of an optimizer; starts at zero. */
  slot(name: string, shape: Shape): string {
    this.states.push({ entry: { name, kind: "slot", shape } });
    return name;
  }

  /**
   * `images/name`, fed [B, …] whatever its rank by way of a reshape.
   *
   * @param poisoned Makes rows beyond the count NaN; then no number drawn may be zero.
   */
  images(name: string, shape: Shape, options: { fill?: Fill; poisoned?: boolean } = {}): number {
    const row = sizeOf(shape.slice(1));
    this.inputs.push({ name: `images/${name}`, row, fill: options.fill ?? normal, integer: false });
    const fed = shape.length === 4 ? shape : [shape[0]!, row, 1, 1];
    let id = this.add("input", [], { name: `images/${name}` }, fed, [0]);
    if (shape.length !== 4) id = this.reshape(id, shape);
    return options.poisoned ? this.elementwise(poison, [id]) : id;
  }

  /** `labels` [B]. */
  labels(classes: number, integer = true): number {
    const fill: Fill = (random, index) => random.integer(index, classes);
    this.inputs.push({ name: "labels", row: 1, fill, integer });
    return this.add("input", [], { name: "labels" }, [this.batch], [0]);
  }

  /** A uniform []. */
  uniform(name: string): number {
    return this.add("uniform", [], { name }, []);
  }

  /** A tensor of one number. */
  constant(number: number, shape: Shape): number {
    return this.add("constant", [], { value: number }, shape);
  }

  /** expr of inputs; the shape is their common one unless given. */
  elementwise(expr: Expr, inputs: readonly number[], shape?: Shape, batch?: readonly number[]): number {
    const shapes = inputs.map((i) => this.shape(i));
    const joined = shape ?? shapes[0]!.map((_, axis) => Math.max(...shapes.map((s) => s[axis]!)));
    const axes = new Set(inputs.flatMap((i) => this.#nodes[i]!.batch));
    return this.add("elementwise", inputs, { expr }, joined, batch ?? [...axes].sort());
  }

  /** Sum over axes. */
  sum(x: number, axes: readonly number[]): number {
    return this.#reduce("sum", x, axes);
  }

  /** Maximum over axes. */
  reduceMax(x: number, axes: readonly number[]): number {
    return this.#reduce("reduceMax", x, axes);
  }

  #reduce(op: "sum" | "reduceMax", x: number, axes: readonly number[]): number {
    const shape = this.shape(x).map((size, axis) => axes.includes(axis) ? 1 : size);
    return this.add(op, [x], { axes }, shape, this.#nodes[x]!.batch.filter((axis) => !axes.includes(axis)));
  }

  /** Product of the last two axes. */
  matmul(a: number, b: number, transposeA = false, transposeB = false): number {
    const [left, right] = [this.#nodes[a]!, this.#nodes[b]!];
    const lead = left.shape.length - 2;
    const [row, column] = [transposeA ? lead + 1 : lead, transposeB ? lead : lead + 1];
    const batch = [
      ...left.batch.filter((axis) => axis < lead),
      ...(left.batch.includes(row) ? [lead] : []),
      ...(right.batch.includes(column) ? [lead + 1] : []),
    ];
    const shape = [...left.shape.slice(0, lead), left.shape[row]!, right.shape[column]!];
    return this.add("matmul", [a, b], { transposeA, transposeB }, shape, batch);
  }

  /** Convolution. */
  conv2d(x: number, w: number, attrs: ConvAttrs): number {
    const [b, , h, wide] = this.shape(x);
    const [o, , kh, kw] = this.shape(w);
    const shape = [b!, o!, ...windows([h!, wide!], [kh!, kw!], attrs)];
    return this.add("conv2d", [x, w], attrs, shape);
  }

  /** Input gradient of a convolution. */
  conv2dInput(g: number, w: number, attrs: ConvAttrs, size: Pair): number {
    const shape = [this.shape(g)[0]!, this.shape(w)[1]! * attrs.groups, ...size];
    return this.add("conv2dInput", [g, w], { ...attrs, size }, shape);
  }

  /** Filter gradient of a convolution. */
  conv2dFilter(x: number, g: number, attrs: ConvAttrs, kernel: Pair): number {
    const shape = [this.shape(g)[1]!, this.shape(x)[1]! / attrs.groups, ...kernel];
    return this.add("conv2dFilter", [x, g], { ...attrs, kernel }, shape, []);
  }

  /** Average or maximum of windows. */
  pool(op: "averagePool" | "maxPool", x: number, attrs: PoolAttrs): number {
    const [b, c, h, w] = this.shape(x);
    return this.add(op, [x], attrs, [b!, c!, ...windows([h!, w!], attrs.kernel, attrs)]);
  }

  /** Same elements, other shape. */
  reshape(x: number, shape: Shape): number {
    return this.add("reshape", [x], {}, shape, this.#nodes[x]!.batch.includes(0) ? [0] : []);
  }

  /** Axes reordered. */
  permute(x: number, axes: readonly number[]): number {
    const node = this.#nodes[x]!;
    const batch = axes.flatMap((from, to) => node.batch.includes(from) ? [to] : []);
    return this.add("permute", [x], { axes }, axes.map((axis) => node.shape[axis]!), batch);
  }

  /** Samples whose mask [B] is 1, as a sub-batch of `rows` samples. */
  compact(x: number, mask: number, rows: number): number {
    const { shape, batch } = this.#nodes[x]!;
    const inputs = [x, mask, rows];
    return this.#push({ id: this.#nodes.length, op: "compact", inputs, attrs: {}, shape, batch, rows });
  }

  /** Samples of a sub-batch back in their places. */
  expand(x: number, mask: number): number {
    const { shape, batch } = this.#nodes[x]!;
    return this.add("expand", [x, mask], {}, shape, batch);
  }

  /** Inputs joined along an axis. */
  concat(inputs: readonly number[], axis: number): number {
    const shape = this.shape(inputs[0]!).map((size, at) =>
      at === axis ? inputs.reduce((sum, i) => sum + this.shape(i)[axis]!, 0) : size
    );
    return this.add("concat", inputs, { axis }, shape, this.#nodes[inputs[0]!]!.batch);
  }

  /** Part of an axis. */
  slice(x: number, axis: number, start: number, size: number): number {
    const shape = this.shape(x).map((whole, at) => at === axis ? size : whole);
    return this.add("slice", [x], { axis, start, size }, shape, this.#nodes[x]!.batch);
  }

  /** Zeros around an axis. */
  padAxis(x: number, axis: number, before: number, after: number): number {
    const shape = this.shape(x).map((size, at) => at === axis ? size + before + after : size);
    return this.add("padAxis", [x], { axis, before, after }, shape, this.#nodes[x]!.batch);
  }
}

/** Output size of sliding windows. */
export function windows(size: Pair, kernel: Pair, { stride, pad }: { stride: Pair; pad: Pair }): [number, number] {
  const along = (axis: 0 | 1): number => Math.floor((size[axis] + 2 * pad[axis] - kernel[axis]) / stride[axis]) + 1;
  return [along(0), along(1)];
}
