/** What is decided once a program: what each node reads, and after which position each tensor is freed. @module */

import { BackendError } from "../../../dsl/errors.ts";
import { input, substitute, value } from "../../ir/expr.ts";
import { isLeaf, type Node, sizeOf } from "../../ir/node.ts";
import { effectNodes, type StepProgram } from "../../ir/program.ts";
import { type Instruction, instructions } from "./scalars.ts";

/** A node made ready. */
export interface PlannedNode {
  readonly node: Node;
  /** Ids of the tensors its kernel takes. */
  readonly reads: readonly number[];
  /** The expression of an element-wise node, constants inlined. */
  readonly list: readonly Instruction[];
}

/** A program made ready. */
export interface Plan {
  readonly nodes: readonly PlannedNode[];
  /** Nodes to free after each segment's node, by segment and position; the last list of a segment is for its end. */
  readonly frees: readonly (readonly (readonly number[])[])[];
  /** Largest sum of live bytes. */
  readonly bytes: number;
}

/** Prepares a program. */
export function plan(program: StepProgram): Plan {
  const nodes = program.nodes.map((node) => planned(node, program));
  const order = program.segments.flatMap((segment, s) => [
    ...segment.nodes.map((id, at) => ({ s, at, uses: [id, ...nodes[id]!.reads] })),
    {
      s,
      at: segment.nodes.length,
      uses: segment.effects.flatMap(effectNodes),
    },
  ]);
  // A gate is read when its segment is reached, so it lives at least to the segment's first position.
  for (const [s, { gate, count }] of program.segments.entries()) {
    for (const id of [gate, count]) if (id !== undefined) order.find((one) => one.s === s)!.uses.push(id);
  }
  const last = new Map<number, { s: number; at: number }>();
  for (const { s, at, uses } of order) for (const id of uses) last.set(id, { s, at });
  for (const id of Object.values(program.outputs)) last.delete(id);
  const frees = program.segments.map((segment) => Array.from({ length: segment.nodes.length + 1 }, (): number[] => []));
  for (const [id, { s, at }] of last) frees[s]![at]!.push(id);
  return { nodes, frees, bytes: peak(program, nodes, frees) };
}

function planned(node: Node, program: StepProgram): PlannedNode {
  if (node.op !== "elementwise") return { node, reads: node.inputs, list: [] };
  const reads: number[] = [];
  const expr = substitute(node.attrs.expr, (index) => {
    const id = node.inputs[index]!;
    const source = program.nodes[id]!;
    if (source.op === "constant") return value(source.attrs.value);
    const known = reads.indexOf(id);
    return input(known >= 0 ? known : reads.push(id) - 1);
  });
  return { node, reads, list: instructions(expr) };
}

function peak(program: StepProgram, nodes: readonly PlannedNode[], frees: Plan["frees"]): number {
  const size = (id: number): number => isLeaf(nodes[id]!.node) ? 0 : 4 * sizeOf(nodes[id]!.node.shape);
  let [live, most] = [0, 0];
  for (const [s, segment] of program.segments.entries()) {
    for (const [at, freed] of frees[s]!.entries()) {
      const id = segment.nodes[at];
      if (id !== undefined) live += size(id);
      most = Math.max(most, live);
      for (const one of freed) live -= size(one);
    }
  }
  return most;
}

/**
 * Refuses what the wasm engine of tfjs lacks: it has no filter gradient and no depthwise gradients, and its gradient of
 * max pooling is wrong where a window has no number above zero. So it is offered for forward passes only.
 *
 * @throws {BackendError} If the program trains.
 */
export function requireForward(program: StepProgram): void {
  const refuse = (what: string): never => {
    throw new BackendError(
      `Cannot load program ${program.name} on tfjs-wasm: it runs forward passes only, got ${what}. ` +
        `Train on the wasm backend, or on tfjs with the engine webgpu or cpu.`,
    );
  };
  for (const segment of program.segments) {
    for (const id of segment.nodes) {
      const node = program.nodes[id]!;
      if (backward.has(node.op)) refuse(node.op);
      if (node.op === "conv2dInput" && node.attrs.groups > 1 && node.shape[1] === node.attrs.groups) {
        refuse("a depthwise conv2dInput");
      }
    }
    for (const { kind } of segment.effects) if (kind !== "assign") refuse(`an ${kind} update`);
  }
}

const backward: ReadonlySet<string> = new Set<Node["op"]>([
  "conv2dFilter",
  "averagePoolInput",
  "maxPoolInput",
  "batchNormSums",
  "batchNormInput",
]);
