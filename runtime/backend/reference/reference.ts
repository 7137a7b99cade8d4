/**
 * The reference backend: every primitive by its definition, in float64. Slow on purpose; the oracle of all others.
 *
 * @module
 */

import { BackendError, ShapeError } from "../../../dsl/errors.ts";
import { isLeaf, type Node, type Primitive, sizeOf } from "../../ir/node.ts";
import type { Effect, StateEntry, StepProgram } from "../../ir/program.ts";
import type { Backend, Engine, Feed, Numbers, Runner } from "../backend.ts";
import { compact, concat, expand, kthSmallest, oneHot, padAxis, permute, slice } from "./arrange.ts";
import { elementwise, matmul, reduce } from "./elementwise.ts";
import { batchNorm, batchNormInput, batchNormSums, batchStats } from "./norm.ts";
import { assignRows, gatherDot, gatherSum } from "./gather.ts";
import { adam, sgd } from "./optimize.ts";
import { averagePoolInput, conv2d, conv2dFilter, conv2dInput, maxPoolInput, pool } from "./spatial.ts";
import { type Tensor, tensor } from "./tensor.ts";
import { weigh } from "./weigh.ts";

/** The float64 oracle. */
export function reference(): Backend {
  return {
    name: "reference",
    description: "reference: plain TypeScript in float64, one thread (the oracle of the other backends)",
    precision: "float64",
    open: (state) => Promise.resolve(new ReferenceEngine(state)),
  };
}

class ReferenceEngine implements Engine {
  readonly #state = new Map<string, Tensor>();

  constructor(entries: readonly StateEntry[]) {
    for (const entry of entries) this.#state.set(entry.name, tensor(entry.shape));
  }

  load(program: StepProgram): Promise<Runner> {
    return Promise.resolve(new ReferenceRunner(program, (name) => this.#entry(name)));
  }

  write(state: string, values: Numbers): Promise<void> {
    const { data } = this.#entry(state);
    if (values.length !== data.length) {
      throw new ShapeError(`Cannot write ${state}: it holds ${data.length} numbers, got ${values.length}.`);
    }
    data.set(values);
    return Promise.resolve();
  }

  read(state: string): Promise<Numbers> {
    return Promise.resolve(this.#entry(state).data.slice());
  }

  close(): Promise<void> {
    this.#state.clear();
    return Promise.resolve();
  }

  #entry(name: string): Tensor {
    const entry = this.#state.get(name);
    if (entry === undefined) throw new BackendError(`Cannot use state ${name}: the engine was opened without it.`);
    return entry;
  }
}

class ReferenceRunner implements Runner {
  readonly #program: StepProgram;
  readonly #state: (name: string) => Tensor;
  readonly #values: (Tensor | undefined)[];
  #count = 0;
  #skipped: string[] = [];
  readonly bytes: number;

  constructor(program: StepProgram, state: (name: string) => Tensor) {
    this.#program = program;
    this.#state = state;
    this.#values = program.nodes.map(() => undefined);
    this.bytes = program.nodes.reduce((sum, node) => sum + (isLeaf(node) ? 0 : 8 * sizeOf(node.shape)), 0);
  }

  run(feed: Feed): Promise<void> {
    this.#count = feed.count;
    this.#skipped = [];
    this.#values.fill(undefined);
    for (const node of this.#program.nodes) if (isLeaf(node)) this.#values[node.id] = this.#leaf(node, feed);
    for (const segment of this.#program.segments) {
      if (segment.gate !== undefined && this.#value(segment.gate).data[0]! > 0) {
        this.#skipped.push(segment.name);
        continue;
      }
      const count = this.#countOf(segment.count);
      for (const id of segment.nodes) this.#values[id] = this.#compute(this.#program.nodes[id]!, count);
      for (const effect of segment.effects) this.#apply(effect, feed);
    }
    return Promise.resolve();
  }

  read(output: string): Promise<Numbers> {
    const id = this.#program.outputs[output];
    if (id === undefined) throw new BackendError(`Cannot read ${output}: program ${this.#program.name} lacks it.`);
    const node = this.#program.nodes[id]!;
    const { data } = this.#value(id);
    const rows = node.batch.includes(0) ? data.length / node.shape[0]! * this.#countOf(node.rows) : data.length;
    return Promise.resolve(data.slice(0, rows));
  }

  skipped(): readonly string[] {
    return this.#skipped;
  }

  close(): void {
    this.#values.fill(undefined);
  }

  #value(id: number): Tensor {
    const value = this.#values[id];
    if (value === undefined) throw new BackendError(`Cannot read node ${id}: its segment did not run in this step.`);
    return value;
  }

  #leaf(node: Node, feed: Feed): Tensor {
    if (node.op === "parameter" || node.op === "buffer") return this.#state(node.attrs.name);
    const out = tensor(node.shape);
    if (node.op === "constant") out.data.fill(node.attrs.value);
    else if (node.op === "uniform") {
      const value = node.attrs.name === "count" ? feed.count : feed.uniforms[node.attrs.name];
      if (value === undefined) throw new BackendError(`Cannot run a step: uniform ${node.attrs.name} was not set.`);
      out.data[0] = value;
    } else if (node.op === "input") {
      const values = feed.inputs[node.attrs.name];
      const expected = sizeOf(node.shape) / node.shape[0]! * feed.count;
      if (values === undefined || values.length !== expected) {
        throw new ShapeError(
          `Cannot run a step: input ${node.attrs.name} holds ${expected} numbers for ${feed.count} images, got ${
            values?.length ?? "none"
          }.`,
        );
      }
      out.data.set(values);
    }
    return out;
  }

  /** Samples of a batch or sub-batch. */
  #countOf(rows: number | undefined): number {
    return rows === undefined ? this.#count : this.#value(rows).data[0]!;
  }

