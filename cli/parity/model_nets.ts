/**
 * Recorded nets as modules that can be run, with their authors' names for tensors and maps.
 *
 * @module
 */

import type { Arch, Stage } from "../../dsl/arch.ts";
import { cohort } from "../../dsl/cohort.ts";
import { type Mode, run, type Value } from "../../dsl/value.ts";
import { ffsd } from "../../methods/ffsd.ts";
import { archOf, featureOf } from "./adapter.ts";
import { branchedModel } from "./branched.ts";
import type { ModelCase } from "./model_format.ts";
import type { RecordedNet } from "./trace_format.ts";

/** A net, or a part of one, that is run by itself. */
export interface ModelModule {
  readonly id: string;
  readonly stages: readonly Stage[];
  /** The authors' name of a tensor. */
  readonly recorded: (tensor: string) => string;
}

/** A recorded net. */
export interface Model {
  readonly modules: readonly ModelModule[];
  /** What the authors call `logits`, or a tap by their name. */
  readonly output: (name: string, mode: Mode) => Value;
}

/** The net of a case, or the reason why it does not exist yet. */
export function modelOf(recorded: ModelCase): Model | string {
  const { net, param_tensors } = recorded;
  if (net.family === "branched" && net.base !== undefined) {
    const base = archOf(withBlocks(net.base, param_tensors));
    return typeof base === "string" ? base : branchedModel(recorded, base);
  }
  const arch = archOf(withBlocks(net, param_tensors));
  if (typeof arch === "string") return arch;
  const own: ModelModule = { id: "net", stages: arch.stages, recorded: (tensor) => tensor };
  if (net.decoder !== true) return { modules: [own], output: (name, mode) => outputOf(arch, name, mode) };
  // Its output has the channels of all common students together.
  const wide = param_tensors["trans_fusion_module.conv1_1.weight"];
  const students = wide === undefined ? NaN : wide[0]! / wide[1]!;
  if (!(Number.isInteger(students) && students >= 2)) return "a decoder that mixes other channels does not exist yet";
  const { aux } = cohort(arch, students + 1).leader().use(ffsd()).lower();
  const { stages } = aux.find(({ id }) => id === "decoder")!;
  const decoder = { id: "decoder", stages, recorded: (tensor: string) => `trans_fusion_module.${tensor}` };
  return {
    modules: [own, decoder],
    output: (name, mode) => {
      if (name !== "extra0") return outputOf(arch, name, mode);
      const deepest = run("net", "map", { to: arch.spots.at(-1)!, mode });
      return run("decoder", "map", { to: "map", input: deepest, mode });
    },
  };
}

/**
 * The net with what only the names of its tensors tell: OKDDip's ResNet-110 is recorded without a word for its
 * bottlenecks.
 */
export function withBlocks(net: RecordedNet, tensors: ModelCase["param_tensors"]): RecordedNet {
  if (net.family === "densenet" && net.bottleneck === undefined) {
    return { ...net, bottleneck: tensors["dense1.0.conv2.weight"] !== undefined };
  }
  if (net.family !== "resnet" || net.block !== undefined || tensors["layer1.0.conv3.weight"] === undefined) return net;
  const blocks = new Set(Object.keys(tensors).flatMap((name) => /^layer1\.(\d+)\./.exec(name)?.[1] ?? []));
  return { ...net, block: "bottleneck", blocks: blocks.size };
}

function outputOf(arch: Arch, name: string, mode: Mode): Value {
  return name === "logits" ? run("net", "logits", { mode }) : run("net", "tensor", { to: spotOf(arch, name), mode });
}

/**
 * A spot by its own name, which FFSD's hooks for large images end with the device, or by its number in the list of the
 * others: stem, spots, embedding.
 */
function spotOf(arch: Arch, tap: string): string {
  const number = /^f(\d+)$/.exec(tap)?.[1];
  if (number === undefined) return tap.replace(/cpu$/, "");
  return featureOf(arch, Number(number)) ?? tap;
}
