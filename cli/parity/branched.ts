/**
 * Recorded nets that branch: a shared trunk, branches with classifiers, and what weighs their class scores.
 *
 * @module
 */

import { type Arch, stageIndex } from "../../dsl/arch.ts";
import { add, concat, matmul, mul, slice, softmax } from "../../dsl/expr.ts";
import { batchNorm, globalPool, type Layer, linear, relu } from "../../dsl/layers.ts";
import { type Mode, node, run, type Value } from "../../dsl/value.ts";
import type { ModelCase } from "./model_format.ts";
import type { Model, ModelModule } from "./model_nets.ts";

/** How a code base calls its branches, the first of which has the number `from`. */
export interface BranchNames {
  readonly from: number;
  readonly classifier: string;
}

const okddip: BranchNames = { from: 0, classifier: "classifier3_" };
const one: BranchNames = { from: 1, classifier: "classfier3_" };

/** A net of `recorded.net.branches` branches of `base`, or the reason why it does not exist yet. */
export function branchedModel({ net, param_tensors, input, num_classes }: ModelCase, base: Arch): Model | string {
  const { branches = NaN, shared_through: spot = "" } = net;
  const has = (tensor: string): boolean => param_tensors[tensor] !== undefined;
  const names = branchNames(has);
  if (names === undefined || !(branches >= 2)) return "branches of other names do not exist yet";
  const cut = stageIndex(base.name, base.stages, spot) + 1;
  const same = (tensor: string): string => tensor;
  const modules: ModelModule[] = [
    { id: "trunk", stages: base.stages.slice(0, cut), recorded: same },
    ...Array.from({ length: branches }, (_, i) => ({
      id: `branch${i}`,
      stages: base.stages.slice(cut),
      recorded: (tensor: string) => branchName(tensor, names, i),
    })),
  ];
  const trunk = (mode: Mode): Value => run("trunk", "map", { to: spot, mode });
  const scores = (mode: Mode) => (i: number): Value =>
    run(`branch${i}`, "logits", { to: "logits", input: trunk(mode), mode });
  const [batch] = input;
  const column = (score: Value): Value => reshape(score, [batch, num_classes, 1]);
  if (has("control_v1.weight")) {
    modules.push(head("gate", [globalPool, linear("control_v1", branches), batchNorm("bn_v1"), relu]));
    const all = Array.from({ length: branches }, (_, i) => i);
    const mixed = (mode: Mode): Value => {
      const weights = softmax(run("gate", "vector", { to: "out", input: trunk(mode), mode }));
      return all.map((i) => mul(scores(mode)(i), slice(weights, 1, i, 1))).reduce((sum, part) => add(sum, part));
    };
    // One code base gives all branches in one tensor, the other one after the other.
    return {
      modules,
      output: names === okddip
        ? (name, mode) => name === "logits" ? concat(all.map(scores(mode)).map(column), 2) : mixed(mode)
        : (name, mode) => {
          const at = name === "logits" ? 0 : Number(name.replace("extra", "")) + 1;
          return at < branches ? scores(mode)(at) : mixed(mode);
        },
    };
  }
  if (!has("query_weight.weight")) return "branches that nothing weighs do not exist yet";
  const width = param_tensors["query_weight.weight"]![0]!;
  modules.push(head("query", [linear("query_weight", width, { bias: false })]));
  modules.push(head("key", [linear("key_weight", width, { bias: false })]));
  const peers = Array.from({ length: branches - 1 }, (_, i) => i);
  const rows = (module: string, mode: Mode): Value =>
    concat(
      peers.map((i) => {
        const features = run(`branch${i}`, "vector", { to: "embedding", input: trunk(mode), mode });
        return reshape(run(module, "vector", { to: "out", input: features, mode }), [batch, 1, width]);
      }),
      1,
    );
  return {
    modules,
    output: (name, mode) => {
      if (name === "extra1") return scores(mode)(branches - 1);
      const stacked = concat(peers.map(scores(mode)).map(column), 2);
      if (name === "logits") return stacked;
      const attention = softmax(matmul(rows("query", mode), rows("key", mode), { transposeB: true }));
      return matmul(stacked, attention, { transposeB: true });
    },
  };
}

/** The names that these tensors have; `undefined` if they are others. */
export function branchNames(has: (tensor: string) => boolean): BranchNames | undefined {
  return [okddip, one].find(({ from, classifier }) => has(`${classifier}${from}.weight`));
}

/** A module whose tensors have their recorded names. */
function head(id: string, layers: readonly Layer[]): ModelModule {
  return { id, stages: [{ spot: "out", layers }], recorded: (tensor) => tensor };
}

/** `layer3.0.conv1.weight` of branch 1 is `layer3_1.0.conv1.weight`; its classifier has another name. */
export function branchName(tensor: string, { from, classifier }: BranchNames, branch: number): string {
  const [first = "", ...rest] = tensor.split(".");
  return [first === "fc" ? `${classifier}${branch + from}` : `${first}_${branch + from}`, ...rest].join(".");
}

/** The same elements in another shape. */
export function reshape(x: Value, shape: readonly number[]): Value<"tensor"> {
  return node("reshape", "tensor", [x], { shape });
}
