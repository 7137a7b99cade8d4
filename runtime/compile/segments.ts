/**
 * Phase 5, segment: which nodes run when. A phase is one forward, then one backward-and-update per learner group.
 *
 * @module
 */

import { SentenceError } from "../../dsl/errors.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import { isLeaf } from "../ir/node.ts";
import { type Effect, effectNodes, mapEffect, type Segment, type StateEntry, type StepProgram } from "../ir/program.ts";
import { renamed } from "./renumber.ts";
import { splitByBatch } from "./split.ts";

/** What one group does in a phase. */
export interface GroupUpdate {
  readonly id: string;
  /** Updates of its parameters, each with its gradient. */
  readonly effects: readonly Effect[];
  /** Leaves of its parameters, read before the update. */
  readonly parameters: ReadonlySet<number>;
  /** Groups it shares a term with. */
  readonly partners: ReadonlySet<string>;
  /** Pauses where this node is above zero. */
  readonly gate?: number;
}

/** What one phase does. */
export interface PhaseWork {
  /** Nodes computed before any update: terms, outputs, gates, new running statistics. */
  readonly forward: readonly number[];
  /** New running statistics. */
  readonly assigns: readonly Effect[];
  /** Groups in order of update. */
  readonly groups: readonly GroupUpdate[];
}

/** Cuts the work of a step into segments and drops what nothing needs. */
export function segment(
  b: GraphBuilder,
  name: string,
  batch: number,
  phases: readonly PhaseWork[],
  state: readonly StateEntry[],
  outputs: Readonly<Record<string, number>>,
): StepProgram {
  const placed = new Set<number>();
  const segments: Segment[] = [];
  const place = (roots: readonly number[]): number[] => {
    const nodes = missing(b, roots, placed);
    for (const id of nodes) placed.add(id);
    return nodes;
  };
  phases.forEach((phase, index) => {
    const suffix = phases.length > 1 ? ` ${index + 1}` : "";
    const last = index === phases.length - 1 ? Object.values(outputs).filter((id) => !isUpdateNode(phases, id)) : [];
    const roots = [...phase.forward, ...phase.assigns.flatMap(effectNodes), ...last];
    const forward = place([...roots, ...phase.groups.flatMap((group) => group.gate ?? [])]);
    const found = teams(b, phase.groups, placed);
    const common = neededBySeveral(b, found, placed);
    for (const id of common) placed.add(id);
    const updates = found.map((team): Segment => {
      const gate = commonGate(team);
      return {
        name: `update ${team.map((group) => group.id).join("+")}`,
        nodes: place(team.flatMap((group) => group.effects.map(effectNode))),
        effects: team.flatMap((group) => group.effects),
        ...(gate === undefined ? {} : { gate }),
      };
    });
    const reread = buffersRead(b, updates);
    const late = phase.assigns.filter((effect) => effect.kind === "assign" && reread.has(effect.state));
    segments.push({
      name: `forward${suffix}`,
      nodes: [...forward, ...common].sort((x, y) => x - y),
      effects: phase.assigns.filter((effect) => !late.includes(effect)),
    });
    segments.push(...updates);
    if (late.length > 0) segments.push({ name: `statistics${suffix}`, nodes: [], effects: late });
  });
  return compact(b, name, batch, splitByBatch(b, segments), state, outputs);
}

function isUpdateNode(phases: readonly PhaseWork[], id: number): boolean {
  return phases.some((phase) =>
    phase.groups.some((group) => group.effects.some((effect) => effectNode(effect) === id))
  );
}

function effectNode(effect: Effect): number {
  return effect.kind === "assign" ? effect.node : effect.gradient;
}

/** Nodes that `roots` need and that no earlier segment computed, in order. */
function missing(b: GraphBuilder, roots: readonly number[], placed: ReadonlySet<number>): number[] {
  const found = new Set<number>();
  const open = [...roots];
  while (open.length > 0) {
    const id = open.pop()!;
    if (found.has(id) || placed.has(id) || isLeaf(b.node(id))) continue;
    found.add(id);
    open.push(...b.node(id).inputs);
  }
  return [...found].sort((x, y) => x - y);
}

