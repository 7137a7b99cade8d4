/**
 * What the type checker knows about a sentence under construction, and how each verb changes it.
 *
 * Every step is flattened into one plain object type: nested conditional state would be recomputed by every verb after.
 *
 * @module
 */

import type { Arch } from "./arch.ts";
import type { Role } from "./graph.ts";
import type { Method, Needs } from "./method.ts";
import type { ClassClash, NoRole, NoSpot, refusals, Refused, SaidTwice } from "./refused.ts";

/** Knowledge about a sentence. */
export interface Known {
  /** Class count; `number` while nothing binds it. */
  readonly classes: number;
  /** Number of nets; `number` where only the run time knows. */
  readonly size: number;
  /** Spots that every net of a role has; roles that are absent have no key, nor has `trunk` where nets stand alone. */
  readonly taps: { readonly [R in Role | "trunk"]?: string };
  /** Verbs said so far. */
  readonly said: string;
}

/** Spots a role offers; `never` when the role is absent (plain indexing would give `unknown`, which takes anything). */
export type SpotsOf<K extends Known, R extends Role> = K["taps"] extends { readonly [P in R]: infer S extends string }
  ? S
  : never;

/** Class count of an architecture or dataset; `number` is "not bound yet". */
export type ClassesOf<A> = A extends { readonly classes: infer C } ? Extract<C, number> : number;
/** Spots of an architecture. */
export type SpotsIn<A> = A extends Arch<string, infer S, number> ? S : never;

/** The bound one of two class counts that agree. */
export type Unify<A extends number, B extends number> = number extends A ? B : A;
/** Whether two bound class counts differ. */
export type Differ<A extends number, B extends number> = number extends A ? false
  : number extends B ? false
  : A extends B ? false
  : true;
/** `unknown` where two class counts agree, else the refusal. */
export type Agree<A extends string, N extends number, B extends string, M extends number> = Differ<N, M> extends true
  ? Refused<ClassClash<A, N, B, M>>
  : unknown;

/** The state after a verb. */
export type Says<K extends Known, Verb extends string> = {
  readonly classes: K["classes"];
  readonly size: K["size"];
  readonly taps: K["taps"];
  readonly said: K["said"] | Verb;
};
/** The state after `on(dataset)`. */
export type Bound<K extends Known, C extends number> = {
  readonly classes: Unify<K["classes"], C>;
  readonly size: K["size"];
  readonly taps: K["taps"];
  readonly said: K["said"];
};
/** The state after `leader()`: one of the peers leads, and has the spots `S`. */
export type Led<K extends Known, S extends string, C extends number> = {
  readonly classes: Unify<K["classes"], C>;
  readonly size: K["size"];
  readonly taps: K["taps"] extends { readonly trunk: infer T extends string }
    ? { readonly peer: SpotsOf<K, "peer">; readonly leader: S; readonly trunk: T }
    : { readonly peer: SpotsOf<K, "peer">; readonly leader: S };
  readonly said: K["said"] | "leader";
};
/** The state of a cohort of `Z` members with the spots `S` in common. */
export type Peers<S extends string, C extends number, Z extends number> = {
  readonly classes: C;
  readonly size: Z;
  readonly taps: { readonly peer: S };
  readonly said: never;
};

/** The state of `Z` branches of a net with the spots `S`. */
export type Branches<S extends string, C extends number, Z extends number> = {
  readonly classes: C;
  readonly size: Z;
  readonly taps: { readonly peer: S; readonly trunk: S };
  readonly said: never;
};

/** Guard: refuses a verb said before. */
export type Once<K extends Known, Verb extends string> = Verb extends K["said"] ? Refused<SaidTwice<Verb>> : unknown;
/** Guard: refuses a verb without peers, with its own sentence. */
export type NeedsPeers<K extends Known, Verb extends string, Reason extends string> = "peer" extends keyof K["taps"]
  ? Once<K, Verb>
  : Refused<Reason>;
/** Guard of `leader()`. */
export type MayLead<K extends Known> = "leader" extends keyof K["taps"] ? Refused<typeof refusals.leaderTwice>
  : "peer" extends keyof K["taps"] ? unknown
  : Refused<typeof refusals.leaderAlone>;
/** Guard of `fuse()`. */
export type MayFuse<K extends Known> = "leader" extends keyof K["taps"] ? number extends K["size"] ? Once<K, "fuse">
  : K["size"] extends 0 | 1 | 2 ? Refused<typeof refusals.fuseOfOne>
  : Once<K, "fuse">
  : Refused<typeof refusals.fuseWithoutLeader>;
