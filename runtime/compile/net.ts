/**
 * Layers as tensor graph: runs stages of nets and modules, and records what state they have.
 *
 * @module
 */

import type { Stage } from "../../dsl/arch.ts";
import { ShapeError } from "../../dsl/errors.ts";
import type { StateInit } from "../../dsl/graph.ts";
import type { ConnectorLayer } from "../../dsl/connectors.ts";
import type { Init, Layer } from "../../dsl/layers.ts";
import type { Mode } from "../../dsl/value.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import { call, input as operand, value } from "../ir/expr.ts";
import type { Pair, Shape } from "../ir/node.ts";
import { connectorGeometry, transposedGeometry } from "./connector.ts";

/** One tensor of a net's state, with what its initialisation needs. */
export interface ParameterEntry {
  /** `net/name`. */
  readonly name: string;
  /** Trained, or a running statistic. */
  readonly kind: "parameter" | "buffer";
  /** Size of every axis. */
  readonly shape: Shape;
  /** Rule that fills it. */
  readonly init: Init | StateInit | { readonly rule: "one" } | { readonly rule: "default"; readonly even: number };
  /** Inputs of one output unit, for PyTorch's default rule; of a bias, those of its layer. */
  readonly fanIn: number;
}

/** A running statistic that a train-mode forward advances. */
export interface BufferUpdate {
  readonly buffer: string;
  /** Node with its new value. */
  readonly node: number;
}

/** What a runner has to be told about its surroundings. */
export interface RunnerContext {
  readonly classes: number;
  /** Height and width of another net's tap, for layers that follow it. */
  readonly sizeAt: (net: string, spot: string) => Pair | undefined;
  /** Number of updates of a module's group before the values now computed. */
  readonly version: (module: string) => number;
}

/** Runs stages in one graph. */
export class ModuleRunner {
  readonly #context: RunnerContext;
  readonly #entries = new Map<string, ParameterEntry>();
  readonly #updates = new Map<string, number>();
  readonly #advanced = new Map<string, number>();

  constructor(readonly builder: GraphBuilder, context: RunnerContext) {
    this.#context = context;
  }

