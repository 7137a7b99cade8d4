/**
 * Methods: pure functions from a site (the nets of a sentence) to a loss graph.
 *
 * @module
 */

import type { LossGraph, Role, Trunk } from "./graph.ts";
import { frozenJson, frozenOptions } from "./json.ts";
import type { Clause, Json } from "./spec.ts";
import type { NetRef } from "./value.ts";

/** A net as a method sees it. */
export interface Member extends NetRef {
  /** What it is in the sentence. */
  readonly role: Role;
  /** Name of its architecture. */
  readonly arch: string;
  /** Distillation spots, shallow first. */
  readonly spots: readonly string[];
  /** Channels of the map at each spot, in the order of {@linkcode Member.spots}. */
  readonly channels: readonly number[];
  /** End of the first stage, if that is no spot: what the net makes of images before its first block. */
  readonly stem?: string;
  /** Where the map of each spot is before its activation; the spot itself where none follows. */
  readonly preActivations: readonly string[];
  /** Size of its embedding. */
  readonly width: number;
}

/** What a method sees: the nets, who teaches whom, and what else the sentence says. */
export interface Site {
  /** Every net, in the order of the sentence. */
  readonly members: readonly Member[];
  /** Nets that are peers. */
  readonly peers: readonly Member[];
  /** The leader, if there is one. */
  readonly leader: Member | undefined;
  /** Nets that are teachers. */
  readonly teachers: readonly Member[];
  /** Nets that are students. */
  readonly students: readonly Member[];
  /** What nets share, if they are branches. */
  readonly trunk?: Trunk;
  /** Who teaches whom. */
  readonly edges: readonly (readonly [from: string, to: string])[];
  /** Verbs and methods of the sentence, with defaults filled in. */
  readonly clauses: readonly Clause[];
}

/** Roles a method needs, each with the spots it taps there (`never` for none); `trunk` where its nets are branches. */
export type Needs = { readonly [R in Role | "trunk"]?: string };

/** A method as a value; identity is `kind` and `version`, never its object. */
export interface Method<N extends Needs = Needs, Routes extends string = string> {
  /** Tells methods from other values. */
  readonly kind: "method";
  /** Name in specs and `explain()`. */
  readonly name: string;
  /** Version of its meaning; a spec records it. */
  readonly version: number;
  /** Its options with defaults filled in, as JSON. */
  readonly options: { readonly [key: string]: Json };
  /** Roles and spots it needs, for the check at run time. */
  readonly needs: { readonly [R in keyof N]: readonly string[] };
  /** Spots whose terms another method may route. */
  readonly routes: readonly Routes[];
  /** Clauses it stands for: phase 1 puts them in its place, and what the sentence says itself goes before. */
  readonly clauses?: readonly Clause[];
  /** The loss graph on this site. */
  lower(site: Site): Partial<LossGraph>;
}

/**
 * Declares a method. Its `lower` must be pure: the same site gives the same graph. `checkMethod()` looks at it by the
 * rules that the built-in methods keep.
 *
 * @throws {OptionError} If an option is not JSON.
 */
export function method<const N extends Needs, const Routes extends string = never>(
  name: string,
  options: { readonly [key: string]: Json },
  shape: {
    readonly version?: number;
    readonly needs: { readonly [R in keyof N]: readonly (N[R] & string)[] };
    readonly routes?: readonly Routes[];
    readonly clauses?: readonly Clause[];
  },
  lower: (site: Site) => Partial<LossGraph>,
): Method<N, Routes> {
  return Object.freeze({
    kind: "method",
    name,
    version: shape.version ?? 1,
    options: frozenOptions(options, `${name}()`),
    needs: frozenJson(shape.needs, `${name}()`) as unknown as typeof shape.needs,
    routes: Object.freeze([...(shape.routes ?? [])]),
    ...(shape.clauses === undefined ? {} : { clauses: frozenJson(shape.clauses, `${name}()`) as unknown as Clause[] }),
    lower,
  });
}
