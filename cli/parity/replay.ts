/**
 * A trace's sentence, compiled and filled with its initial tensors on a backend.
 *
 * @module
 */

import { CohortError } from "../../dsl/errors.ts";
import type { TrainSpec } from "../../dsl/spec.ts";
import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import { compile, type Compiled } from "../../runtime/compile/compile.ts";
import type { CompileInput } from "../../runtime/compile/resolve.ts";
import { sizeOf } from "../../runtime/ir/node.ts";
import { stageTrain } from "../../runtime/train/parts.ts";
import { weightIn } from "../../runtime/train/schedule.ts";
import { Session } from "../../runtime/train/session.ts";
import type { Replay, StepView } from "./adapter.ts";
import { tensorOf, type Tensors } from "./files.ts";
import { checkSums, initialTensor, sumsError } from "./formula.ts";
import type { Report } from "./report.ts";
import { REGENERATED } from "./rules.ts";
import { optimizerFrom, type Trace, type TraceFiles } from "./trace_format.ts";

/** Deliberate mistakes, for tests of the comparison itself. */
export interface Sabotage {
  readonly input?: (input: CompileInput) => CompileInput;
  readonly train?: (train: TrainSpec) => TrainSpec;
  readonly compiled?: (compiled: Compiled) => Compiled;
}

/** Names of a trace's tensors here. */
export type Names = (recorded: string) => string | undefined;

/** The names that a replay's prefixes give. */
export function namesOf({ prefixes }: Replay): Names {
  return (recorded) => {
    const found = prefixes.find(([prefix]) => recorded.startsWith(prefix));
    return found === undefined ? undefined : found[1] + recorded.slice(found[0].length);
  };
}

/** Compiles a replay, with outputs for gradients where `debug` is said. */
export function compileReplay(files: TraceFiles, replay: Replay, sabotage: Sabotage, debug: boolean): Compiled {
  const { input, train } = settingsOf(files, replay);
  const compiled = compile(sabotage.input?.(input) ?? input, sabotage.train?.(train) ?? train, { debug });
  return sabotage.compiled?.(compiled) ?? compiled;
}

/** Compiles the initial stage of a replay, if it has one. */
export function compileStage(files: TraceFiles, replay: Replay, sabotage: Sabotage): Compiled | undefined {
  const { input, train } = settingsOf(files, replay);
  const [stage] = input.graph.stages ?? [];
  if (stage === undefined) return undefined;
  const own = { ...stageTrain(stage, train), groups: {} };
  return compile({ ...(sabotage.input?.(input) ?? input), graph: stage.graph }, sabotage.train?.(own) ?? own);
}

function settingsOf(
  { trace, batches: images }: TraceFiles,
  replay: Replay,
): { readonly input: CompileInput; readonly train: TrainSpec } {
  const { batches } = trace;
  const [, channels, height, width] = tensorOf(images, "x0").shape as readonly [number, number, number, number];
  const input: CompileInput = {
    nets: replay.sentence.spec.nets,
    archs: replay.sentence.archs,
    graph: replay.graph,
    classes: batches.C,
    shape: [channels, height, width],
    batch: batches.n,
    ...(replay.samples === undefined ? {} : { samples: replay.samples }),
  };
  const groups = Object.fromEntries(
    Object.entries(replay.optimizers).map(([group, name]) => [group, optimizerOf(trace, name)]),
  );
  const known = Object.keys(groups)[0] ?? Object.keys(trace.optimizers)[0]!;
  const optimizer = groups[known] ?? optimizerOf(trace, known);
  const schedule = { milestones: [], gamma: 1, warmup: 0 };
  const train: TrainSpec = { epochs: 1, batch: batches.n, seed: 0, optimizer, schedule, groups };
  return { input, train };
}

function optimizerOf(trace: Trace, name: string): ReturnType<typeof optimizerFrom> {
  const recorded = trace.optimizers[name];
  if (recorded === undefined) {
    throw new CohortError(
      `Cannot replay ${trace.name}: it lists its optimizers, got none called "${name}". Fetch the recording again.`,
    );
  }
  return optimizerFrom(recorded);
}

/**
 * Initial tensors by their names here, regenerated from the formula and compared with the recording's check sums; tells
 * where names or shapes differ.
 */
