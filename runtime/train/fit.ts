/**
 * The training loop.
 *
 * @module
 */

import { type Batch, imagesPerEpoch, type OpenDataset, type SplitName } from "../../dsl/data.ts";
import { DivergenceError, SentenceError } from "../../dsl/errors.ts";
import type { Spec, TrainSpec } from "../../dsl/spec.ts";
import { type Metrics, MetricsCounter } from "./metrics.ts";
import { NegativeSampler, otherInputs } from "./negatives.ts";
import { carriedOf, stageOf } from "./parts.ts";
import { rateFactor, weightIn } from "./schedule.ts";
import { drawNoise } from "./noise.ts";
import type { Session, StepFeed } from "./session.ts";
import {
  checkResume,
  type Position,
  readState,
  restoreSnapshot,
  type RunFacts,
  type Snapshot,
  takeSnapshot,
} from "./snapshot.ts";

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
 * @throws {SentenceError} If a loss or weight is a measured value: nothing measures in this version.
 * @throws {DivergenceError} If a term or a weight is not a finite number; the session then holds the state the epoch
 * began with.
 * @throws {CheckpointError} If the snapshot to resume from was not written by the same run.
 */
export async function fit(input: FitInput): Promise<FitResult> {
  const { session, data, train, report = () => {} } = input;
  refuseMeasured(session);
  const run = new Run(input);
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
      run.count(result.terms, result.paused, batch.count);
      report({ kind: "step", epoch: run.epoch, step: run.step, steps, images: batch.count });
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
    const metrics = await evaluate(session, data, train.batch, data.validation === undefined ? "test" : "validation");
    const seconds = { train: (trained - began) / 1000, evaluate: (performance.now() - trained) / 1000 };
    report({ kind: "epoch", record: run.finish(metrics, seconds) });
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

/** Values that something between the steps would have to measure: nothing does yet, and 0 would train another sentence. */
function refuseMeasured({ compiled }: Session): void {
  const weights = Object.values(compiled.weights).flatMap((weight) =>
    typeof weight === "object" && "measured" in weight ? [weight.measured] : []
  );
  const [name] = [...compiled.measured, ...weights];
  if (name === undefined) return;
  throw new SentenceError(
    `Cannot train: every measured value has something that measures it, got "${name}". Use a number or a ramp instead.`,
  );
}

/** Measures every net and head on the held-out images, or on another split. */
export async function evaluate(
  session: Session,
  data: OpenDataset,
  batch: number,
  split: SplitName = "test",
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
    counter.add(await session.evaluate(images[0]!, count), labels);
  }
  return counter.result();
}

/** Steps of one epoch: the short last batch counts, unless it is a single image. */
export function stepsPerEpoch(images: number, batch: number): number {
  return Math.floor(images / batch) + (images % batch > 1 ? 1 : 0);
}

/** Where a run is; the part of a snapshot that is no tensor. */
class Run {
  readonly #input: FitInput;
  readonly history: EpochRecord[];
  epoch: number;
  step: number;
  #totals: Record<string, number>;
  #paused: Record<string, number>;
  #seen: number;

  constructor(input: FitInput) {
    const from = input.resume?.position;
    this.#input = input;
    this.history = [...from?.history ?? input.part?.history ?? []];
    this.epoch = from?.epoch ?? 1;
    this.step = from?.step ?? 0;
    this.#totals = { ...from?.totals };
    this.#paused = { ...from?.paused };
    this.#seen = from?.seen ?? 0;
  }

  get batches(): {
    readonly seed: number;
    readonly batch: number;
    readonly views: number;
    /** Epochs of the parts before. */
    readonly before: number;
  } {
    const { train, session, part } = this.#input;
    const views = session.compiled.step.nodes.flatMap((node) =>
      node.op === "input" && node.attrs.name.startsWith("images/") ? [Number(node.attrs.name.slice(7))] : []
    );
    return { seed: train.seed, batch: train.batch, views: Math.max(0, ...views) + 1, before: part?.before ?? 0 };
  }

