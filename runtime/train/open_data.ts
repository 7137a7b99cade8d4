/**
 * The images of a run.
 *
 * @module
 */

import type { Batch, LoadContext, OpenDataset } from "../../dsl/data.ts";
import { ClassCountError, SentenceError } from "../../dsl/errors.ts";
import type { Trainable, TrainEvent, TrainRunOptions } from "./train.ts";

/**
 * Opens the dataset of a sentence.
 *
 * @throws {SentenceError} If it has none.
 * @throws {ClassCountError} If the files hold another number of classes than the dataset promises.
 */
export async function openData(
  pipeline: Trainable,
  options: TrainRunOptions,
  report: (event: TrainEvent) => void,
): Promise<OpenDataset> {
  const { dataset } = pipeline;
  if (dataset === undefined) {
    throw new SentenceError("Cannot train: the sentence says on what, got no dataset. Add .on(cifar100()) or another.");
  }
  const context: LoadContext = {
    progress: (what, fraction, note) =>
      report({ kind: "loading", what, fraction, ...(note === undefined ? {} : { note }) }),
    ...(options.runs === false ? {} : { cache: `${options.runs ?? "runs"}/cache` }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const data = await dataset.open(context);
  if (dataset.classes !== undefined && dataset.classes !== data.classNames.length) {
    throw new ClassCountError(
      `Cannot train on ${dataset.name}: it has ${dataset.classes} classes, got ${data.classNames.length} in ${data.source}.`,
    );
  }
  return data;
}

/**
 * The same images, with a turn of the event loop between batches, at most every 50 ms: a backend that computes on this
 * thread would keep timers, progress and Ctrl-C waiting until the end of the epoch.
 */
export function breathing(data: OpenDataset): OpenDataset {
  async function* turns(batches: AsyncIterable<Batch>): AsyncGenerator<Batch, void, void> {
    let last = performance.now();
    for await (const batch of batches) {
      yield batch;
      if (performance.now() - last < 50) continue;
      await new Promise((resolve) => setTimeout(resolve, 0));
      last = performance.now();
    }
  }
  return { ...data, batches: (options) => turns(data.batches(options)) };
}
