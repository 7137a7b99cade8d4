/**
 * Gives a program's nodes new numbers after some of them were dropped.
 *
 * @module
 */

import { isLeaf, type Node } from "../ir/node.ts";
import { effectNodes, mapEffect, type Segment, type StepProgram } from "../ir/program.ts";

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
  }
  const kept = program.nodes.filter((node) => !gone.has(node.id) && (used.has(node.id) || !isLeaf(node)));
  const names = new Map(kept.map((node, index) => [node.id, index]));
  const at = (id: number): number => names.get(id)!;
  return Object.freeze({
    ...program,
    nodes: kept.map((node) => Object.freeze({ ...node, id: at(node.id), inputs: node.inputs.map(at) }) as Node),
    segments: program.segments.map((part): Segment => ({
      ...part,
      nodes: part.nodes.map(at),
      effects: part.effects.map((effect) => mapEffect(effect, at)),
      ...(part.gate === undefined ? {} : { gate: at(part.gate) }),
    })),
    outputs: Object.fromEntries(Object.entries(program.outputs).map(([key, id]) => [key, at(id)])),
  });
}
