/**
 * Trains a sentence: dataset, backend, compilation, loop and files.
 *
 * @module
 */

import type { Arch } from "../../dsl/arch.ts";
import { type Dataset, imagesPerEpoch, type OpenDataset } from "../../dsl/data.ts";
import { BackendError, SentenceError } from "../../dsl/errors.ts";
import { learnersOf, type LossGraph } from "../../dsl/graph.ts";
import type { Spec, TrainSpec } from "../../dsl/spec.ts";
import { trainSpec } from "../../dsl/train.ts";
import type { Backend, BackendName } from "../backend/backend.ts";
import { pick } from "../backend/pick.ts";
import { compile, type Compiled } from "../compile/compile.ts";
import type { CompileInput } from "../compile/resolve.ts";
import { type EpochRecord, evaluate as measure, factsOf, fit, type FitEvent, type FitResult } from "./fit.ts";
import { requireMeasurable } from "./measure.ts";
import type { Metrics } from "./metrics.ts";
import { breathing, openData } from "./open_data.ts";
import { lasting, type NamedTensors, partOf, partsOf, stageOf, withoutKnown } from "./parts.ts";
import { openFolder, writeWeights } from "./run_files.ts";
import { Session } from "./session.ts";
import { checkResume, decodeSnapshot, encodeSnapshot, restoreSnapshot, type Snapshot } from "./snapshot.ts";
import { startFrom } from "./weights.ts";

/** A sentence that can be trained: what every pipeline is, whatever the checker knows about it. */
export interface Trainable {
  /** What was said. */
  readonly spec: Spec;
  /** Architectures of the nets, by name. */
  readonly archs: Readonly<Record<string, Arch>>;
  /** Dataset, once `on()` was said. */
  readonly dataset: Dataset | undefined;
  /** The loss graph: what each learner minimises. */
  lower(): LossGraph;
}

/** Choices of a run that are no part of the sentence. */
export interface TrainRunOptions {
  /** A backend or its name; `auto` takes a real GPU, else WASM. */
  readonly backend?: "auto" | BackendName | Backend;
  /** Threads of the WASM backend, 1 to 8; one per core unless said. Results are the same with any. */
  readonly threads?: number;
  /** Kernels of the WASM backend for V8's unsafe flags, under which the process has to run; nothing for other backends. */
  readonly turbo?: boolean;
  /** Folder that holds runs; `false` writes nothing. `runs` unless said. */
  readonly runs?: string | false;
  /** Name of the run's folder; the nets and the dataset unless said. */
  readonly name?: string;
  /** Continue from a snapshot or the path of a checkpoint. */
  readonly resume?: Snapshot | string;
  /**
   * Weight files that nets start from, by net; a net that nobody teaches needs one. It takes the place of an initial stage
   * that would train such a net, as `pretrain()` does.
   */
  readonly weights?: Readonly<Record<string, string>>;
  /** Stops the run after the step in progress; what it did is saved. */
  readonly signal?: AbortSignal;
  /** Called with every event of the run. */
  readonly report?: (event: TrainEvent) => void;
  /** Dataset already opened; from the sentence unless said. */
  readonly data?: OpenDataset;
}

/** What a run tells while it goes. */
export type TrainEvent =
  | FitEvent
  | { readonly kind: "loading"; readonly what: string; readonly fraction: number; readonly note?: string }
  /** A stage begins, or the main training of a run that has stages. */
  | { readonly kind: "stage"; readonly stage?: string; readonly epochs: number }
  | {
    readonly kind: "start";
    readonly backend: string;
    readonly source: string;
    readonly images: number;
    readonly bytes: number;
  };

/** The best epoch of a member on the held-out images. */
export interface Best {
  /** From 1. */
  readonly epoch: number;
  /** Share of the measured images (validation, else held-out) whose best class is right. */
  readonly top1: number;
}

/** What a run ends with. */
export interface TrainResult {
  /** Finished epochs of the main training. */
  readonly history: readonly EpochRecord[];
  /** Finished epochs of its initial stages. */
  readonly stages: readonly EpochRecord[];
  /**
   * Best epoch of each member. Without a validation part it was chosen on the test images, as the papers do: say so
   * beside the number.
   */
  readonly best: Readonly<Record<string, Best>>;
  /** Whether the signal ended it. */
  readonly stopped: boolean;
  /** State at the end. */
  readonly snapshot: Snapshot;
  /** Files written, by what they are. */
  readonly files: Readonly<Record<string, string>>;
  /** What was compiled. */
  readonly compiled: Compiled;
}

/**
 * Trains a sentence and writes spec, log, checkpoint and the weights of the net to deploy under `runs/`.
 *
 * @throws {SentenceError} If the sentence has no dataset, or measures on validation images that are not there.
 * @throws {BackendError} If the backend or its threads are not to be had on this machine.
 * @throws {ClassCountError} If the files hold another number of classes than the dataset promises.
 * @throws {DivergenceError} If a loss is not finite; the folder keeps the checkpoint of the last good epoch.
 */
