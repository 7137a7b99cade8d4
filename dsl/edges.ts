/**
 * Who teaches whom: reading edges, and the roles they give to named nets.
 *
 * @module
 */

import { refuse } from "./checks.ts";
import { didYouMean, SentenceError, UnknownNameError } from "./errors.ts";
import type { Role } from "./graph.ts";
import { noEdge, selfEdge } from "./refused.ts";
import type { NetSpec } from "./spec.ts";

/** A directed edge: the first net teaches the second. */
export type Edge = readonly [from: string, to: string];

/**
 * The directed edges of `"a -> b"` or `"a <-> b"`.
 *
 * @throws {UnknownNameError} If it names no net, or is no edge.
 * @throws {SentenceError} If it joins a net to itself, or touches the leader.
 */
export function orderedEdges(edge: string, nets: readonly NetSpec[]): readonly Edge[] {
  const verb = `teach("${edge}")`;
  const [, a, arrow, b] = /^(\S+) (<?->) (\S+)$/.exec(edge) ?? [];
  const ids = nets.map(({ id }) => id);
  for (const id of [a, b]) {
    if (id === undefined) refuse(UnknownNameError, verb, noEdge(edge));
    if (!ids.includes(id)) refuse(UnknownNameError, verb, noEdge(edge), didYouMean(id, ids));
  }
  const [from, to] = [a!, b!];
  if (from === to) refuse(SentenceError, verb, selfEdge(edge));
  if (nets.some(({ id, role }) => role === "leader" && (id === from || id === to))) {
    refuse(SentenceError, verb, "the leader learns from all its peers and teaches nobody: leave the edge out");
  }
  const forward: Edge = Object.freeze([from, to]);
  return arrow === "->" ? [forward] : [forward, Object.freeze([to, from])];
}

/** Whether an edge is in the list. */
export function taken(edges: readonly Edge[], [from, to]: Edge): boolean {
  return edges.some(([a, b]) => a === from && b === to);
}

/** All ordered pairs of these nets. */
export function allPairs(ids: readonly string[]): readonly Edge[] {
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to): Edge => [from, to]));
}

/** The edges in the order of the nets, teacher first. */
export function sortedEdges(edges: readonly Edge[], ids: readonly string[]): readonly Edge[] {
  const rank = ([from, to]: Edge): number => ids.indexOf(from) * ids.length + ids.indexOf(to);
  return Object.freeze(
    [...edges].sort((a, b) => rank(a) - rank(b)).map(([from, to]): Edge => Object.freeze([from, to] as const)),
  );
}

/**
 * Roles of named nets: `teacher`, `student`, `leader` and `peer0, peer1, …` say their own. Any other net is a teacher
 * if it is paused or only teaches; beside teachers it is a student, without any a peer.
 */
export function rolesOf(
  ids: readonly string[],
  edges: readonly Edge[],
  pauses: readonly string[],
): Readonly<Record<string, Role>> {
  const masters = ids.filter((id) =>
    id === "teacher" || pauses.includes(id) ||
    edges.some(([from]) => from === id) && !edges.some(([, to]) => to === id)
  );
  const free: Role = masters.length === 0 ? "peer" : "student";
  return Object.fromEntries(ids.map((id) => [id, namedRole(id) ?? (masters.includes(id) ? "teacher" : free)]));
}

/** The nets with other roles. */
export function freshRoles(nets: readonly NetSpec[], roles: Readonly<Record<string, Role>>): readonly NetSpec[] {
  return Object.freeze(nets.map((net) => Object.freeze({ ...net, role: roles[net.id] ?? net.role })));
}

function namedRole(id: string): Role | undefined {
  if (id === "teacher" || id === "student" || id === "leader") return id;
  return /^peer\d+$/.test(id) ? "peer" : undefined;
}
