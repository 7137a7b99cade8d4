/**
 * The nodes of a growing graph: equal ones get one id.
 *
 * @module
 */

import { ShapeError } from "../../dsl/errors.ts";
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

  /**
   * Adds a node, or finds the equal one; `salt` keeps apart what is equal otherwise. It belongs to the batch or sub-batch
   * whose samples it reads, unless said.
   */
  protected add<P extends Primitive>(
    op: P,
    inputs: readonly number[],
    attrs: Attrs[P],
    shape: Shape,
    batch: readonly number[],
    salt = "",
    rows: number | "batch" | undefined = this.rowsAmong(inputs),
  ): number {
    const plain = JSON.stringify([op, inputs, attrs, shape, batch, salt, rows ?? "any"]);
    // JSON has no infinities and no NaN: as null they would all be one constant.
    const key = plain.includes("null") ? plain + JSON.stringify(attrs, spelled) : plain;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#nodes.length;
    const domain = typeof rows === "number" ? { rows } : {};
    this.#nodes.push(Object.freeze({ id, op, inputs, attrs, shape, batch, ...domain }) as unknown as Node);
    this.#known.set(key, id);
    return id;
  }

  /**
   * The sub-batch that samples among these nodes belong to; `undefined` for the batch itself.
   *
   * @throws {ShapeError} If they belong to several.
   */
  protected rowsAmong(ids: readonly number[]): number | undefined {
    const found = new Set(ids.filter((id) => this.node(id).batch.length > 0).map((id) => this.node(id).rows));
    if (found.size > 1) {
      throw new ShapeError(
        `Cannot combine samples of several batches: all are routed by one mask, or none, got ${
          ids.map((id) => `[${this.shape(id)}]`).join(" and ")
        }. Route each of them.`,
      );
    }
    return [...found][0];
  }

  /** Number of samples of the batch or sub-batch that a node belongs to. */
  countOf(id: number): number {
    return this.node(id).rows ?? this.uniform("count");
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
