/**
 * Phase 1: fills in what a sentence leaves open, so that equal meanings have equal specs.
 *
 * Methods that only stand for clauses are replaced by them, implied verbs are added, every option gets its value, and
 * clauses are put in the order in which they are lowered.
 *
 * @module
 */

import { filledOptions, type Verb, verbOrder } from "./clauses.ts";
import { allPairs, type Edge, sortedEdges } from "./edges.ts";
import type { Method } from "./method.ts";
import type { AnyPipeline } from "./pipeline.ts";
import { clauseSource } from "./source.ts";
import type { Clause, Json, Spec } from "./spec.ts";
import { trainSpec } from "./train.ts";

/** Something that was filled in, and why. */
export interface Note {
  /** What, as it would be said. */
  readonly what: string;
  /** Why. */
  readonly why: string;
}

/** A sentence with nothing left open. */
export interface Normalized extends AnyPipeline {
  /** What was filled in. */
  readonly notes: readonly Note[];
}

/**
 * The sentence with everything filled in. Normalising twice changes nothing.
 *
 * @example
 * ```ts
 * import { cohort, normalize } from "./mod.ts";
 * const { spec, notes } = normalize(cohort("resnet8×3").leader());
 * console.log(spec.clauses.map(({ verb }) => verb), notes); // mutual was filled in, because leader() was said
 * ```
 */
export function normalize(pipeline: AnyPipeline): Normalized {
  const { nets, edges, dataset } = pipeline.spec;
  const sugar = unfold(pipeline);
  const notes = [...sugar.notes];
  const clauses = [...sugar.clauses];
  imply(pipeline.spec, clauses, sugar.methods, notes);
  const rank = ({ verb }: Clause): number => verbOrder.indexOf(verb as Verb);
  const ordered = clauses.sort((a, b) => rank(a) - rank(b)).map(filled);
  const ids = nets.map(({ id }) => id);
  const wired = edges.length > 0 ? edges : impliedEdges(pipeline.spec, ordered);
  if (pipeline.spec.train === undefined) {
    notes.push({ what: "train({})", why: "nothing was said about training: FFSD's CIFAR recipe" });
  }
  const spec: Spec = Object.freeze({
    version: 1,
    nets,
    edges: sortedEdges(wired, ids),
    clauses: Object.freeze(ordered),
    ...(dataset === undefined ? {} : { dataset }),
    train: pipeline.spec.train ?? trainSpec(),
  });
  return Object.freeze({
    spec,
    methods: Object.freeze(sugar.methods),
    archs: pipeline.archs,
    dataset: pipeline.dataset,
    notes: Object.freeze(notes),
  });
}

/** Replaces methods that stand for clauses; an option that was said stays. */
function unfold({ spec, methods }: AnyPipeline): {
  readonly clauses: readonly Clause[];
  readonly methods: readonly Method[];
  readonly notes: readonly Note[];
} {
  const queue = [...methods];
  const kept: Method[] = [];
  const notes: Note[] = [];
  const clauses: Clause[] = [];
  const implied: Clause[] = [];
  for (const clause of spec.clauses) {
    const method = clause.verb === "use" ? queue.shift() : undefined;
    if (method?.clauses === undefined) {
      clauses.push(clause);
      if (method !== undefined) kept.push(method);
      continue;
    }
    implied.push(...method.clauses);
    notes.push({ what: method.clauses.map(clauseSource).join("."), why: `${method.name}() stands for it` });
  }
  for (const clause of implied) {
    const at = clauses.findIndex(({ verb }) => verb === clause.verb);
    if (at < 0) clauses.push(clause);
    else clauses[at] = { ...clauses[at]!, options: { ...clause.options, ...clauses[at]!.options } };
  }
  return { clauses, methods: kept, notes };
}

/** Adds the verbs that others imply. */
function imply(spec: Spec, clauses: Clause[], methods: readonly Method[], notes: Note[]): void {
  const has = (verb: Verb): boolean => clauses.some((clause) => clause.verb === verb);
  const add = (verb: Verb, options: { readonly [key: string]: Json }, why: string): void => {
    clauses.push({ verb, options });
    notes.push({ what: clauseSource({ verb, options }), why });
  };
  const peers = spec.nets.filter(({ role }) => role === "peer").length;
  const led = spec.nets.some(({ role }) => role === "leader");
  if (led && !has("leader")) add("leader", {}, "a net of this sentence is called leader");
  const taught = has("mutual") || has("ensemble") || methods.some(({ needs }) => needs.peer !== undefined);
  if (led && peers > 1 && !taught) {
    add("mutual", { temperature: 2 }, "leader() makes its peers mutual at T = 2 (FFSD)");
  } else if (spec.edges.length > 0 && !taught && methods.length === 0) {
    add("mutual", {}, "whoever is taught imitates its teachers (DML)");
  }
  const paused = clauses.findIndex(({ verb }) => verb === "switch");
  if (paused >= 0) {
    if (!taught && methods.length === 0 && !has("mutual")) {
      add("mutual", {}, "switch() pauses a teacher that learns from its students (SwitOKD)");
    }
    const teachers = spec.nets.filter(({ role }) => role === "teacher").map(({ id }) => id);
    clauses[paused] = withDefaults(clauses[paused]!, { pauses: teachers });
    const mutual = clauses.findIndex(({ verb }) => verb === "mutual");
    if (mutual >= 0 && clauses[mutual]!.options["target"] === undefined) {
      clauses[mutual] = withDefaults(clauses[mutual]!, { target: "sum" });
      notes.push({ what: 'mutual({ target: "sum" })', why: "beside switch() divergences add up (SwitOKD)" });
    }
  }
  if (led && methods.every(({ needs }) => needs.leader === undefined)) {
    notes.push(
      has("fuse")
        ? { what: "the leader imitates the fusion module", why: "fuse() makes it the leader's teacher (FFSD)" }
        : { what: "the leader imitates its peers' mean logits", why: "leader() without fuse()" },
    );
  }
  if (has("fuse") && has("selfDistill") && !has("diversify")) {
    add("diversify", { by: "attention" }, "fuse() and selfDistill() together keep peers apart (FFSD)");
  }
}

function withDefaults(clause: Clause, options: Clause["options"]): Clause {
  return { ...clause, options: { ...options, ...clause.options } };
}

/** Who teaches whom where no edge was said: mutual nets each other, teachers their students. */
function impliedEdges({ nets }: Spec, clauses: readonly Clause[]): readonly Edge[] {
  if (clauses.some(({ verb }) => verb === "mutual")) {
    return allPairs(nets.filter(({ role }) => role !== "leader").map(({ id }) => id));
  }
  if (clauses.length === 0) return [];
  const ids = (wanted: string): readonly string[] => nets.filter(({ role }) => role === wanted).map(({ id }) => id);
  return ids("teacher").flatMap((from) => ids("student").map((to): Edge => [from, to]));
}

function filled(clause: Clause): Clause {
  return Object.freeze({ ...clause, options: filledOptions(clause.verb as Verb, clause.options) });
}
