/**
 * `topology()`: the general form of a sentence, nets by name and who teaches whom.
 *
 * @module
 */

import type { Arch } from "./arch.ts";
import { emptyState, topologyOf } from "./build.ts";
import type { Role } from "./graph.ts";
import type { BoundClasses, Known, OneOf, SameClasses, SpotsIn } from "./known.ts";
import type { Pipeline, Sentence } from "./pipeline.ts";
import type { IdlePause, NoEdge, refusals, Refused, SelfEdge } from "./refused.ts";
import type { SwitchOptions } from "./verbs/switch.ts";

/** Nets by name. */
export type Nets = Readonly<Record<string, Arch>>;

/** Nets that teach over edges. */
export type TeachersOf<E extends string> = E extends `${infer A} <-> ${infer B}` ? A | B
  : E extends `${infer A} -> ${string}` ? A
  : never;
/** Nets that learn over edges. */
export type LearnersOf<E extends string> = E extends `${infer A} <-> ${infer B}` ? A | B
  : E extends `${string} -> ${infer B}` ? B
  : never;

type NamedRole<Id> = Id extends "teacher" | "student" | "leader" ? Id : Id extends `peer${number}` ? "peer" : never;
type Masters<Id extends string, E extends string, Paused extends string> =
  | Paused
  | Exclude<TeachersOf<E>, LearnersOf<E>>
  | Extract<Id, "teacher">;
type RoleIn<Id, Masters> = [NamedRole<Id>] extends [never]
  ? Id extends Masters ? "teacher" : [Masters] extends [never] ? "peer" : "student"
  : NamedRole<Id>;
type RolesOf<M extends Nets, Masters> = { [Id in keyof M]: RoleIn<Id, Masters> };
type Shared<M extends Nets, Roles extends { [Id in keyof M]: Role }, R extends Role> =
  { [Id in keyof M]: Roles[Id] extends R ? (x: SpotsIn<M[Id]>) => void : never }[keyof M] extends
    (x: infer S extends string) => void ? S : never;
type TapsOf<M extends Nets, Roles extends { [Id in keyof M]: Role }> = {
  readonly [R in Roles[keyof M]]: Shared<M, Roles, R>;
};
type Ids<M extends Nets> = keyof M & string;
type SizeOf<M extends Nets> = [Ids<M>] extends [never] ? 0 : number;

/** What the checker knows about a topology. */
export type Wired<M extends Nets, E extends string, Paused extends string> = {
  readonly classes: OneOf<BoundClasses<M[keyof M]>>;
  readonly size: SizeOf<M>;
  readonly taps: TapsOf<M, RolesOf<M, Masters<Ids<M>, E, Paused>>>;
  readonly said: [Paused] extends [never] ? never : "switch";
} extends infer K extends Known ? K : never;

type Ends<F extends string, A extends string, B extends string, Id extends string> = A extends Id
  ? B extends Id ? A extends B ? SelfEdge<F> : never : NoEdge<F>
  : NoEdge<F>;
type Fault<F extends string, Id extends string> = F extends `${infer A} <-> ${infer B}` ? Ends<F, A, B, Id>
  : F extends `${infer A} -> ${infer B}` ? Ends<F, A, B, Id>
  : NoEdge<F>;
/** Guard of edges: `unknown` where all of them join two nets, else the refusal. */
export type KnownEdge<F extends string, Id extends string> = [Fault<F, Id>] extends [never] ? unknown
  : Refused<Fault<F, Id>>;
/** Guard of pauses: `unknown` where all of them teach and a student is left. */
export type MayPause<P extends string, E extends string, Id extends string> = [Exclude<P, TeachersOf<E>>] extends
  [never] ? [Exclude<Id, P>] extends [never] ? Refused<typeof refusals.switchAlone> : unknown
  : Refused<IdlePause<Exclude<P, TeachersOf<E>>>>;

/** A topology: a sentence whose nets are still being wired. */
export interface Topology<M extends Nets, E extends string = never> extends Sentence<Wired<M, E, never>> {
  /**
   * Adds edges, `"a -> b"` (a teaches b) or `"a <-> b"` (both ways). Whoever is taught imitates its teachers' class
   * scores, as in `mutual()`, unless another method is said.
   *
   * @throws {SentenceError} If an edge names an unknown net, or joins a net to itself.
   */
  teach<const F extends string>(...edges: readonly (F & KnownEdge<F, Ids<M>>)[]): Topology<M, E | F>;
  /**
   * Pauses these nets in batches where they have run away from their students (SwitOKD); they count as teachers from
   * here on.
   *
   * @throws {SentenceError} If one of them teaches nobody, or nobody is left to be a student.
   */
  switch<const P extends string>(
    this: [E] extends [never] ? Refused<typeof refusals.switchBeforeTeach> : unknown,
    ...pauses: readonly (P & MayPause<P, E, Ids<M>>)[]
  ): Pipeline<Wired<M, E, P>>;
  /** Pauses these nets, with options. */
  switch<const P extends string>(
    this: [E] extends [never] ? Refused<typeof refusals.switchBeforeTeach> : unknown,
    pauses: readonly (P & MayPause<P, E, Ids<M>>)[],
    options: SwitchOptions,
  ): Pipeline<Wired<M, E, P>>;
}

/**
 * Starts a sentence from named nets.
 *
 * The names `teacher`, `student`, `leader` and `peer0, peer1, …` say their role. Any other net is a teacher if it is
 * paused by `switch()` or only teaches; beside teachers it is a student, and without any it is a peer.
 *
 * @throws {ClassCountError} If two nets are bound to different class counts.
 *
 * @example
 * ```ts
 * import { resnet20, resnet8, topology } from "./mod.ts";
 * const pair = topology({ big: resnet20, small: resnet8 }).teach("big <-> small");
 * console.log(pair.lower().terms.map((term) => term.name));
 * ```
 */
export function topology<const M extends Nets>(nets: M & SameClasses<M[keyof M]>): Topology<M> {
  return topologyOf(emptyState, nets) as unknown as Topology<M>;
}
