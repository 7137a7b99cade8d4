/**
 * Splits segments where they pass between the batch and sub-batches of routed samples: a segment runs over one number of
 * samples.
 *
 * @module
 */

import type { GraphBuilder } from "../ir/builder.ts";
import { domainOf } from "../ir/node.ts";
import type { Segment } from "../ir/program.ts";

type Domain = number | "batch";

/**
 * Segments of one batch each, in an order that computes everything before it is read. A segment without sub-batches stays
 * as it is; the last part of any other keeps its name and effects, all parts its gate.
 */
export function splitByBatch(b: GraphBuilder, segments: readonly Segment[]): readonly Segment[] {
  return segments.flatMap((segment) => {
    const domains = new Map(segment.nodes.map((id) => [id, domainOf(b.node(id), b.nodes)]));
    const named = new Set([...domains.values()].filter((domain) => domain !== "any"));
    if (named.size === 0 || (named.size === 1 && named.has("batch"))) return [segment];
    const parts = partsOf(b, segment.nodes, domains);
    // Effects belong to the batch itself.
    if (parts.at(-1)!.domain !== "batch") parts.push({ domain: "batch", nodes: [] });
    return parts.map(({ domain, nodes }, i): Segment => ({
      name: i === parts.length - 1 ? segment.name : `${segment.name}, part ${i + 1}`,
      nodes,
      effects: i === parts.length - 1 ? segment.effects : [],
      ...(segment.gate === undefined ? {} : { gate: segment.gate }),
      ...(domain === "batch" ? {} : { count: domain }),
    }));
  });
}

interface Part {
  readonly domain: Domain;
  readonly nodes: number[];
}

/** As few parts as a greedy choice gives: each takes all that can run by then, the batch first. */
function partsOf(
  b: GraphBuilder,
  nodes: readonly number[],
  domains: ReadonlyMap<number, Domain | "any">,
): Part[] {
  const parts: Part[] = [];
  let left = nodes;
  while (left.length > 0) {
    const order: Domain[] = ["batch", ...new Set([...domains.values()].filter((domain) => typeof domain === "number"))];
    for (const domain of order) {
      const waiting = new Set(left);
      const part = left.filter((id) => {
        const own = domains.get(id)!;
        const runs = (own === domain || own === "any") && b.node(id).inputs.every((source) => !waiting.has(source));
        if (runs) waiting.delete(id);
        return runs;
      });
      if (part.length === 0) continue;
      parts.push({ domain, nodes: part });
      left = [...waiting];
    }
  }
  return parts;
}
