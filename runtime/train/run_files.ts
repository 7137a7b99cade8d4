/**
 * What a run leaves in its folder.
 *
 * @module
 */

import type { Spec } from "../../dsl/spec.ts";
import type { Compiled } from "../compile/compile.ts";
import { RunFolder } from "./run_folder.ts";
import { encodeTensors, type NamedTensor } from "./safetensors.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Trainable, TrainRunOptions } from "./train.ts";

/** The folder of a run: a new one, or that of the checkpoint to resume from; `undefined` where nothing is written. */
export async function openFolder(pipeline: Trainable, options: TrainRunOptions): Promise<RunFolder | undefined> {
  if (options.runs === false) return undefined;
  if (typeof options.resume === "string") return RunFolder.existing(options.resume.replace(/\/?[^/]*$/, "") || ".");
  const arch = [...new Set(pipeline.spec.nets.map((net) => net.arch))].join("+");
  const roles = pipeline.spec.clauses.map((clause) => clause.method?.name ?? clause.verb);
  const name = options.name ?? [...new Set(roles), arch, pipeline.spec.dataset?.kind ?? "data"].join("-");
  return await RunFolder.create(options.runs ?? "runs", name);
}

/** Writes the weights of the nets to deploy, and of those that only a stage trained. */
export async function writeWeights(
  folder: RunFolder,
  compiled: Compiled,
  snapshot: Snapshot,
  spec: Spec,
  learners: ReadonlySet<string>,
  files: Record<string, string>,
): Promise<void> {
  // A net that a stage trained and the main training only reads is worth keeping for the next run.
  const pretrained = compiled.plan.modules.flatMap(({ id, kind, learns }) =>
    kind === "net" && !learns && learners.has(id) ? [id] : []
  );
  for (const net of new Set([...deployed(spec), ...pretrained])) {
    const module = compiled.plan.modules.find((candidate) => candidate.id === net);
    if (module === undefined || !(module.learns || learners.has(net))) continue;
    const metadata = {
      format: "pt",
      net,
      arch: spec.nets.find((candidate) => candidate.id === net)!.arch,
      classes: String(compiled.plan.classes),
      shape: compiled.plan.shape.join("x"),
    };
    const bytes = encodeTensors({ tensors: weightsOf(snapshot, net), metadata });
    files[net] = await folder.write(`${net}.safetensors`, bytes);
  }
}

/** Nets worth deploying: the leader, else the student, else every peer. */
export function deployed(spec: Spec): readonly string[] {
  for (const role of ["leader", "student", "peer"] as const) {
    const found = spec.nets.filter((net) => net.role === role).map((net) => net.id);
    if (found.length > 0) return found;
  }
  return spec.nets.map((net) => net.id);
}

/** Weights and running statistics of one net, under PyTorch's names; of a branch with those of its trunk. */
export function weightsOf({ tensors, position }: Snapshot, net: string): Readonly<Record<string, NamedTensor>> {
  const trunk = position.graph.trunks?.find(({ nets }) => nets.includes(net));
  const owners = trunk === undefined ? [net] : [trunk.id, net];
  return Object.fromEntries(
    owners.flatMap((owner) =>
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(`${owner}/`) && !name.includes("#"))
        .map(([name, tensor]) => [name.slice(owner.length + 1), { ...tensor, data: Float32Array.from(tensor.data) }])
    ),
  );
}
