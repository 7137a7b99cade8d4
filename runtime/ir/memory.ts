/**
 * Memory by liveness: which nodes may share which bytes.
 *
 * @module
 */

import { isLeaf, type Node } from "./node.ts";
import { effectNodes, type StepProgram } from "./program.ts";

/** Where each computed node lives in one arena. */
export interface MemoryPlan {
  /** Offset per node, in the unit of the sizes; −1 for leaves. */
  readonly offsets: readonly number[];
  /** Size of the arena. */
  readonly total: number;
  /** Sum of all sizes: what the step would need without sharing. */
  readonly unshared: number;
}

/** First and last position (in running order) at which each node has to exist; −1 for leaves. */
export function lifetimes(
  program: StepProgram,
): { readonly first: readonly number[]; readonly last: readonly number[] } {
  const first = program.nodes.map(() => -1);
  const last = program.nodes.map(() => -1);
  let position = 0;
  for (const segment of program.segments) {
    if (segment.gate !== undefined) last[segment.gate] = position;
    if (segment.count !== undefined) last[segment.count] = position;
    for (const id of segment.nodes) {
      first[id] = position;
      last[id] = Math.max(last[id]!, position);
      for (const source of program.nodes[id]!.inputs) last[source] = position;
      position++;
    }
    for (const effect of segment.effects) {
      for (const id of effectNodes(effect)) last[id] = position;
    }
    position++;
  }
  for (const id of Object.values(program.outputs)) last[id] = position;
  return { first, last };
}

/**
 * Places every computed node, in running order, into the first gap that is free for its whole life.
 *
 * @param sizeOf Size of a node in any unit; sizes are rounded up to `align`.
 */
export function planMemory(program: StepProgram, sizeOf: (node: Node) => number, align = 1): MemoryPlan {
  const { first, last } = lifetimes(program);
  const offsets = program.nodes.map(() => -1);
  const round = (size: number): number => Math.ceil(Math.max(1, size) / align) * align;
  let live: { readonly start: number; readonly end: number; readonly until: number }[] = [];
  let total = 0;
  let unshared = 0;
  for (const segment of program.segments) {
    for (const id of segment.nodes) {
      const node = program.nodes[id]!;
      if (isLeaf(node)) continue;
      const size = round(sizeOf(node));
      live = live.filter((block) => block.until >= first[id]!);
      const start = firstFit(live, size);
      live.push({ start, end: start + size, until: last[id]! });
      live.sort((a, b) => a.start - b.start);
      offsets[id] = start;
      total = Math.max(total, start + size);
      unshared += size;
    }
  }
  return { offsets, total, unshared };
}

function firstFit(live: readonly { readonly start: number; readonly end: number }[], size: number): number {
  let start = 0;
  for (const block of live) {
    if (block.start - start >= size) break;
    start = Math.max(start, block.end);
  }
  return start;
}
