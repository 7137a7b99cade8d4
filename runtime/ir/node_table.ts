/**
 * The nodes of a growing graph: equal ones get one id.
 *
 * @module
 */

import { input as operand } from "./expr.ts";
import type { Attrs, Node, Primitive, Shape } from "./node.ts";

/** What a gradient does at a node: 0 stops it, another factor scales it. */
export type GradientFactor = number;

/** Nodes by id, their leaves, and what gradients do at them. */
export class NodeTable {
  readonly #nodes: Node[] = [];
  readonly #known = new Map<string, number>();
  readonly #factors = new Map<number, GradientFactor>();

  /** Nodes so far; `nodes[i].id === i`. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** The node called `id`. */
  node(id: number): Node {
    return this.#nodes[id]!;
  }

  /** Shape of a node. */
  shape(id: number): Shape {
    return this.#nodes[id]!.shape;
  }

  /** How gradients pass a node; 1 unless it was made by {@linkcode NodeTable.scaleGradient}. */
  factor(id: number): GradientFactor {
    return this.#factors.get(id) ?? 1;
  }

  /** Adds a node, or finds the equal one; `salt` keeps apart what is equal otherwise. */
  protected add<P extends Primitive>(
    op: P,
    inputs: readonly number[],
    attrs: Attrs[P],
    shape: Shape,
    batch: readonly number[],
    salt = "",
  ): number {
    const plain = JSON.stringify([op, inputs, attrs, shape, batch, salt]);
    // JSON has no infinities and no NaN: as null they would all be one constant.
    const key = plain.includes("null") ? plain + JSON.stringify(attrs, spelled) : plain;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#nodes.length;
    this.#nodes.push(Object.freeze({ id, op, inputs, attrs, shape, batch }) as unknown as Node);
    this.#known.set(key, id);
    return id;
  }

  /** State that is trained; `version` tells apart values before and after an update within one step. */
  parameter(name: string, shape: Shape, version = 0): number {
    return this.add("parameter", [], { name }, shape, [], `${version}`);
  }

  /** State that is not trained. */
  buffer(name: string, shape: Shape, version = 0): number {
    return this.add("buffer", [], { name }, shape, [], `${version}`);
  }

  /** A batch input; axis 0 is the batch. */
  input(name: string, shape: Shape): number {
    return this.add("input", [], { name }, shape, [0]);
  }

  /** A number set every step. */
  uniform(name: string): number {
    return this.add("uniform", [], { name }, [], []);
  }

  /** A tensor filled with one number. */
  constant(number: number, shape: Shape = []): number {
    return this.add("constant", [], { value: number }, shape, []);
  }

  /** The same values; gradients that arrive are multiplied by `factor` (0 cuts them). */
  scaleGradient(id: number, factor: GradientFactor): number {
    const node = this.node(id);
    const marked = this.add("elementwise", [id], { expr: operand(0) }, node.shape, node.batch, `gradient ${factor}`);
    this.#factors.set(marked, factor);
    return marked;
  }
}

function spelled(_: string, value: unknown): unknown {
  return typeof value === "number" ? String(value) : value;
}
