/**
 * A student of a frozen teacher.
 *
 * @module
 */

import { teacher } from "../../../dsl/cohort.ts";
import { kd } from "../../../methods/kd.ts";
import { known, netOf, type Replay, total, unweighted } from "../adapter.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** Replays traces of knowledge distillation: gamma · CE + alpha · T² · KL; what `beta` multiplies is always 0. */
export function kdTrace(trace: Trace): Replay | string {
  const { config } = trace;
  const [master, pupil] = [netOf(trace, "teacher"), netOf(trace, "student")];
  if (typeof master === "string") return master;
  if (typeof pupil === "string") return pupil;
  const method = kd({
    temperature: numberIn(config, "T"),
    weight: numberIn(config, "alpha"),
    ce: numberIn(config, "gamma"),
  });
  const sentence = teacher(master).student(pupil).use(method);
  return {
    sentence,
    graph: sentence.lower(),
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
