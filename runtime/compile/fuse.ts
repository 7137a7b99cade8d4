/**
 * Element-wise fusion: a chain of element-wise nodes with one reader each becomes one kernel.
 *
 * @module
 */

import { cost, type Expr, input as operand, substitute } from "../ir/expr.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { effectNodes, type Segment, type StepProgram } from "../ir/program.ts";
import { renumber } from "./renumber.ts";

/** Operands and operations beyond which a kernel would spill registers. */
const MOST_OPERANDS = 7;
const MOST_OPERATIONS = 24;

/**
 * Folds element-wise producers into their only reader, when both run in one segment and have one shape. The order of all
 * other nodes stays as it is.
 */
export function fuse(program: StepProgram): StepProgram {
  const nodes: Node[] = [...program.nodes];
  const home = new Map<number, Segment>();
  for (const segment of program.segments) for (const id of segment.nodes) home.set(id, segment);
  const readers = countReaders(program);
  const gone = new Set<number>();
  for (const segment of program.segments) {
    for (const id of segment.nodes) {
      let node = nodes[id]!;
      while (node.op === "elementwise") {
        const index = node.inputs.findIndex((source) =>
          home.get(source) === segment && readers.get(source) === 1 && canFold(nodes[source]!, node as Elementwise)
        );
        if (index < 0) break;
        gone.add(node.inputs[index]!);
        node = fold(node, index, nodes[node.inputs[index]!] as Elementwise);
      }
      nodes[id] = node;
    }
  }
  return renumber({
    ...program,
    nodes,
    segments: program.segments.map((part) => ({ ...part, nodes: part.nodes.filter((id) => !gone.has(id)) })),
  }, gone);
}

type Elementwise = NodeOf<"elementwise">;

function canFold(producer: Node, consumer: Elementwise): boolean {
  return producer.op === "elementwise" && producer.shape.join() === consumer.shape.join() &&
    new Set([...producer.inputs, ...consumer.inputs]).size - 1 <= MOST_OPERANDS &&
    cost(producer.attrs.expr) + cost(consumer.attrs.expr) <= MOST_OPERATIONS &&
    occurrences(consumer.attrs.expr, consumer.inputs.indexOf(producer.id)) * cost(producer.attrs.expr) <=
      MOST_OPERATIONS / 2;
}

function occurrences(expr: Expr, index: number): number {
  if (expr.fn === "input") return expr.index === index ? 1 : 0;
  return expr.fn === "value" ? 0 : expr.of.reduce((sum, e) => sum + occurrences(e, index), 0);
}

function fold(consumer: Elementwise, index: number, producer: Elementwise): Elementwise {
  const inputs: number[] = [];
  const slot = (id: number): Expr => {
    if (!inputs.includes(id)) inputs.push(id);
    return operand(inputs.indexOf(id));
  };
  const inner = substitute(producer.attrs.expr, (i) => slot(producer.inputs[i]!));
  const expr = substitute(consumer.attrs.expr, (i) => (i === index ? inner : slot(consumer.inputs[i]!)));
  return { ...consumer, inputs, attrs: { expr } };
}

function countReaders(program: StepProgram): Map<number, number> {
  const readers = new Map<number, number>();
  const read = (id: number, times = 1): void => void readers.set(id, (readers.get(id) ?? 0) + times);
  for (const segment of program.segments) {
    for (const id of segment.nodes) for (const source of new Set(program.nodes[id]!.inputs)) read(source);
    for (const id of segment.effects.flatMap(effectNodes)) read(id, 2);
    if (segment.gate !== undefined) read(segment.gate, 2);
    if (segment.count !== undefined) read(segment.count, 2);
  }
  for (const id of Object.values(program.outputs)) read(id, 2);
  return readers;
}
