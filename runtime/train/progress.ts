/**
 * How far a training loop is.
 *
 * @module
 */

import { imagesPerEpoch } from "../../dsl/data.ts";
import type { EpochRecord, FitInput } from "./fit.ts";
import { type Measured, unmeasured } from "./measure.ts";
import type { Metrics } from "./metrics.ts";
import { stageOf } from "./parts.ts";
import type { StepResult } from "./session.ts";
import type { Position } from "./snapshot.ts";

/** Where a run is; the part of a snapshot that is no tensor. */
export class Progress {
  /** Finished epochs, of the parts before too. */
  readonly history: EpochRecord[];
  /** The epoch in progress, from 1. */
  epoch: number;
  /** Steps of it that are done. */
  step: number;
  /** Measured values of the epoch in progress. */
  measured: Measured;
  readonly #input: FitInput;
  #totals: Record<string, number>;
  #paused: Record<string, number>;
  #watched: Record<string, number>;
  #seen: number;

  /** Where the snapshot to resume from was taken, or the beginning. */
  constructor(input: FitInput) {
    const from = input.resume?.position;
    this.#input = input;
    this.history = [...from?.history ?? input.part?.history ?? []];
    this.epoch = from?.epoch ?? 1;
    this.step = from?.step ?? 0;
    this.measured = { ...unmeasured(input.session.compiled.plan.graph), ...from?.measured };
    this.#totals = { ...from?.totals };
    this.#paused = { ...from?.paused };
    this.#watched = { ...from?.watched };
    this.#seen = from?.seen ?? 0;
  }

  /** What batches are drawn by. */
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

  /** Counts a step on this many images. */
  count({ terms, paused, watched }: StepResult, images: number): void {
    for (const [name, value] of Object.entries(terms)) this.#totals[name] = (this.#totals[name] ?? 0) + value;
    for (const [name, value] of Object.entries(watched)) this.#watched[name] = (this.#watched[name] ?? 0) + value;
    for (const { pauses } of this.#input.session.compiled.plan.graph.switches) {
      this.#paused[pauses] = (this.#paused[pauses] ?? 0) + Number(paused.includes(pauses));
    }
    this.#seen += images;
    this.step++;
  }

  /** Ends the epoch in progress; the next one uses what was measured. */
  finish(metrics: Metrics, seconds: EpochRecord["seconds"], measured: Measured): EpochRecord {
    const mean = (totals: Record<string, number>): Record<string, number> =>
      Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, total / this.step]));
    const record: EpochRecord = {
      ...stageOf(this.#input.part ?? {}),
      epoch: this.epoch,
      terms: mean(this.#totals),
      paused: mean(this.#paused),
      ...(Object.keys(this.#watched).length === 0 ? {} : { watched: mean(this.#watched) }),
      ...(Object.keys(this.measured).length === 0 ? {} : { measured: this.measured }),
      metrics,
      seconds,
    };
    this.measured = measured;
    this.history.push(record);
    this.epoch++;
    this.step = 0;
    this.#seen = 0;
    this.#totals = {};
    this.#paused = {};
    this.#watched = {};
    return record;
  }

  /** What a snapshot records of it. */
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
      ...(Object.keys(this.#watched).length === 0 ? {} : { watched: { ...this.#watched } }),
      images: imagesPerEpoch(data),
      seen: this.#seen,
      measured: this.measured,
      history: [...this.history],
      backend: session.backend.description,
    };
  }
}
