/**
 * What every compiled program has to satisfy; checked after each compilation, since it costs little.
 *
 * @module
 */

import { VerificationError } from "../../dsl/errors.ts";
import { isLeaf } from "../ir/node.ts";
import type { StepProgram } from "../ir/program.ts";
import type { Plan } from "./resolve.ts";

/**
 * Checks a program: ids are positions; inputs are produced in this or an earlier segment; a segment that may be skipped
 * feeds no other; every parameter is updated at most once a step, and only parameters of groups that learn; state is
 * declared; gates are single numbers computed before.
 *
 * @throws {VerificationError} Naming the node or state that breaks a rule.
 */
export function verify(program: StepProgram, plan: Plan): void {
  const fail = (rule: string): never => {
    throw new VerificationError(
      `Cannot run ${program.name}: ${rule}. This is a defect of the compiler; please report it.`,
    );
  };
  const state = new Set(program.state.map((entry) => entry.name));
  const learning = new Set(plan.modules.filter((module) => module.learns).map((module) => module.id));
  const ready = new Map<number, string | undefined>();
  const updated = new Set<string>();
  program.nodes.forEach((node, index) => {
    if (node.id !== index) fail(`node ${index} is called ${node.id}`);
    if (node.inputs.some((source) => source >= index)) fail(`node ${index} reads a later node`);
    if ((node.op === "parameter" || node.op === "buffer") && !state.has(node.attrs.name)) {
      fail(`state ${node.attrs.name} is read but not declared`);
    }
    if (isLeaf(node)) ready.set(index, undefined);
  });
  for (const segment of program.segments) {
    const optional = segment.gate === undefined ? undefined : segment.name;
    const available = (id: number): boolean =>
      ready.has(id) && (ready.get(id) === undefined || ready.get(id) === segment.name);
    if (segment.gate !== undefined && (!available(segment.gate) || program.nodes[segment.gate]!.shape.length > 0)) {
      fail(`the gate of ${segment.name} is no number computed before`);
    }
    for (const id of segment.nodes) {
      const bad = program.nodes[id]!.inputs.find((source) => !available(source));
      if (bad !== undefined) fail(`node ${id} of ${segment.name} reads node ${bad}, which may not have run`);
      ready.set(id, optional);
    }
    for (const effect of segment.effects) {
      const [name, node] = effect.kind === "assign" ? [effect.state, effect.node] : [effect.parameter, effect.gradient];
      const entry = program.state.find((candidate) => candidate.name === name);
      if (entry === undefined) fail(`state ${name} is written but not declared`);
      if (!available(node)) fail(`${name} is written from node ${node}, which may not have run`);
      if (program.nodes[node]!.shape.join() !== entry!.shape.join()) fail(`${name} is written with another shape`);
      if (effect.kind === "assign") continue;
      if (updated.has(name)) fail(`${name} is updated twice in one step`);
      if (!learning.has(name.slice(0, name.indexOf("/")))) fail(`${name} is updated, but its net learns from no term`);
      updated.add(name);
    }
  }
  for (const [name, id] of Object.entries(program.outputs)) {
    if (!ready.has(id)) fail(`output ${name} is never computed`);
  }
}
