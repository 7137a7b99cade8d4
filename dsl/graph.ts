/**
 * The loss graph: what each learner minimises, which modules exist beside the nets, who pauses when.
 *
 * A loss graph is frozen, JSON-safe data: it can be printed, compared, hashed into a checkpoint and sent to a worker.
 *
 * @module
 */

import type { Stage } from "./arch.ts";
import type { OptimizerSpec, ScheduleSpec } from "./spec.ts";
import type { Value } from "./value.ts";

/** What a net is in a sentence. */
export type Role = "leader" | "peer" | "teacher" | "student";

/** A factor of a term: fixed, ramped over epochs, or measured by the trainer. */
export type Weight = number | Ramp | { readonly measured: string };

/**
 * A factor that rises over min(e, epochs) / epochs =: p, e the epoch numbered from `from` (1 in FFSD, 0 in ONE):
 * `"sigmoid"` is to · exp(−5 (1 − p)²), the ramp-up of Laine & Aila 2017; `"linear"` is to · p.
 */
export interface Ramp {
  /** Shape of the rise. */
  readonly ramp: "sigmoid" | "linear";
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
  /** Multiplies the learning rate; 1 unless said. */
  readonly learningRateFactor?: number;
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

/**
 * Weights of nets that the trainer measures after every epoch on held-out images: C⁻¹ 1 / (1ᵀ C⁻¹ 1) with the
 * covariance C of the nets' errors softmax(z_i) − y, running statistics. 1 / m in the first epoch.
 */
export interface Measure {
  /** What is measured; the only kind so far. */
  readonly kind: "errorWeights";
  /** Nets that are weighed. */
  readonly nets: readonly string[];
  /** Name of each net's weight, for `measured()`. */
  readonly names: readonly string[];
}

/** A classifier evaluated beside the members, e.g. the fusion head. */
export interface Head {
  /** Unique name, shown beside the members. */
  readonly name: string;
  /** Its class scores [B, K]. */
  readonly logits: Value<"logits">;
}

/** How a kept tensor is filled before training: zeros, or U(±bound). */
export type StateInit = { readonly rule: "zero" } | { readonly rule: "uniform"; readonly bound: number };

/** A tensor that is kept from step to step beside parameters: a memory bank, a constant measured once. */
export interface StateSpec {
  /** Name, unique among kept tensors; checkpoints call it `state/name`. */
  readonly name: string;
  /** Size of every axis; `"samples"` is the number of training images. */
  readonly shape: readonly (number | "samples")[];
  /** What it holds before the first step. */
  readonly init: StateInit;
}

/** What a kept tensor becomes once every loss of the step has read it. */
export interface StateUpdate {
  /** Name of the kept tensor. */
  readonly state: string;
  /** Its new value, or one row of it a sample where {@linkcode StateUpdate.rows} is said. */
  readonly value: Value;
  /** Position of each sample's row; the others keep theirs, and a negative position writes nothing. */
  readonly rows?: Value;
}

/**
 * A training of its own before the main graph's: epochs, learners, optimizer. Parameters and running statistics go on
 * by their names; what optimizers keep does not.
 */
export interface InitialStage {
  /** Unique name, shown in progress, log and checkpoint. */
  readonly name: string;
  /** Passes over the training images, from 1. */
  readonly epochs: number;
  /** What is minimised in it. */
  readonly graph: LossGraph;
  /** Changes to the run's optimizer; the graph's own overrides come on top. */
  readonly optimizer?: Partial<OptimizerSpec>;
  /** Learning-rate factor over its epochs; constant unless said. */
  readonly schedule?: Partial<ScheduleSpec>;
}

/**
 * What branches share: the stages of their architecture up to a spot are one, trained as one parameter group with all
 * that belongs to the branches, whose tensors are called `trunk/parameter`.
 */
export interface Trunk {
  /** Name of the group. */
  readonly id: "trunk";
  /** The branches: nets of one architecture. */
  readonly nets: readonly string[];
  /** Last spot they share. */
  readonly from: string;
  /** What gradients that enter the trunk behind {@linkcode Trunk.from} are multiplied by; 1 unless said. */
  readonly scale?: number;
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
  /** Quantities measured once an epoch on held-out images; none unless said. */
  readonly measures?: readonly Measure[];
  /** Classifiers beside the members. */
  readonly heads: readonly Head[];
  /** Further optimizers of groups; none unless said. */
  readonly groups?: readonly FurtherGroup[];
  /** Groups in order of update, phase by phase; every learner once. */
  readonly phases: readonly (readonly string[])[];
  /** Stages that nets share; absent where every net stands alone. */
  readonly trunks?: readonly Trunk[];
  /** Trainings before this one, in order; absent where there are none. */
  readonly stages?: readonly InitialStage[];
  /** Tensors kept from step to step; absent where there are none. */
  readonly state?: readonly StateSpec[];
  /** What they become in a step; absent where there is nothing to say. */
  readonly updates?: readonly StateUpdate[];
}

/**
 * Groups and nets that learn in a graph, without its stages: whom terms name, the net behind a further optimizer, and the
 * branches of a trunk that learns.
 */
export function learnersOf({ terms, trunks = [], groups = [] }: LossGraph): ReadonlySet<string> {
  const named = terms.flatMap(({ learners }) => learners);
  const behind = groups.filter(({ id }) => named.includes(id)).map(({ of }) => of);
  const learning = new Set([...named, ...behind]);
  return new Set([...learning, ...trunks.filter(({ id }) => learning.has(id)).flatMap(({ nets }) => nets)]);
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
 * @throws {RangeError} If two clauses declare a term, module or head of one name, or scale one trunk differently.
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
  const measures = all((graph) => graph.measures);
  unique("measured value", measures.flatMap(({ names }) => names));
  const [stages, state, updates] = [
    all((graph) => graph.stages),
    all((graph) => graph.state),
    all((graph) => graph.updates),
  ];
  unique("stage", stages.map((stage) => stage.name));
  unique("kept tensor", state.map((tensor) => tensor.name));
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
    ...(measures.length === 0 ? {} : { measures }),
    heads,
    ...(groups.length === 0 ? {} : { groups }),
    phases: Object.freeze(phases.map((phase) => Object.freeze([...phase]))),
    ...trunksOf(all((graph) => graph.trunks)),
    ...(stages.length === 0 ? {} : { stages }),
    ...(state.length === 0 ? {} : { state }),
    ...(updates.length === 0 ? {} : { updates }),
  });
}

/** The trunks that clauses speak of, each once: one clause declares it, another may scale it. */
function trunksOf(said: readonly Trunk[]): Pick<LossGraph, "trunks"> {
  const trunks = new Map<string, Trunk>();
  for (const trunk of said) {
    const { id, scale } = trunk;
    const known = trunks.get(id) ?? trunk;
    if (known.scale !== undefined && scale !== undefined && known.scale !== scale) {
      throw new RangeError(`Cannot combine clauses: a ${id} has one scale, got ${known.scale} and ${scale}.`);
    }
    trunks.set(id, Object.freeze({ ...known, ...trunk }));
  }
  return trunks.size === 0 ? {} : { trunks: Object.freeze([...trunks.values()]) };
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
