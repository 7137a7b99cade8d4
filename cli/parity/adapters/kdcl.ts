/**
 * KDCL: one target made of all nets, each with its own view of the images.
 *
 * @module
 */

import type { Arch } from "../../../dsl/arch.ts";
import { cohort } from "../../../dsl/cohort.ts";
import { choose, concat, greater, meanAll, minimum, mul, softmax, sub, sumPerSample } from "../../../dsl/expr.ts";
import type { LossGraph } from "../../../dsl/graph.ts";
import { crossEntropy } from "../../../dsl/losses.ts";
import { constant, labels, node, type Value } from "../../../dsl/value.ts";
import type { EnsembleTarget } from "../../../dsl/verbs/ensemble_target.ts";
import { kdcl, type KdclOptions } from "../../../methods/kdcl.ts";
import type { Numbers } from "../../../runtime/backend/backend.ts";
import { addsUp, known, netOf, type Replay, type StepView, total, unweighted } from "../adapter.ts";
import { findValue, type LossAdapter, lossOf, runs, shapeOf, tapsOnly, termOf } from "../loss_adapter.ts";
import type { LossFiles } from "../loss_format.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** Agreement of weights from covariances, which are quotients of differences of nearly equal numbers. */
const QUOTIENTS = 1e-6;

/** The recordings' names of the targets. */
const targets: Readonly<Record<string, EnsembleTarget>> = {
  naive: "naive",
  linear: "linear",
  minlogit: "minLogit",
  general: "general",
  mean: "mean",
};

/** Replays traces of KDCL; `"general"` measures on the batch there. */
export function kdclTrace(trace: Trace): Replay | string {
  const { config, method } = trace;
  const nets = Object.keys(trace.nets);
  const archs = nets.map((name) => netOf(trace, name));
  const missing = archs.find((arch) => typeof arch === "string");
  if (missing !== undefined) return missing as string;
  const target = targets[method.replace("KDCL-", "")];
  if (target === undefined) return `the target of ${method} does not exist yet`;
  const sentence = cohort(archs as readonly Arch[]).views("each").use(kdcl({
    ...said(target, numberIn(config, "T")),
    ...factors(config),
  }));
  const graph = sentence.lower();
  const peers = nets.map((_, i) => `peer${i}`);
  const shown = shownValues(graph, target);
  const factored = addsUp(trace, [`${nets[0]}_ce`, `${nets[0]}_kl`], `${nets[0]}_total`);
  return {
    sentence,
    graph: {
      ...graph,
      watches: [...graph.watches, ...Object.entries(shown).map(([name, value]) => ({ name, value }))],
    },
    epoch: 1,
    views: nets.length,
    prefixes: nets.map((name, i) => [`${name}/`, `peer${i}/`] as const),
    optimizers: Object.fromEntries(nets.map((name, i) => [`peer${i}`, name])),
    terms: (step) => termsOf(step, nets, factored),
    scores: (key) => (nets.includes(key) ? { of: [peers[nets.indexOf(key)]!], as: "one" } : undefined),
    // The public re-implementation computes its target inside its loss.
    tensors: target === "mean" ? [] : ["target"],
    ...(target === "naive" ? { decisions: (step) => ({ index: Array.from(step.values("watch/index")) }) } : {}),
    measurements: (step) => measurementsOf(step, target, nets.length),
    ...(target === "general" ? { exactness: QUOTIENTS } : {}),
  };
}

function said(target: EnsembleTarget, temperature: number): KdclOptions {
  return { target, temperature, ...(target === "general" ? { measureOn: "batch" } : {}) };
}

/** λ beside the cross-entropy, or the shares α and 1 − α. */
function factors(config: Trace["config"]): KdclOptions {
  if (config["alpha"] === undefined) return { weight: numberIn(config, "lam") };
  const alpha = numberIn(config, "alpha");
  return { weight: alpha, labelWeight: 1 - alpha };
}

/** Terms by the recording's names. Whether its divergence has the factor λ shows in its own sum. */
function termsOf(step: StepView, nets: readonly string[], factored: boolean): Record<string, number> {
  return known(Object.fromEntries(nets.flatMap((name, i): [string, number | undefined][] => {
    const [ce, kl] = [`peer${i}/ce`, `peer${i}/ensemble_kl`] as const;
    return [
      [`${name}_ce`, unweighted(step, ce)],
      [`${name}_kl`, factored ? step.terms[kl] : unweighted(step, kl)],
      [`${name}_total`, total(step, [ce, kl])],
    ];
  })));
}

