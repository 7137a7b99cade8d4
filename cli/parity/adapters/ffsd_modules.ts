/**
 * FFSD's modules with their losses: the terms of its sentence, with recorded maps in the place of nets.
 *
 * @module
 */

import { cohort } from "../../../dsl/cohort.ts";
import type { LossGraph } from "../../../dsl/graph.ts";
import type { Value } from "../../../dsl/value.ts";
import { ffsd, type FfsdOptions } from "../../../methods/ffsd.ts";
import type { Plan } from "../../../runtime/compile/resolve.ts";
import {
  findValue,
  type LossAdapter,
  lossOf,
  type LossReplay,
  runs,
  shapeOf,
  tapsOnly,
  termOf,
} from "../loss_adapter.ts";
import type { LossFiles } from "../loss_format.ts";
import { ROUNDED_INPUTS } from "../rules.ts";
import { numberIn } from "../trace_format.ts";

/** Adapters of the modules' cases. */
export const ffsdModules: Readonly<Record<string, LossAdapter>> = {
  self_distillation_loss: (files) => {
    const levels = levelsOf(files);
    const graph = lowered(levels.map((name) => shapeOf(files, name)[1]!));
    return {
      losses: { loss: unit(graph, "leader/self_distillation") },
      ...moduleOf(graph, "sd_leader", "sd"),
      spots: spotsOf(files, levels),
      standIn: (value) => (runs(value, "fusion", "map") ? "input" : levelOf(value, levels)),
    };
  },
  train_self_distillation: (files) => {
    const levels = levelsOf(files);
    const moduleWeight = numberIn(files.recorded.config, "lambda_self_distillation");
    const graph = lowered(levels.map((name) => shapeOf(files, name)[1]!), { moduleWeight });
    return {
      losses: {
        feature: lossOf(termOf(graph, "sd_leader/feature")),
        attention: lossOf(termOf(graph, "sd_leader/attention")),
      },
      scalars: { feature: "feature", attention: "attention" },
      ...moduleOf(graph, "sd_leader", "sd"),
      spots: spotsOf(files, levels),
      standIn: (value) => levelOf(value, levels),
    };
  },
  fusion_module: (files) => {
    const students = numberIn(files.recorded.config, "model_num");
    const temperature = numberIn(files.recorded.config, "T");
    const graph = lowered([shapeOf(files, "x")[1]! / students], { temperature }, students);
    const divergence = termOf(graph, "fusion/ensemble_kl");
    const target = divergence.loss.of[1];
    const scores = graph.heads[0]!.logits;
    return {
      losses: { ce: lossOf(termOf(graph, "fusion/ce")), kl: lossOf(divergence) },
      outputs: { logits: scores, tap: { ...scores, kind: "map", attrs: { ...scores.attrs, to: "map" } } },
      ...moduleOf(graph, "fusion", "fusion"),
      labels: "y",
      classes: shapeOf(files, "ensemble")[1]!,
      standIn: (value) => (value === target ? "ensemble" : value.op === "concat" ? "x" : undefined),
    };
  },
  trans_fusion: (files) => {
    const students = numberIn(files.recorded.config, "model_num");
    const graph = lowered([shapeOf(files, "x")[1]!], {}, students);
    const loss = unit(graph, "leader/trans_fusion");
    return {
      losses: { loss },
      outputs: { output: findValue(loss.value, (value) => runs(value, "decoder", "map"))! },
      ...moduleOf(graph, "decoder", "trans"),
      standIn: (value) => (value.op === "concat" ? "target" : runs(value, "leader", "f0") ? "x" : undefined),
    };
  },
};

/** FFSD's loss graph over nets with these channels; self-distillation needs two spots and is left out of one. */
function lowered(channels: readonly number[], options: FfsdOptions = {}, students = 2): LossGraph {
  const selfDistillation = channels.length > 1 ? "all" : "none";
  return cohort(tapsOnly(channels), students + 1).leader().use(ffsd({ selfDistillation, ...options })).lower();
}

/** A term without its weight. */
function unit(graph: LossGraph, name: string): { readonly value: Value; readonly factor: number } {
  return { value: termOf(graph, name).loss, factor: 1 };
}

function moduleOf(
  graph: LossGraph,
  id: string,
  recorded: string,
): Pick<LossReplay, "modules" | "recordedAs" | "exactness"> {
  return {
    exactness: ROUNDED_INPUTS,
    modules: graph.aux.filter((module) => module.id === id),
    recordedAs: { [id]: recorded },
  };
}

/** Recorded maps f0, f1, …, shallow first. */
function levelsOf({ recorded }: LossFiles): readonly string[] {
  return recorded.inputs.filter((name) => /^f\d+$/.test(name)).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
}

function levelOf(value: Value, levels: readonly string[]): string | undefined {
  return levels.find((name) => runs(value, "leader", name));
}

function spotsOf(files: LossFiles, levels: readonly string[]): Plan["spots"] {
  return { leader: Object.fromEntries(levels.map((name) => [name, shapeOf(files, name)])) };
}
