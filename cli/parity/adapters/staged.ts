/**
 * Losses of distillers that have an initial stage.
 *
 * @module
 */

import { teacher } from "../../../dsl/cohort.ts";
import { connector } from "../../../dsl/connectors.ts";
import { mul, perSample, square, sub } from "../../../dsl/expr.ts";
import { batchNorm } from "../../../dsl/layers.ts";
import { run, stop, type Value } from "../../../dsl/value.ts";
import { abLoss } from "../../../methods/ab.ts";
import { fspLoss } from "../../../methods/fsp.ts";
import { ft } from "../../../methods/ft.ts";
import { findValue, type LossAdapter, type LossReplay, recordedInput, shapeOf, tapsOnly } from "../loss_adapter.ts";
import { tensorOf } from "../files.ts";
import type { LossFiles } from "../loss_format.ts";
import { numberIn } from "../trace_format.ts";
import { distilled } from "./zoo.ts";

/** Adapters of their cases. */
export const stagedLosses: Readonly<Record<string, LossAdapter>> = {
  AB: boundaries,
  FSP: (files) => {
    const map = (name: string): Value<"map"> => recordedInput(name, "map");
    const flows = levelsOf(files).slice(1).map((level) =>
      fspLoss([map(`s${level - 1}`), map(`s${level}`)], [stop(map(`t${level - 1}`)), stop(map(`t${level}`))])
    );
    return summed(flows);
  },
  FT: (files) => {
    const share = numberIn(files.recorded.config, "k");
    const replay = distilled(files, ft({ share, at: ["f0"] }), {
      student_ft: "translator",
      student_ft_paraphraser: "paraphraser",
    });
    const factor = (net: string): Value =>
      findValue(replay.losses["loss"]!.value, (value) => value.op === "run" && value.attrs["net"] === net)!;
    return { ...replay, outputs: { factor_s: factor("student_ft"), factor_t: factor("student_ft_paraphraser") } };
  },
  FT_paraphraser: (files) => {
    const channels = shapeOf(files, "t")[1]!;
    const arch = tapsOnly([channels]);
    // Its configuration does not say what share of the channels a factor has.
    const [factor = NaN] = tensorOf(files.tensors, "param/paraphraser/encoder.3.weight").shape;
    const method = ft<"f0">({ share: Math.min(1, (factor + 0.5) / channels), at: ["f0"] });
    const { aux } = teacher(arch).student({ ...arch, name: "student" }).use(method).lower();
    const map = recordedInput("t", "map");
    // The recording asks for the gradient of what is paraphrased, not of the target.
    const made = run("student_ft_paraphraser", "map", { to: "map", input: map });
    return {
      losses: { loss: { value: perSample(square(sub(made, stop(map)))), factor: 1 } },
      modules: aux.filter(({ id }) => id === "student_ft_paraphraser"),
      recordedAs: { student_ft_paraphraser: "paraphraser" },
    };
  },
};

/** Every level's boundary loss; a connector stands where maps differ in shape. */
function boundaries(files: LossFiles): LossReplay {
  const levels = levelsOf(files);
  const margin = numberIn(files.recorded.config, "margin");
  const stages = levels.map((level) => ({
    spot: `map${level}`,
    layers: [
      connector(`connectors.${level}.conv`, shapeOf(files, `t${level}`)[1]!, { net: "teacher", spot: `f${level}` }),
      batchNorm(`connectors.${level}.bn`),
    ],
  }));
  const losses = levels.map((level): Value => {
    const [source, target] = [recordedInput(`s${level}`, "map"), stop(recordedInput(`t${level}`, "map"))];
    const same = shapeOf(files, `s${level}`).join() === shapeOf(files, `t${level}`).join();
    const from = level === 0 ? {} : { from: `map${level - 1}` };
    const made = same ? source : run("connector", "map", { ...from, to: `map${level}`, input: source });
    return mul(abLoss(made, target, margin), 0.003 * 2 ** (level - levels.length + 1));
  });
  return {
    ...summed(losses),
    modules: [{ id: "connector", stages }],
    recordedAs: { connector: "connector" },
    spots: { teacher: Object.fromEntries(levels.map((level) => [`f${level}`, shapeOf(files, `t${level}`)])) },
  };
}

function summed(values: readonly Value[]): LossReplay {
  return {
    losses: Object.fromEntries(values.map((value, i) => [`term${i}`, { value, factor: 1 }])),
    scalars: Object.fromEntries(values.map((_, i) => [`term${i}`, `term${i}`])),
  };
}

/** Numbers of the recorded levels s0, s1, … */
function levelsOf({ recorded }: LossFiles): readonly number[] {
  return recorded.inputs.flatMap((name) => /^s(\d+)$/.exec(name)?.[1] ?? []).map(Number);
}
