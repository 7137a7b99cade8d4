/**
 * A net that learns from the labels alone.
 *
 * @module
 */

import { solo } from "../../../dsl/cohort.ts";
import { vanilla } from "../../../methods/vanilla.ts";
import { netOf, type Replay, total } from "../adapter.ts";
import type { Trace } from "../trace_format.ts";

/** Replays traces of plain training. */
export function vanillaTrace(trace: Trace): Replay | string {
  const arch = netOf(trace, "student");
  if (typeof arch === "string") return arch;
  const sentence = solo(arch).use(vanilla());
  return {
    sentence,
    graph: sentence.lower(),
    epoch: 1,
    prefixes: [["student/", "student/"]],
    optimizers: { student: Object.keys(trace.optimizers)[0]! },
    terms: (step) => ({ total: total(step) }),
    scores: (key) => (key === "student" ? { of: ["student"], as: "one" } : undefined),
  };
}
