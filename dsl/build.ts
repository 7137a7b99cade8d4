/**
 * What makes pipelines: one frozen state, and every verb as a step to the next one.
 *
 * The types of the verbs are in `pipeline.ts` and `topology.ts`; here are their checks at run time, for callers that no
 * type checker saw.
 *
 * @module
 */

import type { Arch } from "./arch.ts";
import { checkId, checkNeeds, checkPeers, checkSpot, refuse, sameClasses, withArch } from "./checks.ts";
import { filledOptions, type Verb } from "./clauses.ts";
import type { Dataset } from "./data.ts";
import { ClassCountError, MissingRoleError, SentenceError } from "./errors.ts";
import { explain, type Explanation } from "./explain.ts";
import type { LossGraph, Term } from "./graph.ts";
import { frozenOptions } from "./json.ts";
import { lower } from "./lower.ts";
import type { Method, Site } from "./method.ts";
import { normalize } from "./normalize.ts";
import type { AnyPipeline } from "./pipeline.ts";
import { classClash, idlePause, refusals, saidTwice } from "./refused.ts";
import { siteOf } from "./site.ts";
import type { Clause, NetSpec, Spec } from "./spec.ts";
import { type TrainOptions, trainSpec } from "./train.ts";
import type { EnsembleOptions } from "./verbs/ensemble.ts";
import type { EnsembleTarget } from "./verbs/ensemble_target.ts";
import { freshRoles, orderedEdges, rolesOf, taken } from "./edges.ts";
import { requireTerms } from "./verbs/loss.ts";
import { type Views, withViews } from "./verbs/views.ts";

/** What a pipeline is made of. */
export type State = AnyPipeline;

/** The state of a sentence in which nothing was said. */
export const emptyState: State = Object.freeze({
  spec: Object.freeze({
    version: 1,
    nets: Object.freeze([]),
    edges: Object.freeze([]),
    clauses: Object.freeze([]),
  }),
  methods: Object.freeze([]),
  archs: Object.freeze({}),
  dataset: undefined,
});

/** The state with these nets, whose class counts have to agree. */
export function withNets(
  state: State,
  nets: readonly (Pick<NetSpec, "id" | "role"> & { readonly arch: Arch })[],
  who: string,
): State {
  sameClasses(nets.map(({ id, arch }) => [id, arch]), who);
  const archs = nets.reduce((all, { arch }) => withArch(all, arch, who), state.archs);
  const specs = nets.map(({ id, role, arch }) => Object.freeze({ id, arch: arch.name, role, view: 0 }));
  return { ...state, archs, spec: { ...state.spec, nets: Object.freeze(specs) } };
}

/** A pipeline over a state. Its public type is `Pipeline<K>`, which only the verb that makes it can know. */
export function pipelineOf(state: State): Built {
  return new Built(state);
}

/** A topology over a state, whose nets are named by the caller. */
export function topologyOf(state: State, nets: Readonly<Record<string, Arch>>): BuiltTopology {
  const entries = Object.entries(nets);
  if (entries.length === 0) {
    throw new SentenceError("Cannot start a topology: it has at least one net, got none. Name one: { net: resnet8 }.");
  }
  const ids = entries.map(([id]) => id);
  ids.forEach(checkId);
  const roles = rolesOf(ids, [], []);
  return new BuiltTopology(
    withNets(state, entries.map(([id, arch]) => ({ id, arch, role: roles[id]! })), "topology"),
  );
}

/** The run time of every verb of a sentence. */
class Built implements AnyPipeline {
  readonly spec: Spec;
  readonly methods: readonly Method[];
  readonly archs: Readonly<Record<string, Arch>>;
  readonly dataset: Dataset | undefined;

  constructor(state: State) {
    this.spec = Object.freeze({ ...state.spec });
    this.methods = Object.freeze([...state.methods]);
    this.archs = Object.freeze({ ...state.archs });
    this.dataset = state.dataset;
    Object.freeze(this);
  }

