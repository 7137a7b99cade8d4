/**
 * Builds a recorded net, runs it, and compares everything that was recorded of it.
 *
 * @module
 */

import type { Arch, Stage } from "../../dsl/arch.ts";
import { cohort } from "../../dsl/cohort.ts";
import type { Layer } from "../../dsl/layers.ts";
import { run, type Value } from "../../dsl/value.ts";
import { ffsd } from "../../methods/ffsd.ts";
import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import { compileProbe, type Probe, type ProbeInput } from "../../runtime/compile/probe.ts";
import { type Shape, sizeOf } from "../../runtime/ir/node.ts";
import { archOf } from "./adapter.ts";
import { tensorOf } from "./files.ts";
import { type CheckSums, checkSums, fill, initialTensor, sumsError } from "./formula.ts";
import type { ModelCase, ModelFiles, RecordedTap } from "./model_format.ts";
import { type ProbeResult, runProbe } from "./probe.ts";
import { largestError, type Outcome, Report } from "./report.ts";
import { FIRST, REGENERATED } from "./rules.ts";
import type { RecordedNet } from "./trace_format.ts";

/** Runs a recorded net on a backend. */
export async function compareModel(files: ModelFiles, backend: Backend): Promise<Outcome> {
  const { recorded } = files;
  const built = netOf(recorded);
  if (typeof built === "string") return { state: "TODO", reason: built };
  const report = new Report();
  const probe = compileProbe(probeOf(recorded, built, "eval"));
  const state = compareStructure(recorded, built, probe, report);
  if (recorded.eval_taps === undefined) {
    for (const [tap, shape] of Object.entries(recorded.tap_shapes ?? {})) {
      report.same(`shape of ${tap}`, probe.shapes[`output/${tap}`], shape);
    }
  } else await compareRuns(files, built, state, report, backend);
  return report.outcome();
}

/** A net with what hangs on it. */
interface Built {
  readonly arch: Arch;
  /** The net and, for FFSD's leaders, its decoder; names of tensors begin with these words. */
  readonly modules: readonly { readonly id: string; readonly recorded: string; readonly stages: readonly Stage[] }[];
}

function netOf({ net, param_tensors }: ModelCase): Built | string {
  const arch = archOf(withBlocks(net, param_tensors));
  if (typeof arch === "string") return arch;
  const own = { id: "net", recorded: "", stages: arch.stages };
  if (net.decoder !== true) return { arch, modules: [own] };
  // Its output has the channels of all common students together.
  const wide = param_tensors["trans_fusion_module.conv1_1.weight"];
  const students = wide === undefined ? NaN : wide[0]! / wide[1]!;
  if (!(Number.isInteger(students) && students >= 2)) return "a decoder that mixes other channels does not exist yet";
  const { aux } = cohort(arch, students + 1).leader().use(ffsd()).lower();
  const { stages } = aux.find(({ id }) => id === "decoder")!;
  return { arch, modules: [own, { id: "decoder", recorded: "trans_fusion_module.", stages }] };
}

/**
 * The net with its residual block, where only the names of its tensors tell: OKDDip's ResNet-110 is recorded without a
 * word for its bottlenecks.
 */
function withBlocks(net: RecordedNet, tensors: ModelCase["param_tensors"]): RecordedNet {
  if (net.family !== "resnet" || net.block !== undefined || tensors["layer1.0.conv3.weight"] === undefined) return net;
  const blocks = new Set(Object.keys(tensors).flatMap((name) => /^layer1\.(\d+)\./.exec(name)?.[1] ?? []));
  return { ...net, block: "bottleneck", blocks: blocks.size };
}

function probeOf(recorded: ModelCase, { arch, modules }: Built, mode: "train" | "eval"): ProbeInput {
  const [batch, ...shape] = recorded.input;
  const deepest = run("net", "map", { to: arch.spots.at(-1)!, mode });
  const outputs: Record<string, Value> = { logits: run("net", "logits", { mode }) };
  for (const name of Object.keys(recorded.eval_taps ?? recorded.tap_shapes ?? {})) {
    outputs[name] = name === "extra0"
      ? run("decoder", "map", { to: "map", input: deepest, mode })
      : run("net", "tensor", { to: spotOf(arch, name), mode });
  }
  return { modules, inputs: {}, classes: recorded.num_classes, batch, shape, outputs };
}

/** A spot by its own name, or by its number in the authors' list: stem, spots, embedding. */
function spotOf(arch: Arch, tap: string): string {
  const number = /^f(\d+)$/.exec(tap)?.[1];
  const listed = arch.stages.map(({ spot }) => spot).filter((spot) => spot !== "logits");
  return number === undefined ? tap : listed[Number(number)] ?? tap;
}

function recordedName({ modules }: Built, name: string): string {
  const slash = name.indexOf("/");
  return modules.find(({ id }) => id === name.slice(0, slash))!.recorded + name.slice(slash + 1);
}

