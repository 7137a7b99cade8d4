/**
 * The checks that verbs make at run time.
 *
 * @module
 */

import type { Arch } from "./arch.ts";
import { ClassCountError, didYouMean, MissingRoleError, SentenceError, UnknownSpotError } from "./errors.ts";
import type { Role } from "./graph.ts";
import { equalJson } from "./json.ts";
import type { Method } from "./method.ts";
import type { AnyPipeline } from "./pipeline.ts";
import { noRole, noSpot, refusals } from "./refused.ts";
import type { NetSpec, Spec } from "./spec.ts";
import { trunkOf } from "./verbs/branches.ts";

/** Throws the refusal of a verb, `Cannot say <verb>: <sentence>.`, and what may help. */
export function refuse(
  Mistake: new (message: string) => Error,
  verb: string,
  sentence: string,
  next = "",
): never {
  throw new Mistake(`Cannot say ${verb}: ${sentence}.${next}`);
}

/** Refuses a verb that needs peers. */
export function checkPeers(verb: string, spec: Spec, sentence: string): void {
  if (!spec.nets.some(({ role }) => role === "peer")) refuse(SentenceError, verb, sentence);
}

/** Refuses a spot that one of the nets lacks. */
export function checkSpot(
  verb: string,
  { archs }: Pick<AnyPipeline, "archs">,
  spot: string,
  nets: readonly NetSpec[],
  where: string,
): void {
  for (const net of nets) {
    const { spots } = archs[net.arch]!;
    if (!spots.includes(spot)) refuse(UnknownSpotError, verb, noSpot(spot, where), didYouMean(spot, spots));
  }
}

/** Refuses a method whose roles or spots are absent. */
export function checkNeeds(pipeline: AnyPipeline, method: Method): void {
  if (method.kind !== "method") {
    throw new SentenceError(`Cannot say use(): it takes a method, got ${JSON.stringify(method)}. Pass ffsd(), kd(), …`);
  }
  const verb = `use(${method.name}())`;
  const { spec } = pipeline;
  const trunk = trunkOf(spec.nets, spec.clauses)?.nets ?? [];
  for (const [role, spots] of Object.entries(method.needs) as [Role | "trunk", readonly string[]][]) {
    const nets = spec.nets.filter((net) => role === "trunk" ? trunk.includes(net.id) : net.role === role);
    if (nets.length === 0) refuse(MissingRoleError, verb, noRole(role), ` ${starts[role]}`);
    for (const spot of spots) checkSpot(verb, pipeline, spot, nets, role);
  }
}

const starts = {
  leader: "Say leader() first.",
  peer: "Start from cohort(...).",
  teacher: "Start from teacher(...).student(...).",
  student: "Start from teacher(...).student(...).",
  trunk: "Start from branches(...).",
} satisfies Record<Role | "trunk", string>;

/** Refuses nets that are bound to different class counts. */
export function sameClasses(nets: readonly (readonly [id: string, arch: Arch])[], verb: string): void {
  const bound = nets.filter(([, arch]) => arch.classes !== undefined);
  if (new Set(bound.map(([, arch]) => arch.classes)).size > 1) {
    const got = bound.map(([id, arch]) => `${id} ${arch.classes}`).join(", ");
    refuse(ClassCountError, verb, `${refusals.classesDiffer}, got ${got}`);
  }
}

/** The architectures with one more; a name stands for one architecture. */
export function withArch(
  archs: Readonly<Record<string, Arch>>,
  arch: Arch,
  verb: string,
): Readonly<Record<string, Arch>> {
  const other = archs[arch.name];
  if (other !== undefined && !equalJson(other, arch)) {
    refuse(SentenceError, verb, `a name stands for one architecture, got two called "${arch.name}": rename one`);
  }
  return Object.freeze({ ...archs, [arch.name]: arch });
}

/** Refuses an id that files and logs could not hold. */
export function checkId(id: string): void {
  if (!/^[A-Za-z_][\w-]*$/.test(id) || id === "labels") {
    refuse(SentenceError, "topology()", `a net's name is letters, digits, - and _, and not "labels", got "${id}"`);
  }
}
