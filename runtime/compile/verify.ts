/**
 * What every phase has to satisfy; checked at each compilation, since it costs little.
 *
 * @module
 */

import { VerificationError } from "../../dsl/errors.ts";
import type { LossGraph } from "../../dsl/graph.ts";
import { domainOf, isLeaf, movesSamples, type Node } from "../ir/node.ts";
import { type Effect, effectNodes, type StepProgram } from "../ir/program.ts";
import { hasRuledShape } from "../ir/shapes.ts";
import type { Plan } from "./resolve.ts";

type Fail = (rule: string) => never;

/**
 * Checks a loss graph: names of terms are unique; a term has learners and a finite weight; a group updates once a step and pauses on one condition at most, and a group that pauses learns.
 *
 * @throws {VerificationError} Naming the term, group or switch that breaks a rule.
 */
export function verifyGraph(graph: LossGraph): void {
  const fail = failing("compile the loss graph", "This is a defect of the method that wrote it; please report it.");
  unique(graph.terms.map(({ name }) => name), (name) => fail(`two terms are called ${name}`));
  for (const { name, learners, weight } of graph.terms) {
    if (learners.length === 0) fail(`term ${name} has no learner`);
    unique(learners, (learner) => fail(`term ${name} names ${learner} twice`));
    if (typeof weight === "number" && !Number.isFinite(weight)) fail(`the weight of term ${name} is ${weight}`);
  }
  const learners = new Set(graph.terms.flatMap((term) => term.learners));
  unique(graph.phases.flat(), (group) => fail(`${group} updates twice in one step`));
  unique(graph.switches.map(({ pauses }) => pauses), (group) => fail(`${group} pauses on two conditions`));
  for (const { pauses } of graph.switches) {
    if (!learners.has(pauses)) fail(`${pauses} pauses, but learns from no term`);
  }
  const kept = (graph.state ?? []).map(({ name }) => name);
  unique(kept, (name) => fail(`two kept tensors are called ${name}`));
  const written = (graph.updates ?? []).map(({ state }) => state);
  unique(written, (name) => fail(`the kept tensor ${name} is written twice in one step`));
  const stranger = written.find((name) => !kept.includes(name));
  if (stranger !== undefined) fail(`the kept tensor ${stranger} is written but not declared`);
  const stages = graph.stages ?? [];
  unique(stages.map(({ name }) => name), (name) => fail(`two stages are called ${name}`));
  for (const { name, epochs, graph: own } of stages) {
    if (!Number.isSafeInteger(epochs) || epochs < 1) fail(`stage ${name} has ${epochs} epochs`);
    if (own.terms.length === 0) fail(`stage ${name} teaches nobody`);
    if ((own.stages ?? []).length > 0) fail(`stage ${name} has stages of its own`);
    verifyGraph(own);
  }
}

/**
 * Checks a plan: modules have names of their own; every module that learns belongs to one group of one phase; tensors
 * of state are named by their net; every spot has a shape of positive sizes for the batch.
 *
 * @throws {VerificationError} Naming the module, group or spot that breaks a rule.
 */
export function verifyPlan(plan: Plan): void {
  const fail = failing("use the plan", DEFECT);
  unique(plan.modules.map(({ id }) => id), (id) => fail(`two nets or modules are called ${id}`));
  unique(plan.groups.map(({ id }) => id), (id) => fail(`group ${id} updates twice in one step`));
  for (const { id, group, learns } of plan.modules) {
    const updates = plan.groups.filter((candidate) => candidate.modules.includes(id));
    if (learns && updates.length === 0) fail(`${id} learns, but no group updates it`);
    if (updates.some((candidate) => candidate.id !== group)) {
      fail(`${id} belongs to ${group}, but another group updates it`);
    }
  }
  for (const { id, phase } of plan.groups) {
    if (plan.graph.phases[phase]?.includes(id) !== true) fail(`group ${id} updates outside its phase`);
  }
  for (const [net, spots] of Object.entries(plan.spots)) {
    for (const [spot, shape] of Object.entries(spots)) {
      const good = shape[0] === plan.batch && shape.every((size) => Number.isInteger(size) && size > 0);
      if (!good) fail(`${net} at ${spot} has the shape [${shape}]`);
    }
    unique(plan.state[net]!.map(({ name }) => name), (name) => fail(`${name} is declared twice`));
    const stranger = plan.state[net]!.find(({ name }) => !name.startsWith(`${net}/`));
    if (stranger !== undefined) fail(`${net} declares ${stranger.name}`);
  }
}

/**
 * Checks a program: ids are positions; every node has the shape of its rule; inputs are produced in this or an earlier
 * segment; a segment runs over one batch or sub-batch, counted before; a segment that may be skipped feeds none but those
 * skipped with it; all readers of a leaf see one value of its state; every
 * parameter is updated at most once a step, by gradients of terms that its group learns from; state is declared; gates
 * are single numbers computed before.
 *
 * @throws {VerificationError} Naming the node or state that breaks a rule.
 */
export function verify(program: StepProgram, plan: Plan): void {
  const fail = failing(`run ${program.name}`, DEFECT);
  verifyNodes(program, fail);
  verifyOrder(program, fail);
  verifyEffects(program, plan, fail);
}

const DEFECT = "This is a defect of the compiler; please report it.";

function failing(what: string, next: string): Fail {
  return (rule) => {
    throw new VerificationError(`Cannot ${what}: ${rule}. ${next}`);
  };
}

function unique(names: readonly string[], fail: (name: string) => void): void {
  names.forEach((name, index) => names.indexOf(name) < index && fail(name));
}