/** Compares names, shapes, counts, momenta and regenerated tensors; returns the tensors. */
function compareStructure(
  recorded: ModelCase,
  built: Built,
  probe: Probe,
  report: Report,
): ReadonlyMap<string, Float32Array> {
  const shapes = (kind: string): Record<string, Shape> =>
    Object.fromEntries(
      probe.parameters.filter((entry) => entry.kind === kind).map((
        { name, shape },
      ) => [recordedName(built, name), shape]),
    );
  const count = (of: Record<string, Shape>): number => Object.values(of).reduce((sum, shape) => sum + sizeOf(shape), 0);
  const [parameters, buffers] = [shapes("parameter"), shapes("buffer")];
  report.same("parameters", count(parameters), recorded.params);
  report.same("running statistics", count(buffers), recorded.buffers);
  report.same(
    "momenta",
    momenta(built),
    Object.fromEntries(
      Object.entries(recorded.modules).filter(([, { momentum }]) => momentum !== undefined).map((
        [name, { momentum }],
      ) => [name, momentum]),
    ),
  );
  for (const [name, shape] of Object.entries(recorded.param_tensors)) {
    report.same(`shape of ${name}`, parameters[name], shape);
    delete parameters[name];
  }
  for (const name of Object.keys(parameters)) report.fail(`tensor ${name} is not in the recording`);
  const state = new Map<string, Float32Array>();
  if (recorded.eval_taps === undefined) return state;
  for (const { name, shape } of probe.parameters) {
    const full = `${recorded.name}/${recordedName(built, name)}`;
    const values = initialTensor(recorded.init_seed, full, { shape });
    const sums = recorded.init_check[full];
    if (sums === undefined) report.fail(`tensor ${full} has no check sums in the recording`);
    else report.add(`initial ${full}`, sumsError(checkSums(values), named(sums), values.length), REGENERATED);
    state.set(name, values);
  }
  return state;
}

/** Momenta other than 0.1 of all batch norms, by name. */
function momenta({ modules }: Built): Record<string, number> {
  const found: Record<string, number> = {};
  const visit = (layer: Layer, prefix: string): void => {
    if (layer.kind === "batchNorm" && layer.momentum !== 0.1) found[prefix + layer.name] = layer.momentum;
    if (layer.kind === "sum" || layer.kind === "join") layer.branches.flat().forEach((inner) => visit(inner, prefix));
  };
  for (const { stages, recorded } of modules) {
    for (const { layers } of stages) for (const layer of layers) visit(layer, recorded);
  }
  return found;
}

/** Runs the net with running statistics, with batch statistics, and once more with the new running statistics. */
async function compareRuns(
  { recorded, tensors }: ModelFiles,
  built: Built,
  initial: ReadonlyMap<string, Numbers>,
  report: Report,
  backend: Backend,
): Promise<void> {
  const size = sizeOf(recorded.input);
  const images = { "images/0": fill(recorded.input_key, size, recorded.input_bound, 0) };
  const first = FIRST[backend.name];
  const evaluated = Math.max(1e-5, backend.precision === "float64" ? 0 : first);
  // Maps of 2 × 2 with a batch of 4 make batch statistics of 16 numbers.
  const trained = recorded.net.family.startsWith("mobilenet") ? 5e-4 : 1e-4;
  const logits = (what: string, mine: Numbers | undefined, tolerance: number): void => {
    const { data } = tensorOf(tensors, `${recorded.name}/${what}`);
    report.add(what, mine === undefined ? NaN : largestError(mine, data), tolerance);
  };
  const before = await runProbe(probeOf(recorded, built, "eval"), images, initial, backend);
  logits("eval_logits", before.outputs.get("output/logits"), evaluated);
  compareTaps("eval", recorded.eval_taps!, before, report, evaluated);
  const middle = await runProbe(probeOf(recorded, built, "train"), images, initial, backend);
  logits("train_logits", middle.outputs.get("output/logits"), trained);
  compareTaps("train", recorded.train_taps!, middle, report, trained);
  for (const { name, kind } of middle.probe.parameters) {
    const full = recordedName(built, name);
    if (kind !== "buffer") continue;
    const sums = recorded.buffers_after_train_forward?.[full];
    const values = middle.state.get(name)!;
    if (sums === undefined) report.fail(`buffer ${full} is not in the recording`);
    else report.add(`buffer ${full}`, sumsError(checkSums(values), named(sums), values.length), trained);
  }
  const after = await runProbe(probeOf(recorded, built, "eval"), images, middle.state, backend);
  logits("eval_logits_after_train", after.outputs.get("output/logits"), trained);
}

function compareTaps(
  mode: string,
  taps: Readonly<Record<string, RecordedTap>>,
  { outputs, probe }: ProbeResult,
  report: Report,
  tolerance: number,
): void {
  for (const [tap, recorded] of Object.entries(taps)) {
    const values = outputs.get(`output/${tap}`) ?? [];
    report.same(`${mode} shape of ${tap}`, probe.shapes[`output/${tap}`], recorded.shape);
    report.add(`${mode} ${tap}`, sumsError(checkSums(values), recorded, values.length), tolerance);
  }
}

function named([l2, sum, dot]: readonly [number, number, number]): CheckSums {
  return { l2, sum, dot };
}
