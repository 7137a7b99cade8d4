/**
 * OKDDip's attention and ONE's gates: the terms of their sentences, with recorded features in the place of nets.
 *
 * @module
 */

import { branches } from "../../../dsl/cohort.ts";
import { batchNorm, globalPool, type Layer, linear, relu } from "../../../dsl/layers.ts";
import type { LossGraph } from "../../../dsl/graph.ts";
import { concat } from "../../../dsl/expr.ts";
import { run, type Value } from "../../../dsl/value.ts";
import { okddip } from "../../../methods/okddip.ts";
import { one } from "../../../methods/one.ts";
import { reshape } from "../branched.ts";
import {
  findValue,
  type LossAdapter,
  type LossReplay,
  recordedInput,
  runs,
  shapeOf,
  tapsOnly,
  termOf,
} from "../loss_adapter.ts";
import type { LossFiles } from "../loss_format.ts";
import { EPSILON } from "../recorded_branches.ts";
import { ROUNDED_INPUTS } from "../rules.ts";
import { numberIn } from "../trace_format.ts";

/** Adapters of cases whose trainable layers are one recorded module, `head`. */
export const branchLosses: Readonly<Record<string, LossAdapter>> = {
  OKDDip_attention: (files) => {
    const head = headOf(files, "classifier3_");
    const count = head.features.length;
    const [width, size] = head.shape("query_weight.weight") as readonly [number, number];
    const options = { ...optionsOf(files), reduction: Math.floor(size / width) };
    const graph = branches(tapsOnly([1, size]), count, { from: "f0" }).leader().use(okddip(options)).lower();
    const peers = Array.from({ length: count - 1 }, (_, i) => `peer${i}`);
    const own = [...peers, "leader"];
    const fed = (value: Value): Value => head.fed(value, own);
    const targets = peers.map((id) => fed(targetOf(graph, `${id}/okddip`)));
    return {
      ...head.replay(graph, own, [["query_weight", [linear("query_weight", width, { bias: false })]], [
        "key_weight",
        [linear("key_weight", width, { bias: false })],
      ]]),
      outputs: {
        attention: concat(
          targets.map((target) =>
            reshape(findValue(target, ({ op }) => op === "slice")!.of[0]!, [head.batch, 1, count - 1])
          ),
        ),
        x_m: head.stacked(targets),
        peer_logits: head.stacked(peers.map((_, i) => head.scores(i))),
        leader_logits: head.scores(count - 1),
      },
    };
  },
  ONE_gate_okddip: (files) => {
    const { head, replay, mixed } = gateOf(files, "classifier3_", true);
    const scores = head.features.map((_, i) => head.scores(i));
    return { ...replay, outputs: { x_m: mixed, branch_logits: head.stacked(scores) } };
  },
  ONE_gate_original: (files) => {
    const { head, replay, mixed } = gateOf(files, "classfier3_", false);
    const scores = head.features.map((name, i) => [name.replace("f", "o"), head.scores(i)] as const);
    return { ...replay, outputs: { ...Object.fromEntries(scores), ensemble: mixed } };
  },
};

function gateOf(
  files: LossFiles,
  classifier: string,
  live: boolean,
): { readonly head: Head; readonly replay: LossReplay; readonly mixed: Value } {
  const head = headOf(files, classifier);
  const count = head.features.length;
  const [, shared = 1] = shapeOf(files, "x");
  const net = tapsOnly([shared, head.shape(`${head.first}.weight`)[1]!]);
  const graph = branches(net, count, { from: "f0" }).use(one({ ...optionsOf(files), live })).lower();
  const ids = head.features.map((_, i) => `peer${i}`);
  const layers = [globalPool, linear("control_v1", count), batchNorm("bn_v1"), relu];
  return {
    head,
    replay: head.replay(graph, ids, [["gate", layers]]),
    mixed: head.fed(graph.heads[0]!.logits, ids),
  };
}

function optionsOf({ recorded }: LossFiles): { temperature: number; weight: number; epsilon: number } {
  return { temperature: numberIn(recorded.config, "T"), weight: 1, epsilon: EPSILON };
}

function targetOf(graph: LossGraph, name: string): Value {
  return termOf(graph, name).loss.of[1]!.of[0]!;
}

type Part = readonly [spot: string, layers: readonly Layer[]];

/** The recorded module: pooling, classifiers, and what weighs them, each a stage that is run by itself. */
interface Head {
  readonly batch: number;
  /** Recorded features, one a branch. */
  readonly features: readonly string[];
  /** Name of the first branch's classifier. */
  readonly first: string;
  shape(tensor: string): readonly number[];
  /** Class scores of a branch. */
  scores(branch: number): Value<"logits">;
  /** Class scores side by side along a last axis. */
  stacked(scores: readonly Value[]): Value;
  /** A value with runs of these nets and of their modules by the recorded module. */
  fed(value: Value, nets: readonly string[]): Value;
  replay(graph: LossGraph, nets: readonly string[], parts: readonly Part[]): LossReplay;
}

function headOf({ recorded, tensors }: LossFiles, classifier: string): Head {
  const features = recorded.inputs.filter((name) => /^f\d+$/.test(name));
  const classifiers = features.map((name) => classifier + name.slice(1));
  const shape = (tensor: string): readonly number[] => tensors.get(`param/head/${tensor}`)!.shape;
  const classes = shape(`${classifiers[0]}.weight`)[0]!;
  const batch = tensors.get("in/y")!.shape[0]!;
  // Every stage but the first is entered at the spot before it, which the replay puts in front of each.
  const part = (spot: string, input: Value): Value<"tensor"> =>
    run("head", "tensor", { from: `to ${spot}`, to: spot, input });
  const pooled = (branch: number): Value => part("pooled", recordedInput(features[branch]!, "map"));
  const scores = (branch: number): Value<"logits"> => ({
    ...part(classifiers[branch]!, pooled(branch)),
    kind: "logits",
  });
  const fed = (value: Value, nets: readonly string[]): Value => {
    const branch = value.op === "run" ? nets.indexOf(String(value.attrs["net"])) : -1;
    if (branch >= 0 && runs(value, nets[branch]!, "logits")) return scores(branch);
    if (branch >= 0 && runs(value, nets[branch]!, "embedding")) return pooled(branch);
    if (branch >= 0) return recordedInput("x", "map");
    const of = value.of.map((source) => fed(source, nets));
    if (value.op !== "run") return { ...value, of };
    const module = String(value.attrs["net"]);
    return part(module === "gate" ? module : `${module}_weight`, of[0]!);
  };
  return {
    batch,
    features,
    first: classifiers[0]!,
    shape,
    scores,
    stacked: (values) => concat(values.map((value) => reshape(value, [batch, classes, 1])), 2),
    fed,
    replay: (graph, nets, parts) => ({
      losses: Object.fromEntries(graph.terms.map(({ name, loss }) => [name, { value: fed(loss, nets), factor: 1 }])),
      modules: [{
        id: "head",
        stages: [
          ["pooled", [globalPool]] as const,
          ...classifiers.map((name): Part => [name, [linear(name, "classes")]]),
          ...parts,
        ].flatMap(([spot, layers]) => [{ spot: `to ${spot}`, layers: [] }, { spot, layers }]),
      }],
      recordedAs: { head: "head" },
      labels: "y",
      classes,
      exactness: ROUNDED_INPUTS,
    }),
  };
}
