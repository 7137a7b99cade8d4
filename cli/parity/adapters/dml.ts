/**
 * Deep mutual learning as the OKDDip repository runs it: one joint loss, live targets.
 *
 * @module
 */

import type { Arch } from "../../../dsl/arch.ts";
import { cohort } from "../../../dsl/cohort.ts";
import type { LossGraph, Watch } from "../../../dsl/graph.ts";
import type { Value } from "../../../dsl/value.ts";
import { dml } from "../../../methods/dml.ts";
import { archOf, known, type Replay, total, unweighted } from "../adapter.ts";
import { withBlocks } from "../model_nets.ts";
import { EPSILON, tensorsOf } from "../recorded_branches.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** Replays traces of deep mutual learning. */
export function dmlTrace(trace: Trace): Replay | string {
  const model = trace.nets["model"];
  if (model?.family !== "independent_members" || model.base === undefined || model.members === undefined) {
    return "only independent members of one kind exist";
  }
  const arch = archOf(withBlocks(model.base, tensorsOf(trace.init, "model/stu0.")));
  if (typeof arch === "string") return arch;
  const pairwise = trace.config["pairwise"] === true;
  const members = Array.from({ length: model.members }, (_, i) => i);
  const sentence = cohort(members.map((): Arch => arch)).use(dml({
    temperature: numberIn(trace.config, "T"),
    target: pairwise ? "each" : "mean",
    live: true,
    epsilon: EPSILON,
  }));
  const graph = sentence.lower();
  const watches = divergences(graph, pairwise);
  return {
    sentence,
    graph: { ...graph, watches: [...graph.watches, ...watches] },
    epoch: 1,
    prefixes: members.map((i) => [`model/stu${i}.`, `peer${i}/`] as const),
    optimizers: Object.fromEntries(members.map((i) => [`peer${i}`, Object.keys(trace.optimizers)[0]!])),
    terms: (step) =>
      known({
        total: total(step),
        ...Object.fromEntries(members.map((i) => [`net${i}_ce`, unweighted(step, `peer${i}/ce`)])),
        ...Object.fromEntries(watches.map(({ name }) => [name, step.watched(name)])),
      }),
    scores: (key) =>
      key === "nets" || key === "output0" ? { of: members.map((i) => `peer${i}`), as: "stack" } : undefined,
  };
}

/** Every divergence on its own, called as the recording does: `kl(0<-1)`, or `kl(0<-ens)` from the mean of others. */
function divergences({ terms }: LossGraph, pairwise: boolean): readonly Watch[] {
  return terms.flatMap(({ name, loss }) => {
    const learner = /^peer(\d+)\/dml$/.exec(name)?.[1];
    if (learner === undefined) return [];
    const found: Value[] = [];
    collect(loss, found);
    return found.map((value): Watch => {
      const sources = new Set<string>();
      teachers(value.of[1]!, sources);
      const source = pairwise ? [...sources].join() : "ens";
      return { name: `kl(${learner}<-${source})`, value };
    });
  });
}

function collect(value: Value, found: Value[]): void {
  if (value.op === "kl") found.push(value);
  else value.of.forEach((part) => collect(part, found));
}

function teachers(value: Value, found: Set<string>): void {
  if (value.op === "run") found.add(String(value.attrs["net"]).replace("peer", ""));
  else value.of.forEach((part) => teachers(part, found));
}