export async function train(pipeline: Trainable, options: TrainRunOptions = {}): Promise<TrainResult> {
  const { spec } = pipeline;
  const report = options.report ?? (() => {});
  if (spec.train === undefined) {
    throw new SentenceError("Cannot train: the sentence says how, got none. Add .train({ epochs: 300 }).");
  }
  const data = breathing(options.data ?? await openData(pipeline, options, report));
  const all = partsOf(compileInput(pipeline, data, spec.train), spec.train);
  const resumed = options.resume === undefined ? undefined : await readSnapshot(options.resume);
  const parts = resumed === undefined ? withoutKnown(all, Object.keys(options.weights ?? {})) : all;
  const first = partOf(parts, resumed);
  const main = parts.at(-1)!;
  const learners = new Set(parts.flatMap(({ compiled }) => [...learnersOf(compiled.plan.graph)]));
  const backend = await openBackend(options);
  let session = await Session.open(parts[first]!.compiled, backend);
  try {
    const resume = resumed ??
      await startFrom(session, options.weights ?? {}, spec, { ...stageOf(parts[0]!), learners });
    // All that can be refused is refused before a folder is made or written to.
    requireMeasurable(session, data);
    if (resume !== undefined) checkResume(session, resume, factsOf({ data, train: spec.train, spec }));
    data.batches({ split: "train", batch: spec.train.batch, seed: spec.train.seed, epoch: 1 });
    const folder = await openFolder(pipeline, options);
    report({
      kind: "start",
      backend: session.backend.description,
      source: data.source,
      images: imagesPerEpoch(data),
      bytes: session.bytes,
    });
    const files: Record<string, string> = {};
    const save = async (snapshot: Snapshot): Promise<void> => {
      if (folder === undefined) return;
      files.log = await folder.write("log.jsonl", jsonLines(snapshot.position.history));
      files.checkpoint = await folder.write("checkpoint.safetensors", encodeSnapshot(snapshot));
    };
    if (folder !== undefined) files.spec = await folder.write("spec.json", `${JSON.stringify(spec, null, 2)}\n`);
    let left: NamedTensors = {};
    let result: FitResult | undefined;
    for (const [i, part] of parts.entries()) {
      if (i < first || result?.stopped === true) continue;
      if (result !== undefined) {
        await session.close();
        session = await Session.open(part.compiled, backend);
      }
      if (parts.length > 1) report({ kind: "stage", ...stageOf(part), epochs: part.train.epochs });
      result = await fit({
        session,
        data,
        train: part.train,
        spec,
        save,
        report,
        part: { ...stageOf(part), before: part.before, tensors: left, history: result?.history ?? [] },
        ...(resume === undefined || i > first ? {} : { resume }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      left = { ...left, ...result.snapshot.carried, ...lasting(part.compiled, result.snapshot.tensors) };
    }
    const last = result!;
    if (last.stopped) await save(last.snapshot);
    if (folder !== undefined) await writeWeights(folder, main.compiled, last.snapshot, spec, learners, files);
    const history = last.history.filter(({ stage }) => stage === undefined);
    const stages = last.history.filter(({ stage }) => stage !== undefined);
    return { ...last, history, stages, best: bestEpochs(history), files, compiled: main.compiled };
  } finally {
    await session.close();
  }
}

/**
 * Measures every net and head of a sentence on the held-out images, with the weights of a snapshot.
 *
 * @param from The snapshot, or the path of a checkpoint.
 * @throws {SentenceError} If the sentence has no dataset.
 * @throws {CheckpointError} If the snapshot is not of this sentence.
 */
export async function evaluate(
  pipeline: Trainable,
  from: Snapshot | string,
  options: Omit<TrainRunOptions, "name" | "resume" | "weights"> = {},
): Promise<Metrics> {
  const data = breathing(options.data ?? await openData(pipeline, options, options.report ?? (() => {})));
  const train = pipeline.spec.train ?? trainSpec();
  const session = await openSession(pipeline, options, data, train);
  try {
    await restoreSnapshot(session, await readSnapshot(from));
    return await measure(session, data, session.compiled.plan.batch);
  } finally {
    await session.close();
  }
}

async function openSession(
  pipeline: Trainable,
  options: TrainRunOptions,
  data: OpenDataset,
  train: TrainSpec,
): Promise<Session> {
  const backend = await openBackend(options);
  return await Session.open(compile(compileInput(pipeline, data, train), train), backend);
}

function compileInput(pipeline: Trainable, data: OpenDataset, train: TrainSpec): CompileInput {
  return {
    nets: pipeline.spec.nets,
    archs: pipeline.archs,
    graph: pipeline.lower(),
    classes: data.classNames.length,
    shape: data.shape,
    batch: Math.min(train.batch, Math.max(2, imagesPerEpoch(data))),
    samples: data.train.length,
    mixed: data.augment.some(({ kind }) => kind === "mixup" || kind === "cutmix"),
  };
}

async function openBackend({ backend = "auto", threads, turbo }: TrainRunOptions): Promise<Backend> {
  const wasm = { ...(threads === undefined ? {} : { threads }), ...(turbo === true ? { turbo } : {}) };
  const opened = typeof backend === "object" ? backend : await pick(backend, { wasm });
  if (threads !== undefined && (opened === backend || opened.name !== "wasm")) {
    throw new BackendError(
      `Cannot use ${threads} threads: only a wasm backend that is opened here takes them, got ${opened.name}. ` +
        'Say backend "wasm", or leave the threads out.',
    );
  }
  return opened;
}

async function readSnapshot(from: Snapshot | string): Promise<Snapshot> {
  if (typeof from !== "string") return from;
  const bytes = await Deno.readFile(from).catch((error) => {
    throw new SentenceError(
      `Cannot resume: the checkpoint is a file that can be read, got ${from}: ${error.message}. Check the path.`,
    );
  });
  return decodeSnapshot(bytes, from);
}

function bestEpochs(history: readonly EpochRecord[]): Record<string, Best> {
  const best: Record<string, Best> = {};
  for (const { epoch, metrics } of history) {
    for (const [member, { top1 }] of Object.entries(metrics.members)) {
      if (best[member] === undefined || top1 > best[member].top1) best[member] = { epoch, top1 };
    }
  }
  return best;
}

function jsonLines(records: readonly EpochRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}
