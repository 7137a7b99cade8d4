/** State of an engine as tfjs tensors, and what effects do to it. @module */

import { BackendError, ShapeError } from "../../../dsl/errors.ts";
import { sizeOf } from "../../ir/node.ts";
import type { AdamEffect, SgdEffect, StateEntry } from "../../ir/program.ts";
import type { Numbers } from "../backend.ts";
import { insideShape, type Tensor, type Tf, toBorder, toInside } from "./layout.ts";

/** State by name. Single numbers of slots (an optimizer's step) stay on the host, where 1 − βᵗ is exact. */
export class State {
  readonly #tf: Tf;
  readonly #tensors = new Map<string, Tensor>();
  readonly #numbers = new Map<string, number>();
  readonly #entries: ReadonlyMap<string, StateEntry>;

  /** All zeros. Call with the right tfjs backend in use, like every method. */
  constructor(tf: Tf, entries: readonly StateEntry[]) {
    this.#tf = tf;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    for (const { name, kind, shape } of entries) {
      if (kind === "slot" && shape.length === 0) this.#numbers.set(name, 0);
      else this.#tensors.set(name, tf.zeros(insideShape(shape)));
    }
  }

  /** Number of tensors held. */
  get size(): number {
    return this.#tensors.size;
  }

  /** A state's tensor, inside; it belongs to the state. */
  tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new BackendError(`Cannot use state ${name}: the engine was opened without it.`);
    return tensor;
  }

  /** Replaces a tensor by one that the state then owns. */
  replace(name: string, fresh: Tensor): void {
    this.tensor(name).dispose();
    this.#tensors.set(name, fresh);
  }

  /** Overwrites from numbers in border order. */
  write(name: string, values: Numbers): void {
    const size = sizeOf(this.#entry(name).shape);
    if (values.length !== size) {
      throw new ShapeError(`Cannot write ${name}: it holds ${size} numbers, got ${values.length}.`);
    }
    if (this.#numbers.has(name)) {
      this.#numbers.set(name, values[0]!);
      return;
    }
    const { shape } = this.#entry(name);
    const tf = this.#tf;
    this.replace(name, tf.tidy(() => toInside(tf, tf.tensor(Float32Array.from(values), [...shape], "float32"))));
  }

  /** A number on the host, or a tensor in border order that the caller frees. */
  export(name: string): Tensor | number {
    this.#entry(name);
    const number = this.#numbers.get(name);
    const tf = this.#tf;
    return number ?? tf.tidy(() => tf.clone(toBorder(tf, this.tensor(name))));
  }

  /** Frees everything. */
  close(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }

  /** One SGD update. */
  sgd(effect: SgdEffect, gradient: Tensor, rate: number): void {
    const { parameter, weightDecay, momentum, nesterov, velocity } = effect;
    const tf = this.#tf;
    const [w, v] = [this.tensor(parameter), velocity === undefined ? undefined : this.tensor(velocity)];
    const fresh = tf.tidy(() => {
      const g = weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(w, weightDecay));
      if (v === undefined) return [tf.sub(w, tf.mul(g, rate))];
      const faster = tf.add(tf.mul(v, momentum), g);
      const direction = nesterov ? tf.add(g, tf.mul(faster, momentum)) : faster;
      return [tf.sub(w, tf.mul(direction, rate)), faster];
    });
    this.replace(parameter, fresh[0]!);
    if (velocity !== undefined) this.replace(velocity, fresh[1]!);
  }

  /** One Adam update; advances the step slot. */
  adam(effect: AdamEffect, gradient: Tensor, rate: number): void {
    const { parameter, first, second, step, beta1, beta2, epsilon, weightDecay } = effect;
    const tf = this.#tf;
    const t = this.#number(step) + 1;
    this.#numbers.set(step, t);
    const [w, m, v] = [this.tensor(parameter), this.tensor(first), this.tensor(second)];
    const fresh = tf.tidy(() => {
      const g = weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(w, weightDecay));
      const mean = tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1));
      const square = tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2));
      const size = tf.add(tf.sqrt(tf.div(square, 1 - beta2 ** t)), epsilon);
      return [tf.sub(w, tf.mul(tf.div(mean, size), rate / (1 - beta1 ** t))), mean, square];
    });
    for (const [i, name] of [parameter, first, second].entries()) this.replace(name, fresh[i]!);
  }

  #entry(name: string): StateEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new BackendError(`Cannot use state ${name}: the engine was opened without it.`);
    return entry;
  }

  #number(name: string): number {
    const number = this.#numbers.get(name);
    if (number === undefined) throw new BackendError(`Cannot count steps in ${name}: it is no slot of one number.`);
    return number;
  }
}