  count(terms: Readonly<Record<string, number>>, paused: readonly string[], images: number): void {
    for (const [name, value] of Object.entries(terms)) this.#totals[name] = (this.#totals[name] ?? 0) + value;
    for (const { pauses } of this.#input.session.compiled.plan.graph.switches) {
      this.#paused[pauses] = (this.#paused[pauses] ?? 0) + Number(paused.includes(pauses));
    }
    this.#seen += images;
    this.step++;
  }

  finish(metrics: Metrics, seconds: EpochRecord["seconds"]): EpochRecord {
    const mean = (totals: Record<string, number>): Record<string, number> =>
      Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, total / this.step]));
    const stage = stageOf(this.#input.part ?? {});
    const record = {
      ...stage,
      epoch: this.epoch,
      terms: mean(this.#totals),
      paused: mean(this.#paused),
      metrics,
      seconds,
    };
    this.history.push(record);
    this.epoch++;
    this.step = 0;
    this.#seen = 0;
    this.#totals = {};
    this.#paused = {};
    return record;
  }

  position(): Position {
    const { session, data, train, spec } = this.#input;
    return {
      version: 1,
      ...(spec === undefined ? {} : { spec }),
      graph: session.compiled.plan.graph,
      seed: train.seed,
      ...stageOf(this.#input.part ?? {}),
      epoch: this.epoch,
      step: this.step,
      totals: { ...this.#totals },
      paused: { ...this.#paused },
      images: imagesPerEpoch(data),
      seen: this.#seen,
      measured: {},
      history: [...this.history],
      backend: session.backend.description,
    };
  }
}

function trainBatches(run: Run): Parameters<OpenDataset["batches"]>[0] {
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
  run: Run,
  batch: Batch,
  steps: number,
  negatives: NegativeSampler,
): StepFeed {
  const { session, train } = input;
  const { weights, optimizers } = session.compiled;
  const factor = rateFactor(train.schedule, run.epoch, run.step, steps);
  return {
    count: batch.count,
    images: batch.images,
    labels: batch.labels,
    inputs: {
      ...otherInputs(session.compiled.step, negatives, run.batches.before + run.epoch, batch),
      ...drawNoise(session.compiled.step.nodes, {
        seed: train.seed,
        epoch: run.batches.before + run.epoch,
        step: run.step,
      }, batch.count),
    },
    ...(batch.mix === undefined ? {} : { mix: batch.mix }),
    weights: Object.fromEntries(Object.entries(weights).map(([term, w]) => [term, weightIn(w, run.epoch, {})])),
    rates: Object.fromEntries(Object.entries(optimizers).map(([group, o]) => [group, o.learningRate * factor])),
  };
}

function diverged([term, value]: readonly [string, number], run: Run): DivergenceError {
  const [member] = term.split("/");
  return new DivergenceError(
    `Cannot go on training ${member}: every loss is a finite number, got ${value} for ${term} in epoch ${run.epoch}, ` +
      `step ${run.step + 1}. ${whatIsKept(run)}`,
  );
}

/** A tensor of state that holds something else than finite numbers: the last step of an epoch shows in no loss. */
function notFinite(tensors: Snapshot["tensors"]): string | undefined {
  return Object.entries(tensors).find(([, { data }]) => data.some((value) => !Number.isFinite(value)))?.[0];
}

function outgrown(name: string, run: Run): DivergenceError {
  const [member] = name.split("/");
  return new DivergenceError(
    `Cannot go on training ${member}: every weight is a finite number, got another in ${name} after epoch ${run.epoch}, ` +
      `step ${run.step}. ${whatIsKept(run)}`,
  );
}

function whatIsKept(run: Run): string {
  const kept = run.history.length > 0
    ? "The weights of the last finished epoch are kept"
    : "No epoch was finished, so nothing learned is lost";
  return `${kept}; try a smaller learning rate or a warm-up.`;
}
