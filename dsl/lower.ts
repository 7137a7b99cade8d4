/**
 * Phase 2: from a sentence to its loss graph.
 *
 * @module
 */

import type { Verb } from "./clauses.ts";
import { SentenceError } from "./errors.ts";
import { emptyGraph, type LossGraph, mergeGraphs, type Term } from "./graph.ts";
import { equalJson } from "./json.ts";
import { supervision } from "./losses.ts";
import type { Method, Site } from "./method.ts";
import { normalize } from "./normalize.ts";
import type { AnyPipeline } from "./pipeline.ts";
import { siteOf } from "./site.ts";
import type { Clause } from "./spec.ts";
import type { Value } from "./value.ts";
import { joinBranches, lowerBranches } from "./verbs/branches.ts";
import { type DiversifyOptions, lowerDiversify } from "./verbs/diversify.ts";
import { lowerEnsemble } from "./verbs/ensemble.ts";
import { type FuseOptions, lowerFuse } from "./verbs/fuse.ts";
import { type LeaderOptions, lowerLeader } from "./verbs/leader.ts";
import { lowerMutual, type MutualOptions } from "./verbs/mutual.ts";
import { lowerPretrain, type PretrainSpec } from "./verbs/pretrain.ts";
import { lowerSelfDistill, type SelfDistillOptions } from "./verbs/self_distill.ts";
import { lowerSwitch } from "./verbs/switch.ts";

type Lowering = (site: Site, clause: Clause, methods: readonly Method[]) => Partial<LossGraph>;

const lowerings = {
  branches: (site, { options }) => lowerBranches(site, options),
  pretrain: (site, { options }) => lowerPretrain(site, options as unknown as PretrainSpec),
  mutual: (site, { options }) => lowerMutual(site, options as unknown as MutualOptions),
  ensemble: (site, { options }) => lowerEnsemble(site, options as Parameters<typeof lowerEnsemble>[1]),
  use: (site, clause, methods) => methodOf(clause, methods).lower(site),
  diversify: (site, { options }) => lowerDiversify(site, options as unknown as DiversifyOptions),
  fuse: (site, { options }) => lowerFuse(site, options as unknown as FuseOptions<string>),
  leader: (site, { options }, methods) =>
    methods.some(({ needs }) => needs.leader !== undefined)
      ? emptyGraph // the method teaches the leader
      : lowerLeader(site, options as unknown as LeaderOptions),
  selfDistill: (site, { options }) => lowerSelfDistill(site, options as unknown as SelfDistillOptions),
  loss: (_site, { options }) => ({ terms: options["terms"] as unknown as readonly Term[] }),
  switch: lowerSwitch,
} satisfies Record<Verb, Lowering>;

/**
 * The loss graph of a sentence: its clauses' graphs in lowering order, as one.
 *
 * A member that no clause teaches learns from the labels alone; a teacher whom a clause uses and nobody teaches is
 * frozen. A term that two clauses ask for in the same words is there once.
 *
 * @throws {SentenceError} If nets or options do not fit a verb, or a term names a net that is not there.
 *
 * @example
 * ```ts
 * import { cohort, lower } from "./mod.ts";
 * console.log(lower(cohort("resnet8×2").mutual()).terms.map((term) => term.name));
 * ```
 */
export function lower(pipeline: AnyPipeline): LossGraph {
  const normal = normalize(pipeline);
  const site = siteOf(normal);
  const said = site.clauses.map((clause): Partial<LossGraph> =>
    (lowerings[clause.verb as Verb] as Lowering)(site, clause, normal.methods)
  );
  const graph = joinBranches(mergeGraphs(once([{ terms: fromLabels(site, said, normal.methods) }, ...said])));
  checkNames(site, graph);
  checkPauses(graph);
  for (const stage of graph.stages ?? []) checkNames(site, stage.graph);
  return graph;
}

function methodOf({ method, options }: Clause, methods: readonly Method[]): Method {
  return methods.find((candidate) => candidate.name === method?.name && equalJson(candidate.options, options))!;
}

/** Cross-entropy of the members that no clause gives one. */
function fromLabels(
  site: Site,
  said: readonly Partial<LossGraph>[],
  methods: readonly Method[],
): readonly Term[] {
  const terms = said.flatMap((graph) => graph.terms ?? []);
  return site.members.filter(({ id, role }) => {
    if (methods.some(({ needs }) => needs[role] !== undefined)) return false;
    const own = terms.filter(({ learners }) => learners.includes(id));
    if (own.length === 0) return role !== "teacher" || terms.length === 0;
    return !own.some(({ loss }) => reads(loss, (value) => value.op === "labels"));
  }).map((member) => supervision(member));
}

/** Drops a term from a clause where an earlier one has the very same. */
function once(graphs: readonly Partial<LossGraph>[]): readonly Partial<LossGraph>[] {
  const seen = new Map<string, Term>();
  return graphs.map((graph) => ({
    ...graph,
    terms: (graph.terms ?? []).filter((term) => {
      const first = seen.get(term.name);
      if (first === undefined) seen.set(term.name, term);
      return first === undefined || !equalJson(first, term);
    }),
  }));
}

/** Refuses a term whose learner or net the sentence lacks: `loss()` and outside methods may name anything. */
function checkNames(site: Site, { terms, aux, trunks = [], groups: further = [] }: LossGraph): void {
  const nets = new Set([...site.members, ...aux].map(({ id }) => id));
  const own = [...site.members, ...trunks, ...further].map(({ id }) => id);
  const groups = new Set([...own, ...aux.map(({ group }) => group)]);
  for (const { name, learners, loss } of terms) {
    const stranger = learners.find((id) => !groups.has(id)) ?? strangerIn(loss, nets);
    if (stranger !== undefined) {
      throw new SentenceError(
        `Cannot lower term "${name}": it names nets and modules of the sentence, got "${stranger}". ` +
          `Known: ${[...nets].join(", ")}.`,
      );
    }
  }
}

/** Refuses a pause of a net that learns from no term: there would be nothing to pause. */
function checkPauses({ terms, switches }: LossGraph): void {
  const idle = switches.find(({ pauses }) => !terms.some(({ learners }) => learners.includes(pauses)));
  if (idle === undefined) return;
  throw new SentenceError(
    `Cannot lower switch(): it pauses nets that learn, got ${idle.pauses}, whom nobody teaches. ` +
      `Add an edge that ends at it, or leave switch() out.`,
  );
}

function strangerIn(loss: Value, nets: ReadonlySet<string>): string | undefined {
  let stranger: string | undefined;
  reads(loss, ({ op, attrs }) => {
    if (op === "run" && !nets.has(String(attrs["net"]))) stranger = String(attrs["net"]);
    return stranger !== undefined;
  });
  return stranger;
}

/** Whether a value, or anything it is computed from, passes the test. */
function reads(value: Value, test: (value: Value) => boolean, seen: Set<Value> = new Set()): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return test(value) || value.of.some((input) => reads(input, test, seen));
}
