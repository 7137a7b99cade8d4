/**
 * Phase 4a: values of the loss graph as tensor graph.
 *
 * @module
 */

import { stageIndex } from "../../dsl/arch.ts";
import { ShapeError, UnknownNameError } from "../../dsl/errors.ts";
import { didYouMean } from "../../dsl/errors.ts";
import { type Mode, run, type Value } from "../../dsl/value.ts";
import { GraphBuilder } from "../ir/builder.ts";
import { call, input as operand, value } from "../ir/expr.ts";
import { sizeOf } from "../ir/node.ts";
import type { Pair, WeighAttrs } from "../ir/node.ts";
import { keptTensor } from "./kept.ts";
import { ModuleRunner } from "./net.ts";
import { diagonal, poolMap, resizeMap } from "./resize.ts";
import { ownerOf, type Plan, type PlannedModule } from "./resolve.ts";

/** Translates values of one plan into one graph. Equal values become one node. */
export class Translator {
  readonly builder: GraphBuilder = new GraphBuilder();
  readonly runner: ModuleRunner;
  readonly #plan: Plan;
  readonly #mode: Mode | undefined;
  readonly #versions = new Map<string, number>();
  #done = new WeakMap<Value, number>();
  readonly #stages = new Map<string, number>();

  /** `mode` overrides the mode of every run: evaluation programs run all nets in `"eval"`. */
  constructor(plan: Plan, mode?: Mode) {
    this.#plan = plan;
    this.#mode = mode;
    this.runner = new ModuleRunner(this.builder, {
      classes: plan.classes,
      sizeAt: (net, spot) => {
        const shape = plan.spots[net]?.[spot];
        return shape === undefined ? undefined : [shape[2]!, shape[3]!] satisfies Pair;
      },
      version: (module) => this.#versions.get(module) ?? 0,
    });
  }

  /** Says that a group's parameters change here: later values of its modules are computed anew. */
  advance(group: string): void {
    for (const module of this.#plan.modules) {
      if (module.group === group) this.#versions.set(module.id, (this.#versions.get(module.id) ?? 0) + 1);
    }
    this.#done = new WeakMap();
  }

  /** Node of a value, at the present versions of the nets it reads. */
  value(v: Value): number {
    const known = this.#done.get(v);
    if (known !== undefined) return known;
    const id = this.#translate(v);
    this.#done.set(v, id);
    return id;
  }

  /** A loss as one number: samples averaged over the images really present. */
  scalar(v: Value): number {
    const b = this.builder;
    const id = this.value(v);
    const shape = b.shape(id);
    if (shape.length === 0) return id;
    if (v.kind === "sample" && shape.length === 1) {
      return b.map("div", b.reshape(b.sum(id, [0]), []), b.countOf(id));
    }
    if (sizeOf(shape) === 1 && b.node(id).batch.length === 0) return b.reshape(id, []);
    throw new ShapeError(`Cannot use a ${v.kind} as a loss: a loss is one number or one a sample, got [${shape}].`);
  }

