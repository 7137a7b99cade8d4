/** Runs a step program node by node. @module */

import { BackendError, ShapeError } from "../../../dsl/errors.ts";
import { isLeaf, type Node, type NodeOf, sizeOf } from "../../ir/node.ts";
import type { Effect, Segment, StepProgram } from "../../ir/program.ts";
import type { Feed, Numbers, Runner } from "../backend.ts";
import type { Device } from "./device.ts";
import { weighTables } from "../../ir/weigh.ts";
import { assignRows } from "./gather.ts";
import { type Call, type Computing, kernels } from "./kernels.ts";
import { insideShape, presentShape, type Tensor, toBorder, toInside } from "./layout.ts";
import { type Plan, plan } from "./plan.ts";
import type { State } from "./state.ts";

type AnyKernel = (call: Call<Computing>, inputs: readonly Tensor[]) => Tensor;

/**
 * An eager interpreter. Tensors hold exactly the rows of the batch at hand, so there is no padding to mask; each is
 * freed after its last use, outputs at the start of the next run.
 */
export class TfjsRunner implements Runner {
  readonly bytes: number;
  readonly #program: StepProgram;
  readonly #plan: Plan;
  readonly #state: State;
  readonly #device: Device;
  readonly #values = new Map<number, Tensor>();
  readonly #rows = new Map<number, number>();
  #feed: Feed = { count: 0, inputs: {}, uniforms: {} };
  #skipped: string[] = [];

  /** Prepares the program. */
  constructor(program: StepProgram, state: State, device: Device) {
    this.#program = program;
    this.#plan = plan(program);
    this.#state = state;
    this.#device = device;
    this.bytes = this.#plan.bytes;
  }

  async run(feed: Feed): Promise<void> {
    this.#device.use("run a step");
    this.close();
    this.#check(feed);
    this.#feed = feed;
    this.#skipped = [];
    for (const [s, segment] of this.#program.segments.entries()) {
      if (segment.gate !== undefined && await this.#number(segment.gate) > 0) {
        this.#skipped.push(segment.name);
        for (const ids of this.#plan.frees[s]!) this.#free(ids);
        continue;
      }
      if (segment.count !== undefined) await this.#enter(segment.count);
      this.#device.use("run a step");
      await this.#segment(segment, this.#plan.frees[s]!);
    }
  }

  /** Learns the size of a sub-batch, and cuts to it what was routed into it. */
  async #enter(rows: number): Promise<void> {
    const count = await this.#number(rows);
    this.#rows.set(rows, count);
    for (const [id, value] of this.#values) {
      const { node } = this.#plan.nodes[id]!;
      if (node.op !== "compact" || node.rows !== rows || value.shape[0] === count) continue;
      const { tf } = this.#device;
      this.#values.set(id, tf.slice(value, 0, count));
      value.dispose();
    }
  }

