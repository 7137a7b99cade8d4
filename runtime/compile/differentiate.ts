/**
 * Phase 4b: reverse-mode differentiation, for the parameters of one set of learners.
 *
 * @module
 */

import type { GraphBuilder } from "../ir/builder.ts";
import type { Node } from "../ir/node.ts";
import { vjp, type VjpRule } from "../ir/vjp.ts";

/**
 * Gradients of a number with respect to leaves. Leaves that the number does not depend on (or only behind a cut) are
 * absent from the result: they get no update, as parameters without gradient in PyTorch.
 *
 * @param of A node of shape [].
 * @param wanted Leaves to differentiate for.
 */
export function differentiate(b: GraphBuilder, of: number, wanted: ReadonlySet<number>): Map<number, number> {
  const needed = ancestorsThatReach(b, of, wanted);
  const adjoint = new Map<number, number>();
  if (needed.has(of)) adjoint.set(of, b.constant(1));
  for (let id = of; id >= 0; id--) {
    const out = adjoint.get(id);
    if (out === undefined || !needed.has(id)) continue;
    const factor = b.factor(id);
    const scaled = factor === 1 ? out : b.map("mul", out, b.constant(factor));
    const node = b.node(id);
    const rule = vjp[node.op] as VjpRule<Node["op"]>;
    const gradients = rule(b, node as never, scaled, (source) => needed.has(source));
    node.inputs.forEach((source, i) => {
      const gradient = gradients[i];
      if (gradient === undefined || !needed.has(source)) return;
      const known = adjoint.get(source);
      adjoint.set(source, known === undefined ? gradient : b.map("add", known, gradient));
    });
  }
  return new Map([...wanted].flatMap((leaf) => {
    const gradient = adjoint.get(leaf);
    return gradient === undefined ? [] : [[leaf, gradient] as const];
  }));
}

/** Nodes between `of` and the wanted leaves, paths through cuts left out. */
function ancestorsThatReach(b: GraphBuilder, of: number, wanted: ReadonlySet<number>): Set<number> {
  const reachable = new Set<number>();
  const open = [of];
  while (open.length > 0) {
    const id = open.pop()!;
    if (reachable.has(id) || b.factor(id) === 0) continue;
    reachable.add(id);
    open.push(...b.node(id).inputs);
  }
  const needed = new Set<number>();
  for (const id of [...reachable].sort((a, c) => a - c)) {
    if (wanted.has(id) || (b.factor(id) !== 0 && b.node(id).inputs.some((source) => needed.has(source)))) {
      needed.add(id);
    }
  }
  return needed;
}
