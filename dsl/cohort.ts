/**
 * Where sentences start: `cohort()`, `teacher().student()`, `solo()`, `branches()`; `topology()` has a file of its own.
 *
 * @module
 */

import type { Arch } from "./arch.ts";
import { type BuiltinArchs, builtinArchs } from "./archs/mod.ts";
import { emptyState, pipelineOf, withNets } from "./build.ts";
import { checkSpot, refuse } from "./checks.ts";
import { ClassCountError, didYouMean, SentenceError, UnknownNameError } from "./errors.ts";
import type {
  Agree,
  BoundClasses,
  Branches,
  ClassesOf,
  CommonSpots,
  KnownSpot,
  OneOf,
  Peers,
  SameClasses,
  SpotsIn,
  Unify,
} from "./known.ts";
import type { Pipeline } from "./pipeline.ts";
import { type AtLeastTwo, classClash, type NoNet, noNet, refusals, type Refused } from "./refused.ts";
import type { BranchesOptions } from "./verbs/branches.ts";

/** The architectures that sentences know by name. */
export type Builtin = BuiltinArchs;

/** Guard of `cohort("…")`: `unknown` where a built-in net and a number of two or more are said, else the refusal. */
export type CohortName<S extends string> = S extends `${infer Name}×${infer Z extends number}`
  ? Name extends keyof Builtin ? Z extends 0 | 1 ? Refused<typeof refusals.cohortOfOne> : unknown
  : Refused<NoNet<Name>>
  : Refused<typeof refusals.badSentence>;
/** What `cohort("…")` knows. */
export type CohortNamed<S extends string> = S extends `${infer Name extends keyof Builtin}×${infer Z extends number}`
  ? Peers<SpotsIn<Builtin[Name]>, ClassesOf<Builtin[Name]>, Z>
  : Peers<never, number, number>;
/** Guard of `cohort([…])`: at least two members whose class counts agree. */
export type CohortList<A extends readonly Arch[]> = A["length"] extends 0 | 1 ? Refused<typeof refusals.cohortOfOne>
  : SameClasses<A[number]>;

/**
 * A cohort of equal nets, in words: a built-in net, ×, and the number of members.
 *
 * @throws {UnknownNameError} If no built-in net has this name.
 * @throws {SentenceError} If it is not a net and a number of at least two.
 *
 * @example
 * ```ts
 * import { cohort } from "./mod.ts";
 * console.log(String(cohort("resnet32×3").leader().fuse().selfDistill().explain()));
 * ```
 */
export function cohort<const S extends string>(sentence: S & CohortName<S>): Pipeline<CohortNamed<S>>;
/**
 * A cohort of equal nets.
 *
 * @throws {SentenceError} If it has fewer than two members.
 */
export function cohort<N extends string, S extends string, C extends number, Z extends number>(
  arch: Arch<N, S, C>,
  members: Z & AtLeastTwo<Z>,
): Pipeline<Peers<S, C, Z>>;
/**
 * A cohort of different nets.
 *
 * @throws {SentenceError} If it has fewer than two members.
 * @throws {ClassCountError} If they are bound to different class counts.
 */
export function cohort<const A extends readonly Arch[]>(
  archs: A & CohortList<A>,
): Pipeline<Peers<CommonSpots<A>, OneOf<BoundClasses<A[number]>>, A["length"]>>;
export function cohort(first: string | Arch | readonly Arch[], members?: number): unknown {
  const archs = typeof first === "string" ? membersNamed(first) : membersOf(first, members);
  return peersOf(archs, "cohort()");
}

/**
 * A net trained alone: it learns from the labels, nobody teaches it. The baseline of every comparison.
 *
 * @example
 * ```ts
 * import { resnet8, solo } from "./mod.ts";
 * console.log(solo(resnet8).lower().terms.map((term) => term.name));
 * ```
 */
export function solo<N extends string, S extends string, C extends number>(
  arch: Arch<N, S, C>,
): Pipeline<{ readonly classes: C; readonly size: 1; readonly taps: { readonly student: S }; readonly said: never }> {
  return pipelineOf(withNets(emptyState, [{ id: "student", role: "student", arch }], "solo()")) as never;
}

