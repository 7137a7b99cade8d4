/**
 * SwitOKD's losses and modes, each with free inputs.
 *
 * @module
 */

import { teacher } from "../../../dsl/cohort.ts";
import { apply, mul, softmax, sumPerSample } from "../../../dsl/expr.ts";
import type { LossGraph } from "../../../dsl/graph.ts";
import { node, type Value } from "../../../dsl/value.ts";
import { switokd } from "../../../methods/switokd.ts";
import { type LossAdapter, lossOf, type LossReplay, recordedInput, runs, shapeOf, tapsOnly } from "../loss_adapter.ts";
import type { LossFiles } from "../loss_format.ts";
import { ROUNDED_INPUTS } from "../rules.ts";
import { numberIn } from "../trace_format.ts";

/** Adapters of SwitOKD's cases. */
export const switokdLosses: Readonly<Record<string, LossAdapter>> = {
  SwitOKD_student_loss: (files) => {
    const terms = graphOf(numberIn(files.recorded.config, "T")).terms.filter(({ name }) => name.startsWith("student/"));
    return {
      losses: Object.fromEntries(terms.map((term) => [term.name, lossOf(term)])),
      ...bound(files, { student: "s", teacher: "t" }),
    };
  },
  SwitOKD_entropy: () => {
    const scores = recordedInput("s", "logits");
    const logProbability = node("logSoftmax", "logits", [scores], { temperature: 1 });
    const value = apply("neg", sumPerSample(mul(softmax(scores), logProbability)));
    return { losses: { loss: { value, factor: 1 } } };
  },
  SwitOKD_switch: (files) => {
    const watched = Object.fromEntries(graphOf(1).watches.map(({ name, value }) => [name.split("/")[1]!, value]));
    return {
      losses: Object.fromEntries(
        Object.entries(watched).map(([name, value]) => [name, { value: value as Value<"scalar">, factor: 1 }]),
      ),
      scalars: {
        s_label: "student_error",
        t_label: "teacher_error",
        G: "gap",
        epsilon: "epsilon",
        delta: "threshold",
        mode: "expert",
      },
      words: { mode: (expert) => expert > 0 ? "expert" : "learning" },
      ...bound(files, { student: "student", teacher: "teacher" }),
      // A probability moves by what its score of up to 10 was rounded by, not by that relative to itself.
      exactness: 10 * ROUNDED_INPUTS,
    };
  },
};

function graphOf(temperature: number): LossGraph {
  const arch = tapsOnly([1]);
  return teacher(arch).student(arch).use(switokd({ temperature })).lower();
}

/** The recorded inputs that stand for the nets' class scores. */
function bound(
  files: LossFiles,
  inputs: Readonly<Record<string, string>>,
): Pick<LossReplay, "labels" | "classes" | "standIn"> {
  return {
    labels: "y",
    classes: shapeOf(files, inputs["student"]!)[1]!,
    standIn: (value) => Object.entries(inputs).find(([net]) => runs(value, net, "logits"))?.[1],
  };
}
