/**
 * Builds a recorded net, runs it, and compares everything that was recorded of it.
 *
 * @module
 */

import type { Layer } from "../../dsl/layers.ts";
import type { Mode } from "../../dsl/value.ts";
import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import { compileProbe, type Probe, type ProbeInput } from "../../runtime/compile/probe.ts";
import { type Shape, sizeOf } from "../../runtime/ir/node.ts";
import { tensorOf } from "./files.ts";
import { type CheckSums, checkSums, fill, initialTensor, sumsError } from "./formula.ts";
import type { ModelCase, ModelFiles, RecordedTap } from "./model_format.ts";
import { type Model, type ModelModule, modelOf } from "./model_nets.ts";
import { type ProbeResult, runProbe } from "./probe.ts";
import { largestError, type Outcome, Report } from "./report.ts";
import { FIRST, REGENERATED } from "./rules.ts";

/** Runs a recorded net on a backend. */
export async function compareModel(files: ModelFiles, backend: Backend): Promise<Outcome> {
  const { recorded } = files;
  const built = modelOf(recorded);
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

function probeOf(recorded: ModelCase, { modules, output }: Model, mode: Mode): ProbeInput {
  const [batch, ...shape] = recorded.input;
  const names = ["logits", ...Object.keys(recorded.eval_taps ?? recorded.tap_shapes ?? {})];
  const outputs = Object.fromEntries(names.map((name) => [name, output(name, mode)]));
  return { modules, inputs: {}, classes: recorded.num_classes, batch, shape, outputs };
}

function recordedName({ modules }: Model, name: string): string {
  const slash = name.indexOf("/");
  return modules.find(({ id }) => id === name.slice(0, slash))!.recorded(name.slice(slash + 1));
}

/** Compares names, shapes, counts, momenta and regenerated tensors; returns the tensors. */
function compareStructure(
  recorded: ModelCase,
  built: Model,
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
function momenta({ modules }: Model): Record<string, number> {
  const found: Record<string, number> = {};
  const visit = (layer: Layer, module: ModelModule): void => {
    if (layer.kind === "batchNorm" && layer.momentum !== 0.1) found[module.recorded(layer.name)] = layer.momentum;
    if ("branches" in layer) layer.branches.flat().forEach((inner) => visit(inner, module));
  };
  for (const module of modules) {
    for (const { layers } of module.stages) for (const layer of layers) visit(layer, module);
  }
  return found;
}

/** Runs the net with running statistics, with batch statistics, and once more with the new running statistics. */
async function compareRuns(
  { recorded, tensors }: ModelFiles,
  built: Model,
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
