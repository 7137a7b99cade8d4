/**
 * Phase 6a, simplify: what gradients needed apart becomes one again.
 *
 * While a graph is differentiated, `stop(x)` is a node of its own beside `x`, and whatever follows from either is
 * computed for each. Afterwards they are the same numbers.
 *
 * @module
 */

import { isLeaf, type Node } from "../ir/node.ts";
import { mapEffect, type Segment, type StepProgram } from "../ir/program.ts";
import { renamed, renumber } from "./renumber.ts";

/**
 * Drops copies, and nodes equal to one that is known to be computed by then: in the same segment, or in an earlier one
 * that is never skipped.
 */
export function simplify(program: StepProgram): StepProgram {
  const same = new Map<number, number>();
  const at = (id: number): number => same.get(id) ?? id;
  const known = new Map<string, { readonly id: number; readonly segment: number }>();
  const nodes: Node[] = [...program.nodes];
  const gone = new Set<number>();
  program.segments.forEach(({ nodes: ids }, segment) => {
    for (const id of ids) {
      const node = renamed(nodes[id]!, (source) => source === id ? id : at(source));
      nodes[id] = node;
      const key = JSON.stringify([node.op, node.inputs, node.attrs, node.shape, node.batch, node.rows], exactly);
      const twin = known.get(key);
      const reachable = twin !== undefined &&
        (twin.segment === segment || program.segments[twin.segment]!.gate === undefined);
      const source = isCopy(node, nodes) ? node.inputs[0]! : reachable ? twin.id : undefined;
      if (source === undefined) {
        if (twin === undefined) known.set(key, { id, segment });
        continue;
      }
      same.set(id, source);
      gone.add(id);
    }
  });
  const segments = program.segments.map((part): Segment => ({
    ...part,
    nodes: part.nodes.filter((id) => !gone.has(id)),
    effects: part.effects.map((effect) => mapEffect(effect, at)),
    ...(part.gate === undefined ? {} : { gate: at(part.gate) }),
    ...(part.count === undefined ? {} : { count: at(part.count) }),
  }));
  const outputs = Object.fromEntries(Object.entries(program.outputs).map(([name, id]) => [name, at(id)]));
  return renumber({ ...program, nodes, segments, outputs }, gone);
}

/** Whether a node is its input once more. A copy of state stays: it is the value before an update. */
function isCopy(node: Node, nodes: readonly Node[]): boolean {
  if (node.op !== "elementwise" || node.inputs.length !== 1) return false;
  const { fn } = node.attrs.expr;
  const source = nodes[node.inputs[0]!]!;
  return fn === "input" && source.shape.join() === node.shape.join() && source.batch.join() === node.batch.join() &&
    !isState(source, nodes);
}

/** Whether a node is state or a view of it. */
function isState(node: Node, nodes: readonly Node[]): boolean {
  if (node.op === "reshape") return isState(nodes[node.inputs[0]!]!, nodes);
  return isLeaf(node) && (node.op === "parameter" || node.op === "buffer");
}

/** Infinities and NaN by name: JSON would make them equal. */
function exactly(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