  /** Samples of the batch or sub-batch of a node, known once its segment runs. */
  #countOf({ rows }: Node): number {
    return rows === undefined ? this.#feed.count : this.#rows.get(rows) ?? this.#feed.count;
  }

  async read(output: string): Promise<Numbers> {
    const id = this.#program.outputs[output];
    if (id === undefined) throw new BackendError(`Cannot read ${output}: program ${this.#program.name} lacks it.`);
    const { tf } = this.#device;
    this.#device.use("read an output");
    const value = this.#value(id);
    const { shape, batch } = this.#program.nodes[id]!;
    // Only axis 0 is cut to the rows present; other batch axes have the size of the program.
    const whole = tf.tidy(() => {
      const border = toBorder(tf, value);
      const missing = border.shape.map((size, axis): [number, number] => [
        0,
        axis > 0 && batch.includes(axis) ? shape[axis]! - size : 0,
      ]);
      return missing.some(([, after]) => after > 0) ? tf.pad(border, missing) : tf.clone(border);
    });
    return await this.#device.download(whole);
  }

  skipped(): readonly string[] {
    return this.#skipped;
  }

  close(): void {
    for (const value of this.#values.values()) value.dispose();
    this.#values.clear();
    this.#rows.clear();
  }

  #check({ count, inputs, uniforms }: Feed): void {
    if (!Number.isInteger(count) || count < 1 || count > this.#program.batch) {
      throw new ShapeError(`Cannot run a step: a batch has 1 to ${this.#program.batch} images, got ${count}.`);
    }
    for (const node of this.#program.nodes) {
      if (node.op === "input") {
        const { name } = node.attrs;
        const expected = sizeOf(presentShape(node, count));
        const given = inputs[name]?.length;
        if (given !== expected) {
          const got = given ?? "none";
          throw new ShapeError(
            `Cannot run a step: input ${name} holds ${expected} numbers for ${count} images, got ${got}.`,
          );
        }
      } else if (node.op === "uniform" && node.attrs.name !== "count" && uniforms[node.attrs.name] === undefined) {
        throw new BackendError(`Cannot run a step: uniform ${node.attrs.name} was not set.`);
      }
    }
  }

  async #segment(segment: Segment, frees: readonly (readonly number[])[]): Promise<void> {
    for (const [at, id] of segment.nodes.entries()) {
      const node = this.#program.nodes[id]!;
      this.#values.set(id, node.op === "weigh" ? await this.#weigh(node) : this.#compute(id));
      this.#free(frees[at]!);
    }
    for (const effect of segment.effects) this.#apply(effect);
    this.#free(frees[segment.nodes.length]!);
  }

  /** Weights are searched for on the host: a few numbers are read back, which a GPU answers later. */
  async #weigh(node: NodeOf<"weigh">): Promise<Tensor> {
    const { tf } = this.#device;
    const [scores, labels] = node.inputs.map((id) => this.#value(id)) as [Tensor, Tensor];
    const [count, classes] = labels.shape as [number, number];
    const read = async (x: Tensor): Promise<Float32Array> => await this.#device.download(tf.clone(x));
    const weights = weighTables(node.attrs, await read(scores), await read(labels), classes, count);
    this.#device.use("run a step");
    return tf.tensor(Float32Array.from(weights), presentShape(node, this.#feed.count), "float32");
  }

  #compute(id: number): Tensor {
    const { node, reads, list } = this.#plan.nodes[id]!;
    if (isLeaf(node)) throw new BackendError(`Cannot compute node ${id}: ${node.op} is a leaf.`);
    const { tf, label } = this.#device;
    const { op, attrs } = node as NodeOf<Computing>;
    const inputs = reads.map((read) => this.#value(read));
    try {
      return tf.tidy(() => {
        const call = { tf, attrs, list, shape: presentShape(node, this.#countOf(node)) } as Call<Computing>;
        return (kernels[op] as AnyKernel)(call, inputs);
      });
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new BackendError(`Cannot run node ${id} (${op}) on ${label}: tfjs says "${text}".`, { cause });
    }
  }

  /** Tensor of a node; leaves are made when first asked for. State is never copied. */
  #value(id: number): Tensor {
    const { node } = this.#plan.nodes[id]!;
    if (node.op === "parameter" || node.op === "buffer") return this.#state.tensor(node.attrs.name);
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    if (!isLeaf(node)) throw new BackendError(`Cannot read node ${id}: its segment did not run in this step.`);
    const fresh = this.#leaf(id);
    this.#values.set(id, fresh);
    return fresh;
  }

  #leaf(id: number): Tensor {
    const { node } = this.#plan.nodes[id]!;
    const { tf } = this.#device;
    const { count, inputs, uniforms } = this.#feed;
    const shape = presentShape(node, count);
    if (node.op === "input") {
      const numbers = Float32Array.from(inputs[node.attrs.name]!);
      return tf.tidy(() => toInside(tf, tf.tensor(numbers, shape, "float32")));
    }
    if (node.op === "uniform") return tf.scalar(node.attrs.name === "count" ? count : uniforms[node.attrs.name]!);
    return tf.fill(insideShape(shape), node.op === "constant" ? node.attrs.value : 0);
  }

  #free(ids: readonly number[]): void {
    for (const id of ids) {
      this.#values.get(id)?.dispose();
      this.#values.delete(id);
    }
  }

  #apply(effect: Effect): void {
    if (effect.kind === "assign") {
      const { tf } = this.#device;
      const value = this.#value(effect.node);
      const fresh = effect.rows === undefined
        ? tf.clone(value)
        : assignRows(tf, this.#state.tensor(effect.state), value, this.#value(effect.rows));
      this.#state.replace(effect.state, fresh);
      return;
    }
    const rate = this.#feed.uniforms[effect.rate];
    if (rate === undefined) throw new BackendError(`Cannot run a step: uniform ${effect.rate} was not set.`);
    const gradient = this.#value(effect.gradient);
    if (effect.kind === "sgd") this.#state.sgd(effect, gradient, rate);
    else this.#state.adam(effect, gradient, rate);
  }

  /** A single number, read without blocking. */
  async #number(id: number): Promise<number> {
    const { tf } = this.#device;
    return (await this.#device.download(tf.clone(this.#value(id))))[0]!;
  }
}