function verifyNodes({ nodes, state }: StepProgram, fail: Fail): void {
  const declared = new Set(state.map((entry) => entry.name));
  nodes.forEach((node, index) => {
    if (node.id !== index) fail(`node ${index} is called ${node.id}`);
    if (node.inputs.some((source) => source >= index)) fail(`node ${index} reads a later node`);
    if ((node.op === "parameter" || node.op === "buffer") && !declared.has(node.attrs.name)) {
      fail(`state ${node.attrs.name} is read but not declared`);
    }
    if (!hasRuledShape(node, node.inputs.map((source) => nodes[source]!.shape))) {
      fail(`node ${index} (${node.op}) is [${node.shape}], which its inputs do not give`);
    }
    const strange = movesSamples(node)
      ? undefined
      : node.inputs.find((source) => nodes[source]!.batch.length > 0 && nodes[source]!.rows !== node.rows);
    if (strange !== undefined) fail(`node ${index} (${node.op}) reads node ${strange}, of another batch`);
  });
}

/** Every value exists where it is read, and is the value it was for its other readers. */
function verifyOrder(program: StepProgram, fail: Fail): void {
  const { nodes, segments, outputs } = program;
  const ready = new Map<number, number | undefined>();
  for (const node of nodes) if (isLeaf(node)) ready.set(node.id, undefined);
  const written = new Map<string, number>();
  const seen = new Map<number, number>();
  const read = (id: number, place: string): void => {
    const node = nodes[id]!;
    if (node.op === "reshape") return read(node.inputs[0]!, place); // a backend may keep it in the place of the state
    if (node.op !== "parameter" && node.op !== "buffer") return;
    const writes = written.get(node.attrs.name) ?? 0;
    if ((seen.get(node.id) ?? writes) !== writes) {
      fail(`${place} reads ${node.attrs.name} after it changed, as the value it had before`);
    }
    seen.set(node.id, writes);
  };
  for (const segment of segments) {
    const available = (id: number): boolean =>
      ready.has(id) && (ready.get(id) === undefined || ready.get(id) === segment.gate);
    for (const [what, id] of [["gate", segment.gate], ["count", segment.count]] as const) {
      if (id !== undefined && (!available(id) || nodes[id]!.shape.length > 0)) {
        fail(`the ${what} of ${segment.name} is no number computed before`);
      }
    }
    for (const id of segment.nodes) {
      const bad = nodes[id]!.inputs.find((source) => !available(source));
      if (bad !== undefined) fail(`node ${id} of ${segment.name} reads node ${bad}, which may not have run`);
      const domain = domainOf(nodes[id]!, nodes);
      if (domain !== "any" && domain !== (segment.count ?? "batch")) {
        fail(`node ${id} of ${segment.name} runs over the samples of another segment`);
      }
      for (const source of nodes[id]!.inputs) read(source, segment.name);
      ready.set(id, segment.gate);
    }
    for (const effect of segment.effects) {
      const [name] = target(effect);
      const missing = effectNodes(effect).find((id) => !available(id));
      if (missing !== undefined) fail(`${name} is written from node ${missing}, which may not have run`);
      written.set(name, (written.get(name) ?? 0) + 1);
    }
  }
  for (const [name, id] of Object.entries(outputs)) {
    if (!ready.has(id)) fail(`output ${name} is never computed`);
  }
}

function verifyEffects(program: StepProgram, plan: Plan, fail: Fail): void {
  const shapes = new Map(program.state.map((entry) => [entry.name, entry.shape]));
  const groups = new Map(plan.modules.filter(({ learns }) => learns).map(({ id, group }) => [id, group]));
  const sources = termsBehind(program.nodes);
  const updated = new Set<string>();
  for (const effect of program.segments.flatMap((segment) => segment.effects)) {
    const [name, node] = target(effect);
    const shape = shapes.get(name);
    if (shape === undefined) fail(`state ${name} is written but not declared`);
    const { shape: written } = program.nodes[node]!;
    const rows = effect.kind === "assign" && effect.rows !== undefined ? program.nodes[effect.rows]!.shape : undefined;
    const wanted = rows === undefined ? shape! : [written[0]!, ...shape!.slice(1)];
    if (written.join() !== wanted.join()) fail(`${name} is written with another shape`);
    if (rows !== undefined && rows.join() !== `${written[0]}`) fail(`${name} is written at rows of another shape`);
    if (effect.kind === "assign") continue;
    if (updated.has(name)) fail(`${name} is updated twice in one step`);
    updated.add(name);
    const group = groups.get(name.slice(0, name.indexOf("/")));
    if (group === undefined) fail(`${name} is updated, but its net learns from no term`);
    const stranger = plan.graph.terms.find((term) => !term.learners.includes(group!) && sources(node, term.name));
    if (stranger !== undefined) {
      fail(`${name} is updated from term ${stranger.name}, from which ${group} does not learn`);
    }
  }
}

function target(effect: Effect): readonly [state: string, node: number] {
  return effect.kind === "assign" ? [effect.state, effect.node] : [effect.parameter, effect.gradient];
}

/** Whether a node is computed from the gradient of a term: each begins with that term's own weight, a uniform. */
function termsBehind(nodes: readonly Node[]): (node: number, term: string) => boolean {
  const bits = new Map<string, bigint>();
  const masks: bigint[] = [];
  for (const node of nodes) {
    let mask = node.inputs.reduce((all, source) => all | masks[source]!, 0n);
    if (node.op === "uniform" && node.attrs.name.startsWith("weight/")) {
      const bit = 1n << BigInt(bits.size);
      bits.set(node.attrs.name.slice("weight/".length), bit);
      mask |= bit;
    }
    masks.push(mask);
  }
  return (node, term) => (masks[node]! & (bits.get(term) ?? 0n)) !== 0n;
}