/** The target, and what decided it. */
function shownValues(graph: LossGraph, target: EnsembleTarget): Readonly<Record<string, Value>> {
  const goal = termOf(graph, "peer0/ensemble_kl").loss.of[1]!;
  const weights = findValue(goal, ({ op }) => op === "weigh");
  const nets = graph.terms.filter(({ name }) => name.endsWith("/ce")).map(({ loss }) => loss.of[0] as Value<"logits">);
  return {
    target: goal,
    ...(weights === undefined ? {} : { weights }),
    ...(target === "naive" ? { index: bestIndex(nets) } : {}),
    ...(target === "general" ? covariance(nets) : {}),
  };
}

/** Position of the net with the least cross-entropy on each sample, of equal ones the first. */
function bestIndex(nets: readonly Value<"logits">[]): Value {
  const losses = nets.map((scores) => crossEntropy(scores));
  return losses.reduce<{ least: Value<"sample">; index: Value }>(({ least, index }, loss, i) => ({
    least: minimum(least, loss),
    index: choose(greater(least, loss), constant(i), index as Value<"scalar">),
  }), { least: losses[0]!, index: constant(0) }).index;
}

/** Every entry of the covariance of the nets' errors. */
function covariance(nets: readonly Value<"logits">[]): Readonly<Record<string, Value>> {
  const errors = nets.map((scores) => sub(softmax(scores), labels));
  return Object.fromEntries(
    errors.flatMap((a, i) => errors.map((b, j) => [`covariance ${i} ${j}`, meanAll(sumPerSample(mul(a, b)))])),
  );
}

function measurementsOf(step: StepView, target: EnsembleTarget, size: number): Readonly<Record<string, Numbers>> {
  const weights = step.values("watch/weights");
  if (target === "linear") return { alpha: weights };
  if (target !== "general") return {};
  const pairs = Array.from({ length: size * size }, (_, k) => `covariance ${Math.floor(k / size)} ${k % size}`);
  return { weights, error_correlation: Float64Array.from(pairs, (name) => step.watched(name)) };
}

/** Adapters of the loss cases: the terms of a sentence with recorded class scores in the place of nets. */
export const kdclLosses: Readonly<Record<string, LossAdapter>> = Object.fromEntries(
  Object.entries(targets).map(([name, target]) => [`KDCL_${name}`, (files) => lossesOf(files, target)]),
);

function lossesOf(files: LossFiles, target: EnsembleTarget): ReturnType<LossAdapter> {
  const { config, inputs } = files.recorded;
  const nets = inputs.filter((name) => /^z\d+$/.test(name));
  const arch = tapsOnly([1]);
  const sentence = cohort(nets.map((): Arch => arch)).use(
    kdcl({ ...said(target, numberIn(config, "T")), ...factors(config) }),
  );
  const graph = sentence.lower();
  const { target: goal, weights, index, ...covariances } = shownValues(graph, target);
  const temperature = numberIn(config, "T");
  return {
    losses: Object.fromEntries(graph.terms.map((term) => [term.name, lossOf(term)])),
    outputs: {
      target_logits: goal!,
      soft_target: softmax(goal!, temperature),
      ...(weights === undefined ? {} : { weights }),
      ...(index === undefined ? {} : { index }),
      ...(target === "general" ? { error_correlation: matrix(Object.values(covariances), nets.length) } : {}),
    },
    lists: { index: "index", alpha: "weights" },
    labels: "y",
    classes: shapeOf(files, nets[0]!)[1]!,
    standIn: (value) => nets.find((_, i) => runs(value, `peer${i}`, "logits")),
    ...(target === "general" ? { exactness: QUOTIENTS, closeness: 5e-4 } : {}),
  };
}

/** Numbers [] as one [m, m]. */
function matrix(entries: readonly Value[], size: number): Value {
  const cells = entries.map((entry) => node("reshape", "tensor", [entry], { shape: [1, 1] }));
  const rows = Array.from({ length: size }, (_, i) => concat(cells.slice(i * size, (i + 1) * size), 1));
  return concat(rows, 0);
}