/** Nodes of more than one team of which one may be skipped: they run with the forward, so that all can read them. */
function neededBySeveral(b: GraphBuilder, found: readonly GroupUpdate[][], placed: ReadonlySet<number>): number[] {
  const needed = found.map((team) => new Set(missing(b, team.flatMap((g) => g.effects.map(effectNode)), placed)));
  return [
    ...new Set(
      found.flatMap((team, i) =>
        team[0]!.gate === undefined
          ? []
          : [...needed[i]!].filter((id) => needed.some((other, j) => j !== i && other.has(id)))
      ),
    ),
  ];
}

/** Names of the buffers that backward passes read: their new values have to wait. */
function buffersRead(b: GraphBuilder, updates: readonly Segment[]): Set<string> {
  const leaves = updates.flatMap(({ nodes }) => nodes.flatMap((id) => b.node(id).inputs)).map((id) =>
    b.node(viewed(b, id))
  );
  return new Set(leaves.flatMap((leaf) => (leaf.op === "buffer" ? [leaf.attrs.name] : [])));
}

/**
 * Groups that have to update together: those that share a term, and those whose backward pass reads parameters
 * another team of the phase would have changed before.
 */
function teams(b: GraphBuilder, groups: readonly GroupUpdate[], placed: ReadonlySet<number>): GroupUpdate[][] {
  const reads = groups.map((group) => {
    const nodes = missing(b, group.effects.map(effectNode), placed);
    const sources = nodes.flatMap((id) => b.node(id).inputs).map((id) => viewed(b, id));
    return new Set(sources.filter((id) => b.node(id).op === "parameter"));
  });
  const team = groups.map((_, i) => i);
  const join = (i: number, j: number): boolean => {
    const [from, to] = [Math.max(team[i]!, team[j]!), Math.min(team[i]!, team[j]!)];
    team.forEach((root, k) => {
      if (root === from) team[k] = to;
    });
    return from !== to;
  };
  groups.forEach((group, i) => groups.forEach((other, j) => group.partners.has(other.id) && join(i, j)));
  // A team runs in the place of its first group, so every joining may move others before a group that reads them.
  const joinStale = (): boolean =>
    groups.some((_, i) =>
      groups.some((other, j) =>
        team[j]! < team[i]! && [...other.parameters].some((leaf) => reads[i]!.has(leaf)) && join(i, j)
      )
    );
  while (joinStale());
  const roots = [...new Set(team)].sort((x, y) => x - y);
  return roots.map((root) => groups.filter((_, i) => team[i] === root)).filter((members) =>
    members.some((group) => group.effects.length > 0)
  );
}

/** What a node is a view of: a backend may let a reshape share its input's memory. */
function viewed(b: GraphBuilder, id: number): number {
  const node = b.node(id);
  return node.op === "reshape" ? viewed(b, node.inputs[0]!) : id;
}

function commonGate(team: readonly GroupUpdate[]): number | undefined {
  const gates = new Set(team.map((group) => group.gate));
  if (gates.size > 1) {
    throw new SentenceError(
      `Cannot pause ${team.map((group) => group.id).join(" and ")} apart: they learn from one loss together. ` +
        `Cut its targets, or pause all of them on one condition.`,
    );
  }
  return [...gates][0];
}

/** Renumbers the nodes in use, leaves first come first. */
function compact(
  b: GraphBuilder,
  name: string,
  batch: number,
  segments: readonly Segment[],
  state: readonly StateEntry[],
  outputs: Readonly<Record<string, number>>,
): StepProgram {
  const used = new Set<number>(Object.values(outputs));
  for (const { nodes, effects, gate, count } of segments) {
    for (const id of nodes) {
      used.add(id);
      for (const source of b.node(id).inputs) used.add(source);
    }
    for (const id of effects.flatMap(effectNodes)) used.add(id);
    if (gate !== undefined) used.add(gate);
    if (count !== undefined) used.add(count);
  }
  const order = [...used].sort((x, y) => x - y);
  const names = new Map(order.map((id, index) => [id, index]));
  const at = (id: number): number => names.get(id)!;
  const nodes = order.map((id) => renamed(b.node(id), at));
  return Object.freeze({
    name,
    batch,
    nodes,
    segments: segments.map((part): Segment => ({
      name: part.name,
      nodes: part.nodes.map(at),
      effects: part.effects.map((effect) => mapEffect(effect, at)),
      ...(part.gate === undefined ? {} : { gate: at(part.gate) }),
      ...(part.count === undefined ? {} : { count: at(part.count) }),
    })),
    state,
    outputs: Object.fromEntries(Object.entries(outputs).map(([key, id]) => [key, at(id)])),
  });
}