/** A teacher that waits for its student. */
export interface Teacher<S extends string, C extends number> {
  /**
   * Names the student.
   *
   * @throws {ClassCountError} If teacher and student are bound to different class counts.
   */
  student<N2 extends string, S2 extends string, C2 extends number>(
    arch: Arch<N2, S2, C2> & Agree<"student", C2, "teacher", C>,
  ): Pipeline<
    {
      readonly classes: Unify<C, C2>;
      readonly size: 2;
      readonly taps: { readonly teacher: S; readonly student: S2 };
      readonly said: never;
    }
  >;
}

/**
 * A teacher and its student. Methods decide whether the teacher is frozen; `mutual()` lets it learn too.
 *
 * @example
 * ```ts
 * import { resnet20, resnet8, teacher } from "./mod.ts";
 * console.log(String(teacher(resnet20).student(resnet8).mutual().explain()));
 * ```
 */
export function teacher<N extends string, S extends string, C extends number>(arch: Arch<N, S, C>): Teacher<S, C> {
  return Object.freeze({
    student(student: Arch) {
      if (arch.classes !== undefined && student.classes !== undefined && Number(arch.classes) !== student.classes) {
        const sentence = classClash("student", student.classes, "teacher", arch.classes);
        refuse(ClassCountError, "student()", sentence);
      }
      return pipelineOf(withNets(emptyState, [
        { id: "teacher", role: "teacher", arch },
        { id: "student", role: "student", arch: student },
      ], "student()"));
    },
  }) as never;
}

/**
 * Branches of one net: they share everything up to a spot and are peers behind it.
 *
 * The trunk runs once a step and all branches learn as one parameter group, `trunk`. Without a method each branch learns
 * from the labels alone. `leader()` promotes the last branch; `leader(arch)` gives the leader a net of its own instead.
 * `rescale` divides the gradients that enter the trunk by the number of branches.
 *
 * @throws {UnknownSpotError} If the net lacks the spot.
 * @throws {SentenceError} If there are fewer than two branches.
 *
 * @example
 * ```ts
 * import { branches, resnet8 } from "./mod.ts";
 * const { terms, trunks } = branches(resnet8, 3, { from: "layer2" }).lower();
 * console.log(terms.map(({ learners }) => learners.join()), trunks); // three times "trunk"; its nets and spot
 * ```
 */
export function branches<
  N extends string,
  S extends string,
  C extends number,
  Z extends number,
  const From extends string,
>(
  arch: Arch<N, S, C>,
  members: Z & AtLeastTwo<Z>,
  options: { readonly from: From } & BranchesOptions & { readonly from: KnownSpot<From, S, "trunk"> },
): Pipeline<Branches<S, C, Z>> {
  const peers = peersOf(membersOf(arch, members), "branches()");
  checkSpot("branches()", peers, options.from, peers.spec.nets, "trunk");
  const { from, rescale } = options;
  return peers.record("branches", { from, ...(rescale === undefined ? {} : { rescale }) }) as never;
}

function membersNamed(sentence: string): readonly Arch[] {
  const [, name, members] = /^(.+)×(\d+)$/.exec(sentence) ?? [];
  if (name === undefined) return refuse(SentenceError, `cohort("${sentence}")`, refusals.badSentence);
  const known: Readonly<Record<string, Arch>> = { ...builtinArchs };
  if (!Object.hasOwn(known, name)) {
    refuse(UnknownNameError, `cohort("${sentence}")`, noNet(name), didYouMean(name, Object.keys(known)));
  }
  return membersOf(known[name]!, Number(members));
}

function membersOf(first: Arch | readonly Arch[], members = 0): readonly Arch[] {
  if ("stages" in first) return Number.isSafeInteger(members) ? Array<Arch>(Math.max(0, members)).fill(first) : [];
  return first;
}

function peersOf(archs: readonly Arch[], verb: string): ReturnType<typeof pipelineOf> {
  if (archs.length < 2) refuse(SentenceError, verb, `${refusals.cohortOfOne}, got ${archs.length}`);
  const nets = archs.map((arch, i) => ({ id: `peer${i}`, role: "peer" as const, arch }));
  return pipelineOf(withNets(emptyState, nets, verb));
}