export function initialState(
  trace: Trace,
  compiled: Pick<Compiled, "parameters">,
  { composed = {}, unused = [] }: Pick<Replay, "composed" | "unused">,
  names: Names,
  report: Report,
): ReadonlyMap<string, Float32Array> {
  const state = new Map<string, Float32Array>();
  const entries = new Map(compiled.parameters.map((entry) => [entry.name, entry]));
  for (const [recorded, tensor] of Object.entries(trace.init.tensors)) {
    if (unused.some((module) => recorded.startsWith(`${module}/`))) continue;
    const parts = composed[recorded];
    if (parts !== undefined) {
      const values = initialTensor(trace.init.seed, recorded, tensor, trace.init.overrides);
      parts.forEach((part, i) => {
        if (typeof part === "string") state.set(part, values.slice(i, i + 1));
        else report.add(`constant ${i} of ${recorded}`, Math.abs(part - values[i]!), 1e-6);
      });
      continue;
    }
    const name = names(recorded);
    const entry = name === undefined ? undefined : entries.get(name);
    if (name === undefined || entry === undefined) {
      report.fail(`tensor ${recorded} does not exist here`);
      continue;
    }
    report.same(`shape of ${recorded}`, entry.shape, tensor.shape);
    const values = initialTensor(trace.init.seed, recorded, tensor, trace.init.overrides);
    const error = sumsError(checkSums(values), tensor, sizeOf(tensor.shape));
    report.add(`initial ${recorded}`, error, REGENERATED);
    if (values.length === sizeOf(entry.shape)) state.set(name, values);
  }
  for (const name of entries.keys()) if (!state.has(name)) report.fail(`tensor ${name} is not in the recording`);
  return state;
}

/** Compares the number of parameters of every recorded module. */
export function compareCounts(
  trace: Trace,
  compiled: Pick<Compiled, "parameters">,
  names: Names,
  report: Report,
  unused: readonly string[] = [],
): void {
  const sizes = new Map(
    compiled.parameters.filter(({ kind }) => kind === "parameter").map(({ name, shape }) => [name, sizeOf(shape)]),
  );
  for (const [module, count] of Object.entries(trace.param_counts)) {
    if (unused.includes(module)) continue;
    const own = Object.keys(trace.init.tensors).filter((name) => name.startsWith(`${module}/`));
    const total = own.reduce((sum, name) => sum + (sizes.get(names(name) ?? "") ?? 0), 0);
    report.same(`parameters of ${module}`, total, count);
  }
}

/** Opens a session with these tensors; optimizers start from nothing. */
export async function openReplay(
  compiled: Compiled,
  backend: Backend,
  state: ReadonlyMap<string, Numbers>,
): Promise<Session> {
  const session = await Session.open(compiled, backend);
  try {
    for (const { name } of compiled.state) {
      const values = state.get(name);
      if (values !== undefined) await session.write(name, values);
    }
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Images and labels of an iteration. */
export function batchAt(
  trace: Trace,
  batches: Tensors,
  iteration: number,
): { images: Float32Array; labels: Uint16Array } {
  const index = trace.batches.order?.[iteration] ?? iteration;
  const { n } = trace.batches;
  const images = tensorOf(batches, `x${index}`);
  const labels = tensorOf(batches, `y${index}`);
  if (labels.data.length < n) {
    throw new CohortError(
      `Cannot replay ${trace.name}: a batch has ${n} images, got ${labels.data.length} in x${index}.`,
    );
  }
  const size = images.data.length / labels.data.length;
  return {
    images: Float32Array.from(images.data.subarray(0, n * size)),
    labels: Uint16Array.from(labels.data.subarray(0, n)),
  };
}

/** Runs a session's next step on the batches of an iteration, and reads what adapters want to see of it. */
export async function stepOf(
  session: Session,
  { trace, batches, tensors }: TraceFiles,
  replay: Replay,
  k: number,
): Promise<StepView> {
  const { labels } = batchAt(trace, batches, k);
  const images = Array.from({ length: replay.views ?? 1 }, (_, view) => batchAt(trace, batches, k + view).images);
  const { weights, rates } = feedOf(session.compiled, replay);
  const inputs = replay.inputs?.(tensors, k) ?? {};
  const { terms, paused } = await session.step({ count: labels.length, images, labels, inputs, weights, rates });
  const outputs = new Map<string, Numbers>();
  for (const output of Object.keys(session.compiled.step.outputs)) {
    if (/^(watch|logits)\//.test(output)) outputs.set(output, await session.readStep(output));
  }
  const values = (output: string): Numbers => outputs.get(output) ?? Float64Array.of(NaN);
  const watched = (name: string): number => checkSums(values(`watch/${name}`)).sum / values(`watch/${name}`).length;
  return { terms, weights, paused, watched, values };
}

/** What a step is fed besides its batch. */
function feedOf(
  compiled: Compiled,
  replay: Replay,
): { weights: Record<string, number>; rates: Record<string, number> } {
  const { weights, optimizers } = compiled;
  return {
    weights: Object.fromEntries(
      Object.entries(weights).map(([term, weight]) => [term, weightIn(weight, replay.epoch, {})]),
    ),
    rates: Object.fromEntries(Object.entries(optimizers).map(([group, { learningRate }]) => [group, learningRate])),
  };
}
