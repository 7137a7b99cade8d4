/**
 * A student of a frozen teacher.
 *
 * @module
 */

import { teacher } from "../../../dsl/cohort.ts";
import type { LossGraph } from "../../../dsl/graph.ts";
import { kd } from "../../../methods/kd.ts";
import { known, netOf, type Replay, total, unweighted } from "../adapter.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** Replays traces of knowledge distillation: gamma · CE + alpha · T² · KL, and no further loss (`beta` is 0). */
export function kdTrace(trace: Trace): Replay | string {
  const { config } = trace;
  const [master, pupil] = [netOf(trace, "teacher"), netOf(trace, "student")];
  if (typeof master === "string") return master;
  if (typeof pupil === "string") return pupil;
  if (numberIn(config, "beta") !== 0) return "a further loss beside the divergence does not exist yet";
  const [gamma, alpha] = [numberIn(config, "gamma"), numberIn(config, "alpha")];
  const shared = Math.abs(gamma + alpha - 1) < 1e-9;
  const method = kd({ temperature: numberIn(config, "T"), weight: shared ? alpha : 0.5 });
  const sentence = teacher(master).student(pupil).use(method);
  return {
    sentence,
    graph: shared ? sentence.lower() : weighted(sentence.lower(), { "student/ce": gamma, "student/kd": alpha }),
    epoch: 1,
    prefixes: [["student/", "student/"], ["teacher/", "teacher/"]],
    optimizers: { student: Object.keys(trace.optimizers)[0]! },
    terms: (step) =>
      known({
        ce: unweighted(step, "student/ce"),
        kl: unweighted(step, "student/kd"),
        kd: 0,
        total: total(step),
      }),
    scores: (key) => (key === "student" || key === "teacher" ? { of: [key], as: "one" } : undefined),
  };
}

/** The graph with other weights: kd() has one share, w and 1 − w; the recorded loop has two factors. */
function weighted(graph: LossGraph, weights: Readonly<Record<string, number>>): LossGraph {
  return { ...graph, terms: graph.terms.map((term) => ({ ...term, weight: weights[term.name] ?? term.weight })) };
}