  /** State met so far, in order of use. */
  entries(): ParameterEntry[] {
    return [...this.#entries.values()];
  }

  /** New values of running statistics, in order. */
  updates(): BufferUpdate[] {
    return [...this.#updates].map(([buffer, node]) => ({ buffer, node }));
  }

  /** Forgets the updates; the next values start from the state again. */
  clearUpdates(): void {
    for (const buffer of this.#updates.keys()) this.#advanced.set(buffer, (this.#advanced.get(buffer) ?? 0) + 1);
    this.#updates.clear();
  }

  /** Runs one stage of a module on x. */
  stage(module: string, stage: Stage, x: number, mode: Mode): number {
    return this.#layers(module, stage.layers, x, mode);
  }

  #layers(module: string, layers: readonly Layer[], x: number, mode: Mode): number {
    return layers.reduce((at, layer) => this.#layer(module, layer, at, mode), x);
  }

  #layer(module: string, layer: Layer, x: number, mode: Mode): number {
    const b = this.builder;
    switch (layer.kind) {
      case "conv": {
        const [, channels] = this.#map(x, layer.name);
        const out = layer.out === "same" ? channels : layer.out;
        const groups = layer.groups === "depthwise" ? channels : layer.groups;
        const shape = [out, channels / groups, layer.kernel, layer.kernel];
        const fanIn = shape[1]! * layer.kernel ** 2;
        const w = this.#parameter(module, `${layer.name}.weight`, shape, layer.init, fanIn);
        const y = b.conv2d(x, w, { stride: square(layer.stride), pad: square(layer.pad), groups });
        return layer.bias ? this.#bias(module, layer, y, out, fanIn) : y;
      }
      case "transposedConv": {
        const [, channels, height, width] = this.#map(x, layer.name);
        const shape = [channels, layer.out, layer.kernel, layer.kernel];
        const fanIn = layer.out * layer.kernel ** 2;
        const w = this.#parameter(module, `${layer.name}.weight`, shape, layer.init, fanIn);
        const { stride, size } = transposedGeometry(layer, [height, width], this.#context.sizeAt);
        const y = b.conv2dInput(x, w, { stride: square(stride), pad: square(layer.pad), groups: 1 }, size);
        return layer.bias ? this.#bias(module, layer, y, layer.out, fanIn) : y;
      }
      case "connector":
        return this.#connector(module, layer, x);
      case "free": {
        const row = this.#parameter(module, layer.name, [layer.width], layer.init, layer.width);
        return b.reshape(row, b.shape(x).map((_, axis) => (axis === 1 ? layer.width : 1)));
      }
      case "batchNorm":
        return this.#batchNorm(module, layer.name, x, layer.momentum, layer.epsilon, mode);
      case "relu":
        return b.elementwise(call("max", value(0), operand(0)), [x]);
      case "leakyRelu":
        return b.elementwise(call("max", operand(0), call("mul", operand(0), value(layer.slope))), [x]);
      case "relu6":
        return b.elementwise(call("min", value(6), call("max", value(0), operand(0))), [x]);
      case "sigmoid":
        return b.elementwise(call("sigmoid", operand(0)), [x]);
      case "pool": {
        const [, , height, width] = this.#map(x, "pool");
        if (layer.atLeast !== undefined && Math.min(height, width) < layer.atLeast) return x;
        const attrs = { kernel: square(layer.kernel), stride: square(layer.stride), pad: square(layer.pad) };
        return b.pool(layer.mode === "average" ? "averagePool" : "maxPool", x, attrs);
      }
      case "globalPool": {
        const [batch, channels, height, width] = this.#map(x, "global pool");
        const total = b.sum(x, [2, 3]);
        const mean = b.elementwise(call("mul", operand(0), value(1 / (height * width))), [total]);
        return b.reshape(mean, [batch, channels]);
      }
      case "linear": {
        const width = b.shape(x)[1]!;
        if (b.shape(x).length !== 2) {
          throw new ShapeError(
            `Cannot apply linear layer ${layer.name}: it reads vectors [B, D], got [${b.shape(x)}].`,
          );
        }
        const out = layer.out === "classes" ? this.#context.classes : layer.out;
        const w = this.#parameter(module, `${layer.name}.weight`, [out, width], layer.init, width);
        const y = b.matmul(x, w, false, true);
        return layer.bias ? this.#bias(module, layer, y, out, width) : y;
      }
      case "shuffleChannels": {
        const [batch, channels, height, width] = this.#map(x, "channel shuffle");
        const run = this.#part(channels, layer.groups, "channel shuffle");
        const runs = b.reshape(x, [batch, layer.groups, run, height * width]);
        return b.reshape(b.permute(runs, [0, 2, 1, 3]), [batch, channels, height, width]);
      }
      case "chunkChannels": {
        const part = this.#part(b.shape(x)[1]!, layer.of, "channel split");
        return b.slice(x, 1, layer.index * part, part);
      }
      case "padChannels":
        return layer.before + layer.after === 0 ? x : b.padAxis(x, 1, layer.before, layer.after);
      case "product":
        return this.#product(layer.branches.map((branch) => this.#layers(module, branch, x, mode)));
      case "sum":
        return layer.branches.map((branch) => this.#layers(module, branch, x, mode)).reduce((a, c) =>
          b.map("add", a, c)
        );
      case "join":
        return b.concat(layer.branches.map((branch) => this.#layers(module, branch, x, mode)), 1);
      default:
        return layer satisfies never;
    }
  }

  #map(x: number, layer: string): readonly [number, number, number, number] {
    const shape = this.builder.shape(x);
    if (shape.length !== 4) {
      throw new ShapeError(`Cannot apply layer ${layer}: it reads maps [B, C, H, W], got [${shape}].`);
    }
    return shape as readonly [number, number, number, number];
  }

  /** Channels of each of `parts` equal runs. */
  #part(channels: number, parts: number, layer: string): number {
    if (channels % parts === 0) return channels / parts;
    throw new ShapeError(
      `Cannot apply ${layer}: ${parts} parts share the channels equally, got ${channels}. Say another number.`,
    );
  }

  /** Element by element; vectors [B, C] multiply every place of a map, maps of one channel all channels. */
  #product(factors: readonly number[]): number {
    const b = this.builder;
    const maps = factors.map((id) => b.shape(id)).filter((shape) => shape.length === 4);
    const map = maps.find(([, channels]) => channels !== 1) ?? maps[0];
    const like = map ?? b.shape(factors[0]!);
    return factors.map((id) => {
      const [batch, channels, ...size] = b.shape(id) as readonly [number, number, ...number[]];
      const fits = (channels === like[1] || (channels === 1 && size.length > 0)) &&
        (size.length === 0 || size.join() === like.slice(2).join());
      if (!fits) {
        throw new ShapeError(
          `Cannot multiply branches: they have one shape, or are vectors of its channels, got ${
            factors.map((other) => `[${b.shape(other)}]`).join(" and ")
          }.`,
        );
      }
      return b.reshape(id, [batch, channels, ...(size.length === 0 ? like.slice(2).map(() => 1) : size)]);
    }).reduce((product, factor) => b.map("mul", product, factor));
  }

  #connector(module: string, layer: ConnectorLayer, x: number): number {
    const b = this.builder;
    const [, inputs, ...size] = this.#map(x, layer.name);
    const { net, spot } = layer.like;
    const { transposed, kernel, stride, pad, like } = connectorGeometry(
      size,
      this.#context.sizeAt(net, spot),
      layer.like,
    );
    const fanIn = (transposed ? layer.out : inputs) * kernel ** 2;
    const shape = transposed ? [inputs, layer.out, kernel, kernel] : [layer.out, inputs, kernel, kernel];
    const w = this.#parameter(module, `${layer.name}.weight`, shape, layer.init, fanIn);
    const attrs = { stride: square(stride), pad: square(pad), groups: 1 };
    const y = transposed ? b.conv2dInput(x, w, attrs, like) : b.conv2d(x, w, attrs);
    return layer.bias ? this.#bias(module, layer, y, layer.out, fanIn) : y;
  }

  #parameter(
    module: string,
    name: string,
    shape: Shape,
    init: ParameterEntry["init"],
    fanIn: number,
    kind: "parameter" | "buffer" = "parameter",
  ): number {
    const full = `${module}/${name}`;
    const known = this.#entries.get(full);
    if (known !== undefined && known.shape.join() !== shape.join()) {
      throw new ShapeError(`Cannot run ${module} twice: ${name} is [${known.shape}] in one place, got [${shape}].`);
    }
    if (known === undefined) this.#entries.set(full, Object.freeze({ name: full, kind, shape, init, fanIn }));
    // Both counts only grow, so their sum tells apart every value that a buffer has within a step.
    return this.builder[kind](full, shape, this.#context.version(module) + (this.#advanced.get(full) ?? 0));
  }

  #bias(module: string, layer: LayerWithBias, y: number, out: number, fanIn: number): number {
    const b = this.builder;
    const bias = this.#parameter(module, `${layer.name}.bias`, [out], biasInit(layer.init.bias), fanIn);
    const row = b.reshape(bias, b.shape(y).map((_, axis) => (axis === 1 ? out : 1)));
    return b.map("add", y, row);
  }

