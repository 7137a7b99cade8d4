/**
 * Losses of distillers: the term of a sentence, with recorded values in the place of nets.
 *
 * @module
 */

import type { Arch } from "../../../dsl/arch.ts";
import { teacher } from "../../../dsl/cohort.ts";
import { flatten, normalize } from "../../../dsl/expr.ts";
import type { LossGraph } from "../../../dsl/graph.ts";
import { attentionMap } from "../../../dsl/losses.ts";
import type { Method } from "../../../dsl/method.ts";
import type { Value } from "../../../dsl/value.ts";
import { at } from "../../../methods/at.ts";
import { cc } from "../../../methods/cc.ts";
import { dkd } from "../../../methods/dkd.ts";
import { fitnet } from "../../../methods/fitnet.ts";
import { nst } from "../../../methods/nst.ts";
import { pkt } from "../../../methods/pkt.ts";
import { hclLoss } from "../../../methods/reviewkd.ts";
import { rkd } from "../../../methods/rkd.ts";
import { sp } from "../../../methods/sp.ts";
import { vid } from "../../../methods/vid.ts";
import {
  findValue,
  type LossAdapter,
  type LossReplay,
  recordedInput,
  runs,
  shapeOf,
  tapsOnly,
} from "../loss_adapter.ts";
import type { LossFiles } from "../loss_format.ts";
import { ROUNDED_INPUTS } from "../rules.ts";
import { numberIn } from "../trace_format.ts";

/** Errors of differences of nearly equal numbers: against float64, and of a float32 backend. */
const SMALL_DIFFERENCES = { exactness: 1e-6, closeness: 2e-4 } as const;

/** Adapters of distillers' cases. */
export const zooLosses: Readonly<Record<string, LossAdapter>> = {
  AT: (files) => ({
    ...distilled(files, at({ at: ["f0"] })),
    outputs: Object.fromEntries(
      ["s", "t"].map((name) => [`map_${name}`, normalize(flatten(attentionMap(recordedInput(name, "map"))), [1])]),
    ),
  }),
  SP: (files) => distilled(files, sp({ at: ["f0"] })),
  NST: (files) => distilled(files, nst({ at: ["f0"] })),
  RKD: relations,
  RKD_distance: relations,
  RKD_angle: relations,
  PKT: (files) => ({ ...distilled(files, pkt()), ...SMALL_DIFFERENCES }),
  CC: (files) =>
    distilled(files, cc({ width: numberIn(files.recorded.config, "feat_dim") }), {
      student_cc_student: "embed_s",
      student_cc_teacher: "embed_t",
    }),
  FitNet: (files) => {
    const replay = distilled(files, fitnet({ at: ["f0"] }), { student_fitnet: "regress_s" });
    const regressed = findValue(replay.losses["loss"]!.value, (value) => value.attrs["net"] === "student_fitnet")!;
    return { ...replay, outputs: { regressed } };
  },
  VID: (files) => ({
    ...distilled(files, vid({ variance: numberIn(files.recorded.config, "init_pred_var"), at: ["f0"] }), {
      student_vid: "vid",
    }),
    exactness: ROUNDED_INPUTS,
  }),
  ReviewKD_hcl: hierarchical,
  DKD: (files) => {
    const [temperature, target, others] = ["T", "alpha", "beta"].map((name) => numberIn(files.recorded.config, name));
    const method = dkd({ temperature: temperature!, target: target!, others: others! });
    return { ...distilled(files, method), labels: "y", classes: shapeOf(files, "s")[1]! };
  },
};

/** The sum over recorded levels s0, t0, s1, t1, … */
function hierarchical({ recorded }: LossFiles): LossReplay {
  const levels = recorded.inputs.filter((name) => /^s\d+$/.test(name)).map((name) => name.slice(1));
  const losses = levels.map((level) => {
    const value = hclLoss(recordedInput(`s${level}`, "map"), recordedInput(`t${level}`, "map"));
    return [`level${level}`, { value, factor: 1 }] as const;
  });
  return { losses: Object.fromEntries(losses) };
}

function relations(files: LossFiles): LossReplay {
  const [distance, angle] = ["w_d", "w_a"].map((name) => numberIn(files.recorded.config, name));
  return { ...distilled(files, rkd({ distance: distance!, angle: angle! })), ...SMALL_DIFFERENCES };
}

/** The one term of a distiller between nets whose spot f0, embedding or class scores are the recorded s and t. */
export function distilled(
  files: LossFiles,
  method: Method,
  recordedAs: Readonly<Record<string, string>> = {},
): LossReplay {
  const graph: LossGraph = teacher(netOf(files, "t", "teacher")).student(netOf(files, "s", "student")).use(method)
    .lower();
  const { loss } = graph.terms.find(({ name }) => name !== "student/ce")!;
  return {
    losses: { loss: { value: loss, factor: 1 } },
    modules: graph.aux,
    recordedAs,
    spots: { teacher: { f0: shapeOf(files, "t") } },
    standIn: (value) => (reads(value, "student") ? "s" : reads(value, "teacher") ? "t" : undefined),
  };
}

function netOf(files: LossFiles, input: string, name: string): Arch {
  return { ...tapsOnly([shapeOf(files, input)[1]!]), name };
}

function reads(value: Value, net: string): boolean {
  return ["f0", "embedding", "logits"].some((spot) => runs(value, net, spot));
}
