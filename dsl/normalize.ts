/**
 * Phase 1: fills in what a sentence leaves open, so that equal meanings have equal specs.
 *
 * Methods that only stand for clauses are replaced by them, implied verbs are added, every option gets its value, and
 * clauses are put in the order in which they are lowered.
 *
 * @module
 */

import { allPairs, type Edge, sortedEdges } from "./edges.ts";
import { frozenOptions } from "./json.ts";
import type { Method } from "./method.ts";
import type { AnyPipeline } from "./pipeline.ts";
import type { Clause, Json, Spec } from "./spec.ts";
import { trainSpec } from "./train.ts";
import { diversifyDefaults } from "./verbs/diversify.ts";
import { ensembleDefaults } from "./verbs/ensemble.ts";
import { fuseDefaults } from "./verbs/fuse.ts";
import { leaderDefaults } from "./verbs/leader.ts";
import { mutualDefaults } from "./verbs/mutual.ts";
import { selfDistillDefaults } from "./verbs/self_distill.ts";
import { switchDefaults } from "./verbs/switch.ts";

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

/** Verbs in the order in which they are lowered: first what peers do, then fusion, leader and self-distillation. */
export const verbOrder = [
  "branches",
  "mutual",
  "ensemble",
  "use",
  "diversify",
  "fuse",
  "leader",
  "selfDistill",
  "loss",
  "switch",
] as const;
/** A verb that has a clause. */
export type Verb = typeof verbOrder[number];

const defaults: Readonly<Record<Verb, object>> = {
  branches: {},
  mutual: mutualDefaults,
  ensemble: ensembleDefaults,
  use: {},
  diversify: diversifyDefaults,
  fuse: fuseDefaults,
  leader: leaderDefaults,
  selfDistill: selfDistillDefaults,
  loss: {},
  switch: switchDefaults,
};

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
    notes.push({ what: method.clauses.map(said).join("."), why: `${method.name}() stands for it` });
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
    notes.push({ what: said({ verb, options }), why });
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
  if (has("fuse") && has("selfDistill") && !has("diversify")) {
    add("diversify", { by: "attention" }, "fuse() and selfDistill() together keep peers apart (FFSD)");
  }
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
  const options = { ...defaults[clause.verb as Verb], ...clause.options };
  return Object.freeze({ ...clause, options: frozenOptions(options, `${clause.verb}()`) });
}

function said({ verb, options }: Clause): string {
  const entries = Object.entries(options).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `${verb}(${entries.length === 0 ? "" : `{ ${entries.join(", ")} }`})`;
}