  #batchNorm(module: string, name: string, x: number, momentum: number, epsilon: number, mode: Mode): number {
    const b = this.builder;
    const channels = b.shape(x)[1]!;
    const gamma = this.#parameter(module, `${name}.weight`, [channels], { rule: "one" }, channels);
    const beta = this.#parameter(module, `${name}.bias`, [channels], { rule: "zero" }, channels);
    const mean = this.#parameter(module, `${name}.running_mean`, [channels], { rule: "zero" }, channels, "buffer");
    const variance = this.#parameter(module, `${name}.running_var`, [channels], { rule: "one" }, channels, "buffer");
    if (mode === "train") {
      const stats = b.batchStats(x);
      this.#advance(`${module}/${name}`, x, stats, [mean, variance], momentum);
      return b.batchNorm(x, stats, gamma, beta, epsilon);
    }
    const row = (id: number): number => b.reshape(id, b.shape(x).map((_, axis) => (axis === 1 ? channels : 1)));
    const running = (suffix: string, leaf: number): number =>
      mode === "settled" ? this.#updates.get(`${module}/${name}.${suffix}`) ?? leaf : leaf;
    const deviation = call("sqrt", call("add", operand(2), value(epsilon)));
    const normal = call("div", call("sub", operand(0), operand(1)), deviation);
    const body = call("add", call("mul", normal, operand(3)), operand(4));
    return b.elementwise(body, [
      x,
      row(running("running_mean", mean)),
      row(running("running_var", variance)),
      row(gamma),
      row(beta),
    ]);
  }

  /** Running statistics: r ← (1 − m) r + m s, the variance as the unbiased estimate s · n / (n − 1). */
  #advance(name: string, x: number, stats: number, [mean, variance]: Pair, momentum: number): void {
    const b = this.builder;
    const channels = b.shape(x)[1]!;
    const area = b.shape(x).slice(2).reduce((product, size) => product * size, 1);
    const { rows } = b.node(x);
    const mixed = call("add", call("mul", value(1 - momentum), operand(0)), call("mul", value(momentum), operand(1)));
    // A sub-batch of nobody moves nothing.
    const blend = rows === undefined ? mixed : call("select", operand(2), mixed, operand(0));
    const chosen = rows === undefined ? [] : [b.reshape(b.chosen(rows), [1])];
    const row = (index: number): number => b.reshape(b.slice(stats, 0, index, 1), [channels]);
    const old = (suffix: string, leaf: number): number => this.#updates.get(`${name}.${suffix}`) ?? leaf;
    const n = call("mul", operand(1), value(area));
    const unbiased = b.elementwise(
      call("mul", operand(0), call("div", n, call("max", call("sub", n, value(1)), value(1)))),
      [row(1), b.reshape(b.countOf(x), [1])],
    );
    const update = (suffix: string, leaf: number, statistic: number): void => {
      this.#updates.set(`${name}.${suffix}`, b.elementwise(blend, [old(suffix, leaf), statistic, ...chosen]));
    };
    update("running_mean", mean, row(0));
    update("running_var", variance, unbiased);
  }
}

function biasInit(said: Init["bias"]): ParameterEntry["init"] {
  if (typeof said === "object") return { rule: "default", even: said.even };
  return said === undefined ? { rule: "default" } : { rule: said };
}

type LayerWithBias = Extract<Layer, { readonly bias: boolean }>;

function square(size: number): Pair {
  return [size, size];
}
