/**
 * The training loop.
 *
 * @module
 */

import { type Batch, imagesPerEpoch, type OpenDataset, type SplitName } from "../../dsl/data.ts";
import type { Spec, TrainSpec } from "../../dsl/spec.ts";
import { diverged, notFinite, outgrown } from "./divergence.ts";
import { type Measured, Measurement, requireMeasurable } from "./measure.ts";
import { type Metrics, MetricsCounter } from "./metrics.ts";
import { NegativeSampler, otherInputs } from "./negatives.ts";
import { carriedOf } from "./parts.ts";
import { Progress } from "./progress.ts";
import { rateFactor, weightIn } from "./schedule.ts";
import { drawNoise } from "./noise.ts";
import type { Session, StepFeed } from "./session.ts";
import { checkResume, readState, restoreSnapshot, type RunFacts, type Snapshot, takeSnapshot } from "./snapshot.ts";

/** One finished epoch. */
export interface EpochRecord {
  /** Initial stage it belongs to; the main training has none. */
  readonly stage?: string;
  /** From 1, in each stage anew. */
  readonly epoch: number;
  /** Mean of every weighted term over the epoch's steps. */
  readonly terms: Readonly<Record<string, number>>;
  /** Share of steps in which each group paused; only groups that can. */
  readonly paused: Readonly<Record<string, number>>;
  /** Measured values that the epoch's steps used; absent where there are none. */
  readonly measured?: Measured;
  /** Mean over the epoch's steps of every watched number: of a switch's `expert`, the share of expert batches. */
  readonly watched?: Readonly<Record<string, number>>;
  /** Top-1 and top-5 on the validation images, or on the held-out ones where no validation part was split off. */
  readonly metrics: Metrics;
  /** Wall time of training and of evaluation. */
  readonly seconds: { readonly train: number; readonly evaluate: number };
}

/** What a run tells while it goes. */
export type FitEvent =
  | {
    readonly kind: "step";
    readonly epoch: number;
    readonly step: number;
    readonly steps: number;
    readonly images: number;
    /** Every watched number of this step. */
    readonly watched: Readonly<Record<string, number>>;
  }
  | { readonly kind: "epoch"; readonly record: EpochRecord }
  | { readonly kind: "note"; readonly text: string };

/** What the loop is given. */
export interface FitInput {
  readonly session: Session;
  readonly data: OpenDataset;
  readonly train: TrainSpec;
  /** Recorded in snapshots. */
  readonly spec?: Spec;
  /** Continue from here instead of initialising. */
  readonly resume?: Snapshot;
  /** Initial stage that this is, and what the stages before it left; the main training of a plain run has neither. */
  readonly part?: FitPart;
  /** Stops after the step in progress; the result then holds a snapshot to resume from. */
  readonly signal?: AbortSignal;
  readonly report?: (event: FitEvent) => void;
  /** Called with a snapshot after every epoch. */
  readonly save?: (snapshot: Snapshot) => Promise<void>;
}

/** Where a fit stands among the parts of a run. */
export interface FitPart {
  /** Name of the initial stage. */
  readonly stage?: string;
  /** Epochs of the parts before. */
  readonly before: number;
  /** Tensors that replace drawn ones, by name; names unknown here are kept for later parts. */
  readonly tensors: Snapshot["tensors"];
  /** Finished epochs of the parts before. */
  readonly history: readonly EpochRecord[];
}

/** What a run ends with. */
export interface FitResult {
  readonly history: readonly EpochRecord[];
  /** Whether the signal stopped it. */
  readonly stopped: boolean;
  /** State at the end. */
  readonly snapshot: Snapshot;
}

/**
 * Trains until the last epoch: shuffle, step, evaluate, save.
 *
 * @throws {SentenceError} If nothing measures a value that a loss or weight reads, or there are no images to measure on.
 * @throws {DivergenceError} If a term or a weight is not a finite number; the session then holds the state the epoch
 * began with.
 * @throws {CheckpointError} If the snapshot to resume from was not written by the same run.
 */