  leader(first: Arch | object = {}, second: object = {}): Built {
    const [arch, options] = "stages" in first ? [first as Arch, second] : [undefined, first];
    const { nets, edges, clauses } = this.spec;
    if (clauses.some(({ verb }) => verb === "leader") || nets.some(({ role }) => role === "leader")) {
      refuse(SentenceError, "leader()", refusals.leaderTwice);
    }
    const at = nets.findLastIndex(({ role }) => role === "peer");
    const last = nets[at];
    if (last === undefined || nets.length < 2) return refuse(SentenceError, "leader()", refusals.leaderAlone);
    if (edges.flat().includes(last.id)) {
      refuse(SentenceError, "leader()", `it promotes "${last.id}", which has edges: name that net leader instead`);
    }
    if (clauses.some(({ verb }) => verb === "loss")) {
      refuse(SentenceError, "leader()", "it renames the last member, which loss() may name: say it before loss()");
    }
    if (arch !== undefined) {
      for (const net of nets) {
        const bound = this.archs[net.arch]!.classes;
        if (net !== last && bound !== undefined && arch.classes !== undefined && bound !== arch.classes) {
          refuse(ClassCountError, "leader()", classClash("leader", arch.classes, "cohort", bound));
        }
      }
    }
    const leader: NetSpec = Object.freeze({ ...last, id: "leader", role: "leader", arch: arch?.name ?? last.arch });
    const led = nets.with(at, leader);
    const kept = Object.fromEntries(
      Object.entries(this.archs).filter(([name]) => led.some((net) => net.arch === name)),
    );
    const archs = arch === undefined ? this.archs : withArch(kept, arch, "leader()");
    // A net of its own leaves the trunk, even one of the branches' architecture.
    const said = arch === undefined
      ? clauses
      : clauses.map((clause) =>
        clause.verb !== "branches"
          ? clause
          : Object.freeze({ ...clause, options: Object.freeze({ ...clause.options, leader: "outside" }) })
      );
    const spec = { ...this.spec, nets: Object.freeze(led), clauses: Object.freeze(said) };
    return this.#say("leader", options, { archs, spec });
  }

  fuse(options: { readonly at?: string } = {}): Built {
    this.#once("fuse");
    if (!this.spec.nets.some(({ role }) => role === "leader")) {
      refuse(MissingRoleError, "fuse()", refusals.fuseWithoutLeader);
    }
    if (this.spec.nets.length < 3) refuse(SentenceError, "fuse()", refusals.fuseOfOne);
    if (options.at !== undefined) checkSpot("fuse()", this, options.at, this.spec.nets, "cohort");
    return this.#say("fuse", options);
  }

  diversify(by = "attention", options: object = {}): Built {
    this.#once("diversify");
    checkPeers("diversify()", this.spec, refusals.diversifyAlone);
    return this.#say("diversify", { by, ...options });
  }

  selfDistill(options: object = {}): Built {
    this.#once("selfDistill");
    checkPeers("selfDistill()", this.spec, refusals.selfDistillAlone);
    return this.#say("selfDistill", options);
  }

  mutual(options: object = {}): Built {
    this.#once("mutual");
    const { nets } = this.spec;
    if (nets.filter(({ role }) => role !== "leader").length < 2) {
      refuse(SentenceError, "mutual()", refusals.mutualAlone);
    }
    return this.#say("mutual", options);
  }

  pretrain(options: object = {}): Built {
    this.#once("pretrain");
    if (!this.spec.nets.some(({ role }) => role === "teacher")) {
      refuse(MissingRoleError, "pretrain()", refusals.pretrainNobody);
    }
    return this.#say("pretrain", options);
  }

  ensemble(target: EnsembleTarget = "minLogit", options: EnsembleOptions = {}): Built {
    this.#once("ensemble");
    checkPeers("ensemble()", this.spec, refusals.ensembleAlone);
    if (this.spec.nets.filter(({ role }) => role === "peer").length < 2) {
      refuse(SentenceError, "ensemble()", refusals.ensembleOfOne);
    }
    return this.#say("ensemble", { target, ...options });
  }

  views(views: Views): Built {
    return new Built({ ...this, spec: { ...this.spec, nets: withViews(this.spec.nets, views) } });
  }

  use(method: Method): Built {
    checkNeeds(this, method);
    const { kind, name, version } = method;
    const clause: Clause = Object.freeze({
      verb: "use",
      method: Object.freeze({ kind, name, version }),
      options: frozenOptions(method.options, `${name}()`),
    });
    return this.#append(clause, { methods: [...this.methods, method] });
  }

  loss(build: (site: Site) => readonly Term[]): Built {
    const site = siteOf(normalize(this));
    const { archs } = this;
    return this.#say("loss", { terms: requireTerms(build(site), { members: site.members, archs }) });
  }

