/**
 * OKDDip: diverse peers and a group leader, as branches or as nets of their own.
 *
 * @module
 */

import { branches, cohort } from "../../../dsl/cohort.ts";
import type { Pipeline } from "../../../dsl/pipeline.ts";
import type { Known } from "../../../dsl/known.ts";
import { okddip, type OkddipOptions } from "../../../methods/okddip.ts";
import { archOf, known, type Replay, type Scores, type StepView, total } from "../adapter.ts";
import { withBlocks } from "../model_nets.ts";
import { branchesOf, each, EPSILON, sumOf, targetsOf, tensorsOf } from "../recorded_branches.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** Replays traces of OKDDip. */
export function okddipTrace(trace: Trace): Replay | string {
  const said = sentenceOf(trace);
  if (typeof said === "string") return said;
  const { sentence, prefixes } = said;
  const lowered = sentence.lower();
  const peers = sentence.spec.nets.map(({ id }) => id).filter((id) => id !== "leader");
  const targets = targetsOf(lowered, peers.map((id) => `${id}/okddip`));
  const optimizer = Object.keys(trace.optimizers)[0]!;
  return {
    sentence,
    graph: { ...lowered, heads: [...lowered.heads, ...targets] },
    epoch: 1,
    prefixes: [["model/query_weight.", "query/fc."], ["model/key_weight.", "key/fc."], ...prefixes],
    optimizers: Object.fromEntries(lowered.phases.flat().map((group) => [group, optimizer])),
    terms: (step) => termsOf(step, peers),
    scores: (key) => scoresOf(key, peers, targets.map(({ name }) => name)),
  };
}

function sentenceOf(
  trace: Trace,
): { readonly sentence: Pipeline<Known>; readonly prefixes: Replay["prefixes"] } | string {
  const options = optionsOf(trace);
  const model = trace.nets["model"];
  if (model?.family === "independent_members" && model.base !== undefined && model.members !== undefined) {
    const arch = archOf(withBlocks(model.base, tensorsOf(trace.init, "model/stu0.")));
    if (typeof arch === "string") return arch;
    const sentence = cohort(arch, model.members).leader().use(okddip(options));
    const prefixes = sentence.spec.nets.map(({ id }, i) => [`model/stu${i}.`, `${id}/`] as const);
    return { sentence: sentence as unknown as Pipeline<Known>, prefixes };
  }
  const net = branchesOf(trace);
  if (typeof net === "string") return net;
  const sentence = branches(net.arch, net.branches, { from: net.from }).leader().use(okddip(options));
  const prefixes = net.prefixes(sentence.spec.nets.map(({ id }) => id));
  return { sentence: sentence as unknown as Pipeline<Known>, prefixes };
}

function optionsOf({ config, init }: Trace): OkddipOptions {
  const [narrow, wide] = init.tensors["model/query_weight.weight"]!.shape;
  return {
    temperature: numberIn(config, "T"),
    weight: numberIn(config, "consistency_weight") * numberIn(config, "alpha"),
    epsilon: EPSILON,
    reduction: Math.floor(wide! / narrow!),
  };
}

function termsOf(step: StepView, peers: readonly string[]): Readonly<Record<string, number>> {
  return known({
    loss_true_peers: sumOf(step, peers.map((id) => `${id}/ce`)),
    loss_group: sumOf(step, peers.map((id) => `${id}/okddip`)),
    ...each(
      step,
      [...peers, "leader"].flatMap((id) => [[`${id}_ce`, `${id}/ce`] as const, [`${id}_kl`, `${id}/okddip`] as const]),
    ),
    total: total(step),
  });
}

function scoresOf(key: string, peers: readonly string[], targets: readonly string[]): Scores | undefined {
  if (key === "peers" || key === "output0") return { of: peers, as: "stack" };
  if (key === "output1") return { of: targets, as: "stack" };
  return key === "leader" || key === "output2" ? { of: ["leader"], as: "one" } : undefined;
}