export async function fit(input: FitInput): Promise<FitResult> {
  const { session, data, train, report = () => {} } = input;
  requireMeasurable(session, data);
  const run = new Progress(input);
  if (input.resume === undefined) {
    await session.initialize(train.seed);
    for (const { name } of session.compiled.state) {
      const left = input.part?.tensors[name];
      if (left !== undefined) await session.write(name, left.data);
    }
  } else {
    checkResume(session, input.resume, factsOf(input));
    await restoreSnapshot(session, input.resume);
  }
  const negatives = new NegativeSampler(train.seed, data.train.labels);
  const images = imagesPerEpoch(data);
  const steps = stepsPerEpoch(images, train.batch);
  if (images % train.batch === 1 && run.epoch === 1 && run.step === 0) {
    report({ kind: "note", text: "The last image of each epoch is left out: batch norm cannot use a batch of one." });
  }
  let last = input.resume ?? { ...await takeSnapshot(session, run.position()), ...carriedOf(input) };
  while (run.epoch <= train.epochs) {
    const began = performance.now();
    for await (const batch of data.batches(trainBatches(run))) {
      const result = await session.step(stepFeed(input, run, batch, steps, negatives));
      const bad = Object.entries(result.terms).find(([, value]) => !Number.isFinite(value));
      if (bad !== undefined) {
        await restoreSnapshot(session, last);
        throw diverged(bad, run);
      }
      run.count(result, batch.count);
      const { watched } = result;
      report({ kind: "step", epoch: run.epoch, step: run.step, steps, images: batch.count, watched });
      if (input.signal?.aborted) {
        const snapshot = { ...await takeSnapshot(session, run.position()), ...carriedOf(input) };
        return { history: run.history, stopped: true, snapshot };
      }
    }
    const tensors = await readState(session);
    const broken = notFinite(tensors);
    if (broken !== undefined) {
      await restoreSnapshot(session, last);
      throw outgrown(broken, run);
    }
    const trained = performance.now();
    const measurement = new Measurement(session.compiled.plan.graph);
    const split = data.validation === undefined ? "test" : "validation";
    const metrics = await evaluate(session, data, train.batch, split, measurement);
    const seconds = { train: (trained - began) / 1000, evaluate: (performance.now() - trained) / 1000 };
    report({ kind: "epoch", record: run.finish(metrics, seconds, measurement.result()) });
    last = { position: run.position(), tensors, ...carriedOf(input) };
    await input.save?.(last);
    if (input.signal?.aborted) return { history: run.history, stopped: true, snapshot: last };
  }
  return { history: run.history, stopped: false, snapshot: last };
}

/** What a checkpoint has to agree with. */
export function factsOf({ data, train, spec }: Pick<FitInput, "data" | "train" | "spec">): RunFacts {
  return { seed: train.seed, batch: train.batch, images: imagesPerEpoch(data), dataset: spec?.dataset?.kind };
}

/** Measures every net and head on the held-out images, or on another split; a measurement sees the same scores. */
export async function evaluate(
  session: Session,
  data: OpenDataset,
  batch: number,
  split: SplitName = "test",
  measurement?: Measurement,
): Promise<Metrics> {
  const nets = session.compiled.plan.modules.filter((module) => module.kind === "net" && module.learns);
  const peers = nets.filter((net) => net.role === "peer");
  const counter = new MetricsCounter((peers.length > 0 ? peers : nets).map((net) => net.id));
  const options = {
    split,
    batch,
    seed: 0,
    epoch: 1,
    shuffle: false,
    augment: false,
    dropSingle: false,
  } as const;
  for await (const { images, labels, count } of data.batches(options)) {
    const scores = await session.evaluate(images[0]!, count);
    counter.add(scores, labels);
    measurement?.add(scores, labels);
  }
  return counter.result();
}

/** Steps of one epoch: the short last batch counts, unless it is a single image. */
export function stepsPerEpoch(images: number, batch: number): number {
  return Math.floor(images / batch) + (images % batch > 1 ? 1 : 0);
}

function trainBatches(run: Progress): Parameters<OpenDataset["batches"]>[0] {
  const { seed, batch, views, before } = run.batches;
  return {
    split: "train",
    batch,
    seed,
    epoch: before + run.epoch,
    views,
    shuffle: true,
    augment: true,
    dropSingle: true,
    start: run.step,
  };
}

function stepFeed(
  input: FitInput,
  run: Progress,
  batch: Batch,
  steps: number,
  negatives: NegativeSampler,
): StepFeed {
  const { session, train } = input;
  const { weights, optimizers } = session.compiled;
  const factor = rateFactor(train.schedule, run.epoch, run.step, steps);
  // Epochs are counted through all stages, so that none draws what another drew.
  const total = run.batches.before + run.epoch;
  return {
    count: batch.count,
    images: batch.images,
    labels: batch.labels,
    inputs: {
      ...drawNoise(session.compiled.step.nodes, { seed: train.seed, epoch: total, step: run.step }, batch.count),
      ...otherInputs(session.compiled.step, negatives, total, batch),
    },
    ...(batch.mix === undefined ? {} : { mix: batch.mix }),
    weights: Object.fromEntries(
      Object.entries(weights).map(([term, w]) => [term, weightIn(w, run.epoch, run.measured)]),
    ),
    measured: run.measured,
    rates: Object.fromEntries(Object.entries(optimizers).map(([group, o]) => [group, o.learningRate * factor])),
  };
}
