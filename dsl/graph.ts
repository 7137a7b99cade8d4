/**
 * The loss graph: what each learner minimises, which modules exist beside the nets, who pauses when.
 *
 * A loss graph is frozen, JSON-safe data: it can be printed, compared, hashed into a checkpoint and sent to a worker.
 *
 * @module
 */

import type { Stage } from "./arch.ts";
import type { Value } from "./value.ts";

/** What a net is in a sentence. */
export type Role = "leader" | "peer" | "teacher" | "student";

/** A factor of a term: fixed, ramped over epochs, or measured by the trainer. */
export type Weight = number | Ramp | { readonly measured: string };

/**
 * to · exp(−5 (1 − min(e, epochs) / epochs)²), e the epoch numbered from `from` (1 in FFSD, 0 in ONE): the sigmoid
 * ramp-up of Laine & Aila 2017.
 */
export interface Ramp {
  /** Shape of the rise. */
  readonly ramp: "sigmoid";
  /** Value at the end of the ramp. */
  readonly to: number;
  /** Length in epochs. */
  readonly epochs: number;
  /** Number of the first epoch. */
  readonly from: 0 | 1;
}

/** One objective. Gradient reaches the parameter groups in `learners` and nothing else. */
export interface Term {
  /** Unique name, `learner/what`, shown in logs. */
  readonly name: string;
  /** Parameter groups that learn from it. */
  readonly learners: readonly string[];
  /** Loss per sample (averaged over the batch) or one number. */
  readonly loss: Value<"sample"> | Value<"scalar">;
  /** Factor; a uniform of the compiled step, so that changing it recompiles nothing. */
  readonly weight: Weight;
  /** Spot the term works at, for methods that route spots. */
  readonly spot?: string;
}

/** A trainable module beside the nets: fusion, decoder, adapter, gate. */
export interface Aux {
  /** Name; its tensors are called `id/parameter`. */
  readonly id: string;
  /** Parameter group it belongs to: its own id, or the net that owns it (FFSD's decoder is part of the leader). */
  readonly group: string;
  /** Its layers, in stages that end at named places. */
  readonly stages: readonly Stage[];
  /** How it is optimised, where that differs from the run's optimizer. */
  readonly optimizer?: OptimizerOverride;
}

/** Changes to the run's optimizer for one group. */
export interface OptimizerOverride {
  /** Optimizer; the run's unless said. */
  readonly kind?: "sgd" | "adam";
  /** Learning rate; the run's schedule still multiplies it. */
  readonly learningRate?: number;
  /** L2 coefficient; the run's unless said. */
  readonly weightDecay?: number;
}

/**
 * A further optimizer of parameters that a group has already: it updates them in another phase, with a rate and slots of
 * its own. Terms name it as a learner as they would the group.
 */
export interface FurtherGroup {
  /** Name of the group that updates. */
  readonly id: string;
  /** Group whose parameters it updates. */
  readonly of: string;
  /** Where its optimizer differs from the run's. */
  readonly optimizer?: OptimizerOverride;
}

/** Skips the backward pass and the update of a group in batches where `when` is above zero. */
export interface Switch {
  /** Parameter group that pauses. */
  readonly pauses: string;
  /** Pause where this is above zero. */
  readonly when: Value<"scalar">;
}

/** A measured quantity shown in logs and traces; teaches nobody. */
export interface Watch {
  /** Unique name, shown in logs. */
  readonly name: string;
  /** What is measured. */
  readonly value: Value;
}

/** A classifier evaluated beside the members, e.g. the fusion head. */
export interface Head {
  /** Unique name, shown beside the members. */
  readonly name: string;
  /** Its class scores [B, K]. */
  readonly logits: Value<"logits">;
}

/**
 * Everything a method asks of the compiler. Within a phase every forward is done once, before any update of that phase;
 * groups then update in the order listed. A later phase forwards again with the updated weights.
 */
export interface LossGraph {
  /** Version of this format. */
  readonly version: 1;
  /** Objectives, each with its learners. */
  readonly terms: readonly Term[];
  /** Modules beside the nets. */
  readonly aux: readonly Aux[];
  /** Who pauses when. */
  readonly switches: readonly Switch[];
  /** Quantities that are only looked at. */
  readonly watches: readonly Watch[];
  /** Classifiers beside the members. */
  readonly heads: readonly Head[];
  /** Further optimizers of groups; none unless said. */
  readonly groups?: readonly FurtherGroup[];
  /** Groups in order of update, phase by phase; every learner once. */
  readonly phases: readonly (readonly string[])[];
}

/** A loss graph with nothing in it. */
export const emptyGraph: LossGraph = Object.freeze({
  version: 1,
  terms: Object.freeze([]),
  aux: Object.freeze([]),
  switches: Object.freeze([]),
  watches: Object.freeze([]),
  heads: Object.freeze([]),
  phases: Object.freeze([]),
});

/**
 * The graphs of several clauses as one. Phases that nobody spelled out become one phase with the learners in order of
 * their first term; spelled-out phases are kept, and learners they miss join the last one.
 *
 * @throws {RangeError} If two clauses declare a term, module or head of one name.
 */
export function mergeGraphs(graphs: readonly Partial<LossGraph>[]): LossGraph {
  const all = <T>(pick: (graph: Partial<LossGraph>) => readonly T[] | undefined): readonly T[] =>
    Object.freeze(graphs.flatMap((graph) => pick(graph) ?? []));
  const terms = all((graph) => graph.terms);
  const aux = all((graph) => graph.aux);
  const heads = all((graph) => graph.heads);
  unique("term", terms.map((term) => term.name));
  unique("module", aux.map((module) => module.id));
  unique("head", heads.map((head) => head.name));
  const groups = all((graph) => graph.groups);
  const said = graphs.flatMap((graph) => graph.phases ?? []);
  const listed = new Set(said.flat());
  const rest = [...new Set(terms.flatMap((term) => term.learners))].filter((learner) => !listed.has(learner));
  const phases = said.length === 0
    ? [rest]
    : rest.length === 0
    ? said
    : [...said.slice(0, -1), [...said[said.length - 1]!, ...rest]];
  return Object.freeze({
    version: 1,
    terms,
    aux,
    switches: all((graph) => graph.switches),
    watches: all((graph) => graph.watches),
    heads,
    ...(groups.length === 0 ? {} : { groups }),
    phases: Object.freeze(phases.map((phase) => Object.freeze([...phase]))),
  });
}

function unique(what: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) {
      throw new RangeError(`Cannot combine clauses: every ${what} has a name of its own, got "${name}" twice.`);
    }
    seen.add(name);
  }
}