  #compute(node: Node, count: number): Tensor {
    const inputs = node.inputs.map((id) => this.#value(id));
    const sources = node.inputs.map((id) => this.#program.nodes[id]!);
    return compute(node, inputs, sources, count);
  }

  #apply(effect: Effect, feed: Feed): void {
    if (effect.kind === "assign") {
      const [state, { data }] = [this.#state(effect.state), this.#value(effect.node)];
      if (effect.rows === undefined) state.data.set(data);
      else assignRows(state, data, this.#value(effect.rows).data.subarray(0, this.#count));
      return;
    }
    const rate = feed.uniforms[effect.rate];
    if (rate === undefined) throw new BackendError(`Cannot run a step: uniform ${effect.rate} was not set.`);
    const gradient = this.#value(effect.gradient);
    if (effect.kind === "sgd") sgd(effect, this.#state, gradient, rate);
    else adam(effect, this.#state, gradient, rate);
  }
}

type Kernel = (node: never, inputs: readonly Tensor[], sources: readonly Node[], count: number) => Tensor;

/** One function a primitive; images of a batch axis beyond `count` are left at zero where that is cheaper. */
const kernels: Readonly<Record<Exclude<Primitive, "parameter" | "buffer" | "input" | "uniform" | "constant">, Kernel>> =
  {
    elementwise: elementwise as Kernel,
    sum: ((node, [x], [source], count) => reduce(node, x!, source!.batch, count)) as Kernel,
    reduceMax: ((node, [x], [source], count) => reduce(node, x!, source!.batch, count)) as Kernel,
    matmul: ((node, [a, b], [source], count) => matmul(node, a!, b!, contractsBatch(node, source!), count)) as Kernel,
    conv2d: ((node, [x, w], _, count) => conv2d(node, x!, w!, count)) as Kernel,
    conv2dInput: ((node, [g, w], _, count) => conv2dInput(node, g!, w!, count)) as Kernel,
    conv2dFilter: ((node, [x, g], _, count) => conv2dFilter(node, x!, g!, count)) as Kernel,
    averagePool: ((node, [x]) => pool(node, x!)) as Kernel,
    averagePoolInput: ((node, [g]) => averagePoolInput(node, g!)) as Kernel,
    maxPool: ((node, [x]) => pool(node, x!)) as Kernel,
    maxPoolInput: ((node, [x, g]) => maxPoolInput(node, x!, g!)) as Kernel,
    batchStats: ((node, [x], _, count) => batchStats(node, x!, count)) as Kernel,
    batchNorm: ((node, [x, s, gamma, beta], _, count) => batchNorm(node, x!, s!, gamma!, beta!, count)) as Kernel,
    batchNormSums: ((node, [g, x, s], _, count) => batchNormSums(node, g!, x!, s!, count)) as Kernel,
    batchNormInput: ((node, inputs, _, count) => batchNormInput(node, inputs as never, count)) as Kernel,
    oneHot: ((node, [labels], _, count) => oneHot(node, labels!, count)) as Kernel,
    kthSmallest: ((node, [x]) => kthSmallest(node, x!)) as Kernel,
    weigh: ((node, [scores, labels], _, count) => weigh(node, scores!, labels!, count)) as Kernel,
    gatherDot: ((node, [memory, index, v]) => gatherDot(node, memory!, index!, v!)) as Kernel,
    gatherSum: ((node, [memory, index, g]) => gatherSum(node, memory!, index!, g!)) as Kernel,
    concat: concat as Kernel,
    slice: ((node, [x]) => slice(node, x!)) as Kernel,
    padAxis: ((node, [x]) => padAxis(node, x!)) as Kernel,
    // A copy: state that is reshaped keeps the value it had when the node ran.
    reshape: ((node: Node, [x]) => tensor(node.shape, x!.data.slice())) as Kernel,
    permute: ((node, [x]) => permute(node, x!)) as Kernel,
    compact: ((node, [x, mask], _, count) => compact(node, x!, mask!, count)) as Kernel,
    expand: ((node, [x, mask], _, count) => expand(node, x!, mask!, count)) as Kernel,
  };

/** Whether a matrix product contracts a batch axis of its first operand. */
function contractsBatch(node: Node & { readonly op: "matmul" }, a: Node): boolean {
  return a.batch.includes(a.shape.length - (node.attrs.transposeA ? 2 : 1));
}

function compute(node: Node, inputs: readonly Tensor[], sources: readonly Node[], count: number): Tensor {
  if (isLeaf(node)) throw new BackendError(`Cannot compute node ${node.id}: ${node.op} is a leaf.`);
  const kernel = kernels[node.op as keyof typeof kernels];
  return kernel(node as never, inputs, sources, count);
}