  #translate(v: Value): number {
    const b = this.builder;
    const of = (index: number): number => this.value(v.of[index]!);
    const number = (name: string): number => v.attrs[name] as number;
    switch (v.op) {
      case "run":
        return this.#run(v);
      case "labels":
        return this.#labels();
      case "constant":
        return b.constant(number("value"));
      case "measured":
        return b.uniform(`measured/${v.attrs.name}`);
      case "state": {
        const { name, shape } = keptTensor(this.#plan.kept, String(v.attrs.name));
        return b.scaleGradient(b.buffer(name, shape), 0);
      }
      case "sampleIndex":
        return b.input("index", [this.#plan.batch]);
      case "negatives":
        return b.input(`negatives/${number("count")}`, [this.#plan.batch, number("count")]);
      case "gatherDot":
      case "gatherSum":
        return b.gather(v.op, of(0), of(1), of(2));
      case "noise": {
        const { distribution, name } = v.attrs;
        return b.input(`noise/${distribution}/${name}`, [this.#plan.batch, number("width")]);
      }
      case "route":
        // What no sample has of its own is the same for those chosen.
        return b.node(of(0)).batch.length === 0 ? of(0) : b.compact(of(0), of(1));
      case "unroute":
        return b.expand(of(0), of(1));
      case "size":
        return b.constant(this.#axis(of(0), number("axis")));
      case "stop":
        return b.scaleGradient(of(0), 0);
      case "live":
        return of(0);
      case "scaleGradient":
        return b.scaleGradient(of(0), number("factor"));
      case "sum":
      case "mean":
      case "reduceMax":
        return this.#reduce(v);
      case "matmul":
        return b.matmul(of(0), of(1), v.attrs.transposeA === true, v.attrs.transposeB === true);
      case "transpose":
        return b.permute(of(0), v.attrs.axes as readonly number[]);
      case "reshape":
        return this.#reshape(v);
      case "concat":
        return b.concat(v.of.map((part) => this.value(part)), number("axis"));
      case "slice":
        return b.slice(of(0), number("axis"), number("start"), number("size"));
      case "kthSmallest": {
        const width = b.shape(of(0))[1]!;
        return b.kthSmallest(of(0), v.attrs.k === "third" ? Math.max(1, Math.floor(width / 3)) : number("k"));
      }
      case "poolTo":
        return this.#poolTo(v);
      case "resizeTo":
        return resizeMap(b, of(0), b.shape(of(1)).slice(2) as [number, number]);
      case "diagonal":
        return diagonal(b, b.shape(of(0))[0]!, number("offset"));
      case "weigh": {
        const nets = v.of.slice(0, -1).map((scores) => this.value(scores));
        const attrs = { members: nets.length, ...v.attrs as Pick<WeighAttrs, "rule" | "per"> };
        return b.weigh(b.concat(nets, 1), of(nets.length), attrs);
      }
      case "logSoftmax":
        return this.#logSoftmax(of(0), number("temperature"));
      case "crossEntropy":
        return this.#crossEntropy(of(0), of(1));
      case "kl":
        return this.#divergence(v);
      default:
        return b.map(v.op, ...v.of.map((operandOf) => this.value(operandOf)));
    }
  }

  /** One-hot labels; of mixed images weight · own + (1 − weight) · the other's. */
  #labels(): number {
    const b = this.builder;
    const { batch, classes, mixed } = this.#plan;
    const own = b.oneHot(b.input("labels", [batch]), classes);
    if (!mixed) return own;
    const other = b.oneHot(b.input("mix/labels", [batch]), classes);
    const weight = b.reshape(b.input("mix/weights", [batch]), [batch, 1]);
    const part = call("mul", operand(2), call("sub", operand(0), operand(1)));
    return b.elementwise(call("add", operand(1), part), [own, other, weight]);
  }

  #axis(id: number, axis: number): number {
    const size = this.builder.shape(id)[axis];
    if (size === undefined) {
      throw new ShapeError(`Cannot take the size of axis ${axis}: the tensor has [${this.builder.shape(id)}].`);
    }
    return size;
  }

  #module(id: string): PlannedModule {
    const found = this.#plan.modules.find((module) => module.id === id);
    if (found === undefined) {
      const known = this.#plan.modules.map((module) => module.id);
      throw new UnknownNameError(`Cannot run "${id}": it is no net or module of the sentence.${didYouMean(id, known)}`);
    }
    return found;
  }

  #run(v: Value): number {
    const attrs = v.attrs as { net: string; from: string; to: string; mode: Mode; view: number };
    const module = this.#module(attrs.net);
    const mode = this.#mode ?? attrs.mode;
    const index = (spot: string): number => stageIndex(module.id, module.stages, spot);
    const first = attrs.from === "" ? 0 : index(attrs.from) + 1;
    const last = index(attrs.to);
    const source = v.of.length > 0
      ? this.value(v.of[0]!)
      : this.builder.input(`images/${attrs.view}`, [this.#plan.batch, ...this.#plan.shape]);
    // Its own forward of this step comes first: it is what advances the running statistics.
    if (mode === "settled") this.value(run(module.id, "logits", { to: module.stages[last]!.spot, view: attrs.view }));
    let at = source;
    for (let i = first; i <= last; i++) {
      const owner = ownerOf(module, i);
      const key = `${owner} ${this.#versions.get(owner) ?? 0} ${mode} ${i} ${at}`;
      const known = this.#stages.get(key);
      at = known ?? this.runner.stage(owner, module.stages[i]!, at, mode);
      this.#stages.set(key, at);
      const { trunk } = module;
      if (i + 1 === trunk?.stages && trunk.scale !== 1) at = this.builder.scaleGradient(at, trunk.scale);
    }
    return at;
  }

  #reduce(v: Value): number {
    const b = this.builder;
    const x = this.value(v.of[0]!);
    const shape = b.shape(x);
    const all = shape.map((_, axis) => axis);
    const axes = v.attrs.keep === "sample" ? all.slice(1) : v.attrs.keep === "none" ? all : v.attrs.axes as number[];
    if (v.op === "reduceMax") return b.reduceMax(x, axes);
    const total = b.sum(x, axes);
    const result = v.op === "sum" ? total : this.#average(x, total, axes);
    if (v.attrs.keep === "sample") return b.reshape(result, [shape[0]!]);
    return v.attrs.keep === "none" ? b.reshape(result, []) : result;
  }

  /** A sum over axes of x, divided by the number of elements it covers. */
  #average(x: number, total: number, axes: readonly number[]): number {
    const b = this.builder;
    const { shape, batch } = b.node(x);
    const fixed = axes.filter((axis) => !batch.includes(axis)).reduce((product, axis) => product * shape[axis]!, 1);
    const samples = axes.filter((axis) => batch.includes(axis)).length;
    let result = b.map("mul", total, b.constant(1 / fixed));
    for (let i = 0; i < samples; i++) result = b.map("div", result, b.countOf(x));
    return result;
  }

  #reshape(v: Value): number {
    const b = this.builder;
    const x = this.value(v.of[0]!);
    const shape = b.shape(x);
    const kept: Readonly<Record<string, readonly number[]>> = {
      sample: [shape[0]!, sizeOf(shape.slice(1))],
      row: [shape[0]!, 1, sizeOf(shape.slice(1))],
      channel: [...shape.slice(0, 2), sizeOf(shape.slice(2))],
      pixel: [...shape.slice(0, 2), 1, 1],
    };
    if (typeof v.attrs.keep === "string") return b.reshape(x, kept[v.attrs.keep]!);
    return b.reshape(x, v.attrs.shape as readonly number[]);
  }

  #poolTo(v: Value): number {
    const b = this.builder;
    const x = this.value(v.of[0]!);
    const size = v.of[1] === undefined
      ? new Array<number>(2).fill(v.attrs.size as number)
      : b.shape(this.value(v.of[1])).slice(2);
    return poolMap(b, x, size as [number, number]);
  }

  #logSoftmax(x: number, temperature: number): number {
    const b = this.builder;
    const last = b.shape(x).length - 1;
    const scaled = temperature === 1 ? x : b.map("mul", x, b.constant(1 / temperature));
    const top = b.scaleGradient(b.reduceMax(scaled, [last]), 0);
    const shifted = b.map("sub", scaled, top);
    const total = b.sum(b.elementwise(call("exp", operand(0)), [shifted]), [last]);
    return b.elementwise(call("sub", operand(0), call("log", operand(1))), [shifted, total]);
  }

