/**
 * What is refused, and in which words: the type checker and the run time say the same sentence.
 *
 * A verb that has no meaning at its place takes a {@linkcode Refused} instead of the pipeline, so the diagnostic ends
 * with the sentence; called all the same, it throws an error whose message holds it.
 *
 * Names stand in single quotes: a diagnostic prints a sentence between double ones and would escape them.
 *
 * @module
 */

import type { Role } from "./graph.ts";
import type { Value } from "./value.ts";

/** What the checker prints where something is not allowed; no value has this type. */
export interface Refused<Reason extends string> {
  /** Why. */
  readonly refused: Reason;
}

/** Sentences without a changing part. */
export const refusals = {
  leaderTwice: "leader() was already said: a cohort has one leader",
  leaderAlone: "leader() is promoted from the peers: start from cohort(...)",
  fuseWithoutLeader: "fuse() teaches the leader: say leader() first",
  fuseOfOne: "fuse() needs two common students beside the leader: start from a cohort of three or more",
  cohortOfOne: "a cohort has at least two members: say solo(...) for a net alone",
  mutualAlone:
    "mutual() needs two nets that learn from each other: start from cohort(...) or teacher(...).student(...)",
  diversifyAlone: "diversify() keeps peers apart: start from cohort(...)",
  selfDistillAlone: "selfDistill() adds modules to the members of a cohort: start from cohort(...)",
  ensembleAlone: "ensemble() makes one teacher of the peers: start from cohort(...)",
  ensembleOfOne: "ensemble() makes one target of two peers or more: start from a larger cohort",
  ensemblePer: "per is an option of ensemble('linear')",
  ensembleMeasure: "measureOn is an option of ensemble('general')",
  pretrainNobody: "pretrain() trains teachers first: start from teacher(...).student(...)",
  switchAlone: "switch() needs a teacher and a student: start from teacher(...).student(...)",
  switchBranches: "switch() pauses nets of their own, and branches learn as one: start from cohort(...)",
  switchBeforeTeach: "switch() pauses nets that teach: say teach(...) first",
  switchAll: "switch() leaves at least one peer to be a student: name fewer of them",
  switchNobody: "switch() needs to know whom it pauses: name a net that teaches",
  classesDiffer: "class counts must agree: these nets are bound to different ones",
  unroutable: "this method has no spots to route: choose one that works at spots",
  notOnline: "online() puts peers in the places of teacher and student: choose a method that needs both",
  mapAsLogits: "a map is no class scores: read logits(net) instead of tap(net, spot)",
  badSentence: "a cohort is a net and a number of members: write 'resnet32×3'",
} as const;

/** Sentence of a verb said again. */
export type SaidTwice<Verb extends string> = `${Verb}() was already said`;
/** Sentence of a verb said again. */
export function saidTwice<Verb extends string>(verb: Verb): SaidTwice<Verb> {
  return `${verb}() was already said`;
}

/** Sentence of two class counts that differ. */
export type ClassClash<A extends string, N extends number, B extends string, M extends number> =
  `class counts must agree: the ${A} has ${N}, the ${B} has ${M}`;
/** Sentence of two class counts that differ. */
export function classClash(a: string, n: number, b: string, m: number): ClassClash<string, number, string, number> {
  return `class counts must agree: the ${a} has ${n}, the ${b} has ${m}`;
}

/** Sentence of a spot that an architecture lacks. */
export type NoSpot<Spot extends string, Where extends string> = `no spot '${Spot}' in the ${Where}`;
/** Sentence of a spot that an architecture lacks. */
export function noSpot(spot: string, where: string): NoSpot<string, string> {
  return `no spot '${spot}' in the ${where}`;
}

/** Sentence of a method whose role is absent. */
export type NoRole<R extends string> = `this method needs a ${R}, and the sentence has none`;
/** Sentence of a method whose role is absent. */
export function noRole(role: Role | "trunk"): NoRole<Role | "trunk"> {
  return `this method needs a ${role}, and the sentence has none`;
}

/** Sentence of an edge that names no net of the topology, or is no edge at all. */
export type NoEdge<Edge extends string> = `no edge '${Edge}': write 'a -> b' or 'a <-> b' over nets of this topology`;
/** Sentence of an edge that names no net of the topology, or is no edge at all. */
export function noEdge(edge: string): NoEdge<string> {
  return `no edge '${edge}': write 'a -> b' or 'a <-> b' over nets of this topology`;
}

/** Sentence of an edge from a net to itself. */
export type SelfEdge<Edge extends string> = `'${Edge}' joins a net to itself: an edge joins two nets`;
/** Sentence of an edge from a net to itself. */
export function selfEdge(edge: string): SelfEdge<string> {
  return `'${edge}' joins a net to itself: an edge joins two nets`;
}

/** Sentence of a pause of a net that teaches nobody. */
export type IdlePause<Id extends string> = `switch() pauses nets that teach: '${Id}' teaches nobody`;
/** Sentence of a pause of a net that teaches nobody. */
export function idlePause(id: string): IdlePause<string> {
  return `switch() pauses nets that teach: '${id}' teaches nobody`;
}

/** Sentence of a name in `cohort("…")` that no built-in net has. */
export type NoNet<Name extends string> = `no built-in net is called '${Name}'`;
/** Sentence of a name in `cohort("…")` that no built-in net has. */
export function noNet(name: string): NoNet<string> {
  return `no built-in net is called '${name}'`;
}

/**
 * A value that has to be class scores: itself, or the refusal of everything else.
 *
 * A loss constructor takes `student: Scores<V>` to refuse a map with its sentence.
 */
export type Scores<V extends Value> = V extends Value<"logits"> ? V : Refused<typeof refusals.mapAsLogits>;

/** The run time of {@linkcode Scores}. @throws {TypeError} If the value is a map or vector. */
export function requireScores(doing: string, value: Value): void {
  if (value.kind !== "logits") {
    throw new TypeError(`Cannot ${doing}: ${refusals.mapAsLogits}, got a ${value.kind}.`);
  }
}

/** A number of members that a cohort may have: itself, or the refusal of 0 and 1. */
export type AtLeastTwo<N extends number> = N extends 0 | 1 ? Refused<typeof refusals.cohortOfOne> : N;
