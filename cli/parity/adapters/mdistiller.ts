/**
 * Distillers as mdistiller runs them: a warm-up of the distillation loss, no further divergence.
 *
 * @module
 */

import { teacher } from "../../../dsl/cohort.ts";
import type { Method } from "../../../dsl/method.ts";
import { linearWarmUp } from "../../../dsl/verbs/options.ts";
import { dkd } from "../../../methods/dkd.ts";
import { reviewkd } from "../../../methods/reviewkd.ts";
import { netOf, type Replay, total } from "../adapter.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** Replays traces of DKD and ReviewKD. */
export function mdistillerTrace(trace: Trace): Replay | string {
  const { config } = trace;
  const [master, pupil] = [netOf(trace, "teacher"), netOf(trace, "student")];
  if (typeof master === "string") return master;
  if (typeof pupil === "string") return pupil;
  const method = trace.method === "DKD" ? decoupled(config) : reviewed(config);
  const sentence = teacher(master).student(pupil).use(method);
  return {
    sentence,
    graph: sentence.lower(),
    epoch: numberIn(config, "epoch"),
    prefixes: [["student/", "student/"], ["teacher/", "teacher/"], ["abfs/", "student_reviewkd/"]],
    optimizers: { student: Object.keys(trace.optimizers)[0]! },
    terms: (step) => ({
      ce: step.terms["student/ce"]!,
      kd: step.terms[`student/${method.name}`]!,
      total: total(step),
    }),
    scores: (key) => (key === "student" || key === "teacher" ? { of: [key], as: "one" } : undefined),
  };
}

function decoupled(config: Trace["config"]): Method {
  return dkd({
    temperature: numberIn(config, "T"),
    target: numberIn(config, "alpha"),
    others: numberIn(config, "beta"),
    weight: linearWarmUp(1, numberIn(config, "warmup")),
    ce: numberIn(config, "ce_weight"),
  }) as Method;
}

function reviewed(config: Trace["config"]): Method {
  const weight = linearWarmUp(numberIn(config, "reviewkd_weight"), numberIn(config, "warmup"));
  return reviewkd({ weight, ce: numberIn(config, "ce_weight") }) as Method;
}
