/**
 * How much a program computes.
 *
 * @module
 */

import { type Node, sizeOf } from "../../ir/node.ts";
import type { StepProgram } from "../../ir/program.ts";

/** Multiply-adds that one thread does in the time it takes to call the others, some ten times over. */
export const worthThreads: number = 2 ** 24;

/** Multiply-adds of one run with a full batch, about: one for every number of what only moves numbers. */
export function workOf({ nodes, segments }: StepProgram): number {
  let work = 0;
  for (const { nodes: ids } of segments) for (const id of ids) work += workOfNode(nodes[id]!, nodes);
  return work;
}

function workOfNode(node: Node, nodes: readonly Node[]): number {
  const [first, second] = node.inputs.map((id) => nodes[id]!.shape);
  switch (node.op) {
    case "conv2d":
      return sizeOf(node.shape) * sizeOf(second!.slice(1));
    case "conv2dInput":
      return sizeOf(first!) * sizeOf(second!.slice(1));
    case "conv2dFilter":
      return sizeOf(second!) * sizeOf(node.shape.slice(1));
    case "matmul":
      return sizeOf(node.shape) * first!.at(node.attrs.transposeA ? -2 : -1)!;
    default:
      return sizeOf(node.shape);
  }
}
