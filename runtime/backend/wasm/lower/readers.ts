/**
 * Who reads a node's value.
 *
 * @module
 */

import type { Node } from "../../../ir/node.ts";
import { effectNodes, type StepProgram } from "../../../ir/program.ts";

/** The readers of every node of a program. */
export class Readers {
  readonly #nodes = new Map<number, Node[]>();
  /** Nodes that an output, an effect or a gate reads. */
  readonly #others = new Set<number>();
  readonly #last = new Map<number, number>();
  readonly #outputs: ReadonlySet<number>;

  /** Counts the readers in `program`. */
  constructor(program: StepProgram) {
    this.#outputs = new Set(Object.values(program.outputs));
    for (const id of this.#outputs) this.#others.add(id);
    program.segments.forEach(({ nodes, effects, gate, count }, segment) => {
      for (const node of nodes.map((id) => program.nodes[id]!)) {
        for (const id of new Set(node.inputs)) {
          this.#nodes.set(id, [...this.#nodes.get(id) ?? [], node]);
          this.#last.set(id, segment);
        }
      }
      const others = effects.flatMap(effectNodes);
      for (const id of [...others, gate, count].filter((id) => id !== undefined)) {
        this.#others.add(id);
        this.#last.set(id, segment);
      }
    });
  }

  /** Whether an output of the program. */
  isOutput(id: number): boolean {
    return this.#outputs.has(id);
  }

  /** Nodes that read it; undefined if something else does, too. */
  of(id: number): readonly Node[] | undefined {
    return this.#others.has(id) ? undefined : this.#nodes.get(id) ?? [];
  }

  /** Whether one node reads it, and nothing else does. */
  single(id: number): boolean {
    return this.of(id)?.length === 1;
  }

  /** Whether it is read behind a segment. */
  after(segment: number, id: number): boolean {
    return this.#outputs.has(id) || (this.#last.get(id) ?? -1) > segment;
  }
}