  switch(...said: readonly unknown[]): Built {
    this.#once("switch");
    if (this.spec.clauses.some(({ verb }) => verb === "branches")) {
      refuse(SentenceError, "switch()", refusals.switchBranches);
    }
    const named = (said[0] as { readonly pauses?: unknown } | undefined)?.pauses;
    const peers = this.spec.nets.filter(({ role }) => role === "peer").map(({ id }) => id);
    if (Array.isArray(named) && named.length > 0 && peers.length > 0) {
      if (peers.every((id) => named.includes(id))) refuse(SentenceError, "switch()", refusals.switchAll);
      return this.pausing(said[0]!);
    }
    const teachers = this.spec.nets.filter(({ role }) => role === "teacher").map(({ id }) => id);
    if (teachers.length === 0 || !this.spec.nets.some(({ role }) => role === "student")) {
      refuse(MissingRoleError, "switch()", refusals.switchAlone);
    }
    return this.pausing({ pauses: teachers, ...(said[0] ?? {}) });
  }

  /** Records whom a switch pauses. */
  pausing(options: { readonly pauses?: unknown }): Built {
    this.#once("switch");
    const { edges, nets } = this.spec;
    for (const id of Array.isArray(options.pauses) ? options.pauses.map(String) : []) {
      // Without edges a shorthand speaks: a teacher teaches its student, peers each other.
      const role = nets.find((net) => net.id === id)?.role;
      const teaches = edges.length === 0 ? role === "teacher" || role === "peer" : edges.some(([from]) => from === id);
      if (!teaches) refuse(SentenceError, `switch("${id}")`, idlePause(id));
    }
    return this.#say("switch", options);
  }

  on(dataset: Dataset): Built {
    for (const net of this.spec.nets) {
      const bound = this.archs[net.arch]!.classes;
      if (bound !== undefined && dataset.classes !== undefined && bound !== dataset.classes) {
        refuse(ClassCountError, `on(${dataset.kind})`, classClash("dataset", dataset.classes, "cohort", bound));
      }
    }
    const options = frozenOptions(dataset.options, `on(${dataset.kind})`) as NonNullable<Spec["dataset"]>["options"];
    return new Built({
      ...this,
      dataset,
      spec: { ...this.spec, dataset: Object.freeze({ kind: dataset.kind, options }) },
    });
  }

  train(options: TrainOptions): Built {
    return new Built({ ...this, spec: { ...this.spec, train: trainSpec(options) } });
  }

  explain(): Explanation {
    return explain(this);
  }

  lower(): LossGraph {
    return lower(this);
  }

  /** Records a clause that only the entry points say: `branches`. */
  record(verb: Verb, options: object): Built {
    return this.#say(verb, options);
  }

  #once(verb: string): void {
    if (this.spec.clauses.some((clause) => clause.verb === verb)) {
      refuse(SentenceError, `${verb}()`, saidTwice(verb));
    }
  }

  #say(verb: Verb, options: object, change: Partial<State> = {}): Built {
    const recorded = frozenOptions(options, `${verb}()`);
    filledOptions(verb, recorded);
    return this.#append(Object.freeze({ verb, options: recorded }), change);
  }

  #append(clause: Clause, change: Partial<State>): Built {
    const spec = change.spec ?? this.spec;
    return new Built({ ...this, ...change, spec: { ...spec, clauses: Object.freeze([...spec.clauses, clause]) } });
  }
}

/** The run time of a topology: a sentence whose edges are still being said. */
class BuiltTopology extends Built {
  teach(...edges: readonly string[]): BuiltTopology {
    const ids = this.spec.nets.map(({ id }) => id);
    const added = edges.flatMap((edge) => orderedEdges(edge, this.spec.nets));
    const all = [...this.spec.edges, ...added.filter((edge) => !taken(this.spec.edges, edge))];
    const unique = all.filter((edge, i) => !taken(all.slice(0, i), edge));
    return new BuiltTopology({
      ...this,
      spec: { ...this.spec, edges: Object.freeze(unique), nets: freshRoles(this.spec.nets, rolesOf(ids, unique, [])) },
    });
  }

  override switch(...said: readonly unknown[]): Built {
    const [pauses, options] = Array.isArray(said[0])
      ? [said[0].map(String), said[1] as object | undefined]
      : [said.map(String), {}];
    const { nets, edges } = this.spec;
    if (edges.length === 0) refuse(SentenceError, "switch()", refusals.switchBeforeTeach);
    if (pauses.length === 0) refuse(SentenceError, "switch()", refusals.switchNobody);
    const paused = this.pausing({ pauses, ...options });
    const roles = rolesOf(nets.map(({ id }) => id), edges, pauses);
    if (!Object.values(roles).includes("student")) refuse(MissingRoleError, "switch()", refusals.switchAlone);
    return new Built({ ...paused, spec: { ...paused.spec, nets: freshRoles(nets, roles) } });
  }
}
