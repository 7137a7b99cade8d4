/**
 * Branches of one trunk without a leader: each alone, CL-ILR, and ONE in both code bases.
 *
 * @module
 */

import { branches } from "../../../dsl/cohort.ts";
import type { LossGraph, Weight } from "../../../dsl/graph.ts";
import type { AnyPipeline, Pipeline } from "../../../dsl/pipeline.ts";
import type { Branches } from "../../../dsl/known.ts";
import { run, tap } from "../../../dsl/value.ts";
import { cl } from "../../../methods/cl.ts";
import { one } from "../../../methods/one.ts";
import { addsUp, known, type Replay, type Scores, type StepView, total } from "../adapter.ts";
import { branchesOf, each, EPSILON, type RecordedBranches, sumOf, targetsOf } from "../recorded_branches.ts";
import { numberIn, type Trace } from "../trace_format.ts";

type Said = Pipeline<Branches<string, number, number>>;

/** Replays traces of branches that learn alone, from each other, or from their gated ensemble. */
export function branchesTrace(trace: Trace): Replay | string {
  const net = branchesOf(trace);
  if (typeof net === "string") return net;
  const { config } = trace;
  const rescale = config["bpscale"] === true;
  const said = branches(net.arch, net.branches, { from: net.from, rescale });
  const ids = said.spec.nets.map(({ id }) => id);
  const { sentence, kind } = methodOf(trace, said);
  const optimizers = { trunk: Object.keys(trace.optimizers)[0]! };
  const imitation = ids.map((id) => `${id}/${kind}`);
  return {
    sentence,
    graph: graphOf(trace, said, sentence, kind, net),
    epoch: epochOf(config),
    prefixes: [["model/control_v1.", "gate/fc."], ["model/bn_v1.", "gate/bn."], ...net.prefixes(ids)],
    optimizers,
    terms: (step) => (config["rampup"] === undefined ? termsOf : originalTerms(trace))(step, ids, kind, net.first),
    scores: (key) => scoresOf(key, ids, kind === "cl" ? imitation.map((name) => `target/${name}`) : undefined),
  };
}

type Kind = "ind" | "cl" | "one";

function methodOf({ config }: Trace, said: Said): { readonly sentence: AnyPipeline; readonly kind: Kind } {
  if (config["ind"] === true) return { sentence: said, kind: "ind" };
  const options = { temperature: numberIn(config, "T"), weight: weightOf(config), epsilon: EPSILON };
  if (config["avg"] === true) {
    return { sentence: said.use(cl({ ...options, rescale: config["bpscale"] === true })), kind: "cl" };
  }
  // ONE's own code cuts the target, OKDDip's does not.
  return { sentence: said.use(one({ ...options, live: config["rampup"] === undefined })), kind: "one" };
}

/** ONE's own code numbers epochs from 0 and ramps; OKDDip's configuration has the factor as it was. */
function weightOf(config: Trace["config"]): Weight {
  if (config["rampup"] === undefined) return numberIn(config, "consistency_weight") * numberIn(config, "alpha");
  const epochs = numberIn(config, "rampup");
  return epochs === 0 ? 1 : { ramp: "sigmoid", to: 1, epochs, from: 0 };
}

function epochOf(config: Trace["config"]): number {
  return config["rampup"] === undefined ? 1 : numberIn(config, "epoch") + 1;
}

/** The loss graph, with targets that are recorded as heads, and the gate that branches alone carry along unused. */
function graphOf(
  trace: Trace,
  said: Said,
  sentence: AnyPipeline,
  kind: Kind,
  { from }: RecordedBranches,
): LossGraph {
  const graph = (sentence as Said).lower();
  if (kind === "cl") {
    const names = graph.terms.map(({ name }) => name).filter((name) => name.endsWith("/cl"));
    return { ...graph, heads: [...graph.heads, ...targetsOf(graph, names)] };
  }
  if (kind === "one" || trace.init.tensors["model/control_v1.weight"] === undefined) return graph;
  const { aux } = said.use(one()).lower();
  const input = tap({ id: "peer0", view: 0 }, from);
  const value = run("gate", "vector", { to: aux[0]!.stages[0]!.spot, input, mode: "eval" });
  return { ...graph, aux, watches: [{ name: "gate", value }] };
}

type Terms = (step: StepView, ids: readonly string[], kind: Kind, first: number) => Readonly<Record<string, number>>;

/** Terms of the OKDDip repository, which weighs the sum of its divergences. */
const termsOf: Terms = (step, ids, kind, first) => {
  const imitation = kind === "ind" ? [] : ids.map((id) => `${id}/${kind}`);
  const mixed = kind === "one" ? ["ensemble/ce"] : [];
  return known({
    ...ownTerms(step, ids, imitation, first),
    ...each(step, mixed.map((name) => ["gate_ce", name] as const)),
    loss_true: total(step, [...ids.map((id) => `${id}/ce`), ...mixed]),
    loss_group: sumOf(step, imitation),
    total: total(step),
  });
};

/** Terms of ONE's own code. Whether its divergences have their weight shows in the recording's sum. */
function originalTerms(trace: Trace): Terms {
  const branches = Object.keys(trace.iterations[0]?.terms ?? {}).filter((name) => /^branch\d+_kl$/.test(name));
  const weighted = {
    all: addsUp(trace, ["loss_cross", "loss_kl"], "total"),
    each: addsUp(trace, ["loss_cross", ...branches], "total"),
  };
  return (step, ids, kind, first) => {
    const imitation = ids.map((id) => `${id}/${kind}`);
    const own = ownTerms(step, ids, imitation, first);
    const divergences = imitation.map((name, i) => [`branch${i + first}_kl`, step.terms[name]!] as const);
    return known({
      ...own,
      ...(weighted.each ? Object.fromEntries(divergences) : {}),
      ...each(step, [["ensemble_ce", "ensemble/ce"]]),
      loss_cross: total(step, [...ids.map((id) => `${id}/ce`), "ensemble/ce"]),
      loss_kl: weighted.all ? total(step, imitation) : sumOf(step, imitation),
      consistency_weight: step.weights[imitation[0]!]!,
      total: total(step),
    });
  };
}

/** Every branch's cross-entropy and divergence, without weights. */
function ownTerms(
  step: StepView,
  ids: readonly string[],
  imitation: readonly string[],
  first: number,
): Readonly<Record<string, number | undefined>> {
  return each(step, [
    ...ids.map((id, i) => [`branch${i + first}_ce`, `${id}/ce`] as const),
    ...imitation.map((name, i) => [`branch${i + first}_kl`, name] as const),
  ]);
}

function scoresOf(key: string, ids: readonly string[], targets: readonly string[] | undefined): Scores | undefined {
  if (key === "branches" || key === "output0") return { of: ids, as: "stack" };
  if (key === "output1" && targets !== undefined) return { of: targets, as: "stack" };
  if (key === "output1" || key === "ensemble") return { of: ["ensemble"], as: "one" };
  const branch = /^branch(\d+)$/.exec(key)?.[1];
  return branch === undefined ? undefined : { of: [ids[Number(branch) - 1]!], as: "one" };
}