/** Guard of `ensemble()`: a target is made of two peers or more. */
export type MayEnsemble<K extends Known> = "peer" extends keyof K["taps"]
  ? number extends K["size"] ? Once<K, "ensemble">
  : "leader" extends keyof K["taps"]
    ? K["size"] extends 0 | 1 | 2 ? Refused<typeof refusals.ensembleOfOne> : Once<K, "ensemble">
  : Once<K, "ensemble">
  : Refused<typeof refusals.ensembleAlone>;
/** Guard of `mutual()`: a net alone has nobody to learn from. */
export type MayMutual<K extends Known> = K["size"] extends 1 ? Refused<typeof refusals.mutualAlone> : Once<K, "mutual">;
/** Guard of `pretrain()`. */
export type MayPretrain<K extends Known> = "teacher" extends keyof K["taps"] ? Once<K, "pretrain">
  : Refused<typeof refusals.pretrainNobody>;
/** Guard of `switch()`: on teacher and student, or on peers of which it names some. */
export type MaySwitch<K extends Known, Paused extends string = never> = "trunk" extends keyof K["taps"]
  ? Refused<typeof refusals.switchBranches>
  : [Paused] extends [never] ? MayPauseTeacher<K>
  : "peer" extends keyof K["taps"] ? Once<K, "switch">
  : MayPauseTeacher<K>;
type MayPauseTeacher<K extends Known> = "teacher" extends keyof K["taps"]
  ? "student" extends keyof K["taps"] ? Once<K, "switch"> : Refused<typeof refusals.switchAlone>
  : Refused<typeof refusals.switchAlone>;

/** Guard of a spot option: `unknown` where known, else the refusal. */
export type KnownSpot<Spot extends string, Spots extends string, Where extends string> = [Spot] extends [Spots]
  ? unknown
  : Refused<NoSpot<Exclude<Spot, Spots>, Where>>;

/** What a method needs. */
export type NeedsOf<M> = M extends Method<infer N, string> ? N : never;
/** Spots of a method that another may route. */
export type RoutesOf<M> = M extends { readonly routes: readonly (infer R)[] } ? R : never;
type MissingRole<K extends Known, N> = Exclude<keyof N, keyof K["taps"]> & string;
type MissingSpot<K extends Known, N> = {
  [R in keyof N]: R extends Role
    ? string extends N[R] ? never : [Exclude<N[R], SpotsOf<K, R>>] extends [never] ? never : R
    : never;
}[keyof N];
/** Guard of `use(method)`: its roles are there, and its spots on them. What a type leaves open the run time checks. */
export type Fits<K extends Known, N> = [Needs] extends [N] ? unknown
  : [MissingRole<K, N>] extends [never] ? [MissingSpot<K, N>] extends [never] ? unknown
    : MissingSpot<K, N> extends infer R extends keyof N & Role
      ? Refused<NoSpot<Exclude<N[R], SpotsOf<K, R>> & string, R>>
    : never
  : Refused<NoRole<MissingRole<K, N>>>;
/** A method whose terms sit at spots, or the refusal of one that has none. */
export type Routable<M extends Method> = [RoutesOf<M>] extends [never] ? Refused<typeof refusals.unroutable> : M;

/** A method of a teacher and a student, or the refusal of one that needs other roles. */
export type Distilling<M extends Method> = NeedsOf<M> extends { readonly teacher: unknown; readonly student: unknown }
  ? M
  : Refused<typeof refusals.notOnline>;

type SpotSets<A extends readonly Arch[]> = { [I in keyof A]: (x: SpotsIn<A[I]>) => void }[number];
/** Spots that all of a list of architectures have. */
export type CommonSpots<A extends readonly Arch[]> = SpotSets<A> extends (x: infer S extends string) => void ? S
  : never;
/** Bound class counts among architectures, as a union. */
export type BoundClasses<A extends Arch> = A extends unknown ? number extends ClassesOf<A> ? never : ClassesOf<A>
  : never;
/** The class count of several architectures that agree. */
export type OneOf<C extends number> = [C] extends [never] ? number : C;
/** Guard of several architectures: refuses two bound class counts. */
export type SameClasses<A extends Arch> = IsUnion<BoundClasses<A>> extends true ? Refused<typeof refusals.classesDiffer>
  : unknown;
type IsUnion<U, V = U> = [U] extends [never] ? false : U extends unknown ? [V] extends [U] ? false : true : never;