  /** −Σ target · ln softmax(logits), per sample. */
  #crossEntropy(logits: number, target: number): number {
    const b = this.builder;
    const product = call("mul", call("neg", operand(0)), operand(1));
    const each = b.elementwise(product, [target, this.#logSoftmax(logits, 1)]);
    return b.reshape(b.sum(each, [1]), [b.shape(logits)[0]!]);
  }

  /**
   * T² · Σ P (ln P − ln q) with P = p + ε, p = softmax(target / T) and q = softmax(student / T); terms with p = 0
   * count 0. Without T² when `squared` is false.
   *
   * The sum of q − p is nothing, but added to each class it takes away what rounding did to both logarithms, which
   * would be much of a small divergence in float32.
   */
  #divergence(v: Value): number {
    const b = this.builder;
    const { temperature, squared, epsilon } = v.attrs as { temperature: number; squared: boolean; epsilon: number };
    const [student, target] = [this.value(v.of[0]!), this.value(v.of[1]!)];
    const logQ = this.#logSoftmax(student, temperature);
    const logP = this.#logSoftmax(target, temperature);
    const [p, q] = [call("exp", operand(0)), call("exp", operand(1))];
    const divergence = epsilon === 0 ? call("mul", p, call("sub", operand(0), operand(1))) : call(
      "mul",
      call("add", p, value(epsilon)),
      call("sub", call("log", call("add", p, value(epsilon))), operand(1)),
    );
    const body = call("add", divergence, call("sub", q, p));
    const total = b.sum(b.elementwise(body, [logP, logQ]), [1]);
    const scaled = b.map("mul", total, b.constant(squared ? temperature ** 2 : 1));
    return b.reshape(scaled, [b.shape(student)[0]!]);
  }
}
