/**
 * Gives a program's nodes new numbers after some of them were dropped.
 *
 * @module
 */

import { isLeaf, type Node } from "../ir/node.ts";
import { effectNodes, mapEffect, type Segment, type StepProgram } from "../ir/program.ts";

/** A node under its new number, with what it reads and belongs to. */
export function renamed(node: Node, at: (id: number) => number): Node {
  const rows = node.rows === undefined ? {} : { rows: at(node.rows) };
  return Object.freeze({ ...node, id: at(node.id), inputs: node.inputs.map(at), ...rows }) as Node;
}

/** Drops the nodes that are `gone` and leaves nobody reads, and names the rest 0, 1, … again. */
export function renumber(program: StepProgram, gone: ReadonlySet<number>): StepProgram {
  const used = new Set<number>(Object.values(program.outputs));
  for (const segment of program.segments) {
    for (const id of segment.nodes) {
      used.add(id);
      for (const source of program.nodes[id]!.inputs) used.add(source);
    }
    for (const id of segment.effects.flatMap(effectNodes)) used.add(id);
    if (segment.gate !== undefined) used.add(segment.gate);
    if (segment.count !== undefined) used.add(segment.count);
  }
  const kept = program.nodes.filter((node) => !gone.has(node.id) && (used.has(node.id) || !isLeaf(node)));
  const names = new Map(kept.map((node, index) => [node.id, index]));
  const at = (id: number): number => names.get(id)!;
  return Object.freeze({
    ...program,
    nodes: kept.map((node) => renamed(node, at)),
    segments: program.segments.map((part): Segment => ({
      ...part,
      nodes: part.nodes.map(at),
      effects: part.effects.map((effect) => mapEffect(effect, at)),
      ...(part.gate === undefined ? {} : { gate: at(part.gate) }),
      ...(part.count === undefined ? {} : { count: at(part.count) }),
    })),
    outputs: Object.fromEntries(Object.entries(program.outputs).map(([key, id]) => [key, at(id)])),
  });
}
