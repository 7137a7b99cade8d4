/**
 * FFSD: common students, a fusion module, a leader, self-distillation modules.
 *
 * @module
 */

import type { Arch } from "../../../dsl/arch.ts";
import { cohort } from "../../../dsl/cohort.ts";
import { warmUp } from "../../../dsl/verbs/options.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import { weightIn } from "../../../runtime/train/schedule.ts";
import { netOf, type Replay, type Scores, type StepView, total } from "../adapter.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** Replays traces of FFSD. */
export function ffsdTrace(trace: Trace): Replay | string {
  const { config } = trace;
  const students = Object.keys(trace.nets).filter((name) => /^student\d+$/.test(name));
  const archs = [...students, "leader"].map((name) => netOf(trace, name));
  const missing = archs.find((arch) => typeof arch === "string");
  if (missing !== undefined) return missing as string;
  if (trace.nets["leader"]?.decoder !== true) return "a leader without decoder has no recorded words here";
  const lambdas = {
    diversity: warmUp(numberIn(config, "lambda_diversity")),
    fusion: warmUp(numberIn(config, "lambda_fusion")),
    self_distillation: warmUp(numberIn(config, "lambda_self_distillation")),
  };
  const sentence = cohort(archs as readonly Arch[]).leader().use(ffsd({
    temperature: numberIn(config, "temperature"),
    diversityWeight: lambdas.diversity,
    fusionWeight: lambdas.fusion,
    moduleWeight: lambdas.self_distillation,
    fusionWeightDecay: numberIn(config, "fusion_weight_decay"),
  }));
  const graph = sentence.lower();
  const epoch = numberIn(config, "epoch");
  return {
    sentence,
    graph,
    epoch,
    prefixes: [
      ["leader/trans_fusion_module.", "decoder/"],
      ...students.map((name, i) => [`${name}/`, `peer${i}/`] as const),
      ...["leader", ...graph.aux.map(({ id }) => id)].map((id) => [`${id}/`, `${id}/`] as const),
    ],
    optimizers: Object.fromEntries(graph.phases.flat().map((group) => [group, recordedName(group)])),
    terms: (step) => termsOf(step, students.length),
    scores: (key) => scoresOf(key, students.length),
    coefficients: Object.fromEntries(
      Object.entries(lambdas).map(([name, ramp]) => {
        const key = `effective_lambda_${name}`;
        return [key, [weightIn(ramp, epoch, {}), numberIn(config, key)] as const];
      }),
    ),
  };
}

/** `peer1/dml` is `student1/dml` there; everything else has the same name. */
function recordedName(name: string): string {
  return name.replace(/^peer(\d+)/, "student$1");
}

function termsOf(step: StepView, students: number): Record<string, number> {
  const terms: Record<string, number> = {};
  for (const [name, value] of Object.entries(step.terms)) terms[recordedName(name)] = value;
  for (const loss of ["diversity", "self_distillation"]) terms[`student0/${loss}`] = 0;
  const learners = [...Array.from({ length: students }, (_, i) => `peer${i}`), "fusion", "leader"];
  for (const learner of learners) {
    const own = Object.keys(step.terms).filter((name) => name.startsWith(`${learner}/`));
    terms[`${recordedName(learner)}/total`] = total(step, own);
  }
  return terms;
}

function scoresOf(key: string, students: number): Scores | undefined {
  if (key === "ensemble") return { of: Array.from({ length: students }, (_, i) => `peer${i}`), as: "mean" };
  const known = /^(student\d+|leader|fusion)$/.test(key);
  return known ? { of: [key.replace(/^student/, "peer")], as: "one" } : undefined;
}
