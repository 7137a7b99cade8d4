/**
 * How long training waits for its batches.
 *
 * @module
 */
import type { Batch, OpenDataset } from "../../dsl/data.ts";
import { trainSpec } from "../../dsl/train.ts";
import { pick, resnet } from "../../mod.ts";
import { compile } from "../../runtime/compile/compile.ts";
import { weightIn } from "../../runtime/train/schedule.ts";
import { Session } from "../../runtime/train/session.ts";
import { stepSentence } from "./step.ts";

/** Milliseconds of a training step and of what comes between two. */
export interface Wait {
  readonly threads: number;
  /** A step on a batch from the loader. */
  readonly step: number;
  /** From the end of a step to the next batch. */
  readonly wait: number;
  /** A step on one batch again and again, with no loader beside it. */
  readonly bare: number;
}

/**
 * Trains ResNet-8 on the batches of a dataset: mean milliseconds over `steps` steps, after one that is not counted.
 * The bare steps are timed between two halves, so that a machine that slows down does so for both.
 */
export async function measureWait(
  data: OpenDataset,
  options: { readonly batch: number; readonly steps: number; readonly threads: number; readonly workers?: number },
): Promise<Wait> {
  const { batch, steps, threads, workers } = options;
  const backend = await pick("wasm", { wasm: { threads } });
  const sentence = stepSentence(resnet(8));
  const { shape, classNames } = data;
  const compiled = compile({
    nets: sentence.spec.nets,
    archs: sentence.archs,
    graph: sentence.lower(),
    classes: classNames.length,
    shape,
    batch,
  }, trainSpec());
  const session = await Session.open(compiled, backend);
  const weights = Object.fromEntries(Object.entries(compiled.weights).map(([term, w]) => [term, weightIn(w, 1, {})]));
  // A rate of almost nothing: random labels must not make the weights grow.
  const rates = Object.fromEntries(Object.keys(compiled.optimizers).map((group) => [group, 1e-6]));
  const train = ({ count, images, labels }: Batch) => session.step({ count, images, labels, weights, rates });
  const reader = endless(data, batch, workers);
  try {
    await session.initialize(0);
    const first = (await reader.next()).value!;
    await train(first);
    let [step, wait, bare] = [0, 0, 0];
    for (let half = 0; half < 2; half++) {
      for (let i = 0; i < steps / 2; i++) {
        const began = performance.now();
        const next = (await reader.next()).value!;
        const got = performance.now();
        await train(next);
        wait += got - began;
        step += performance.now() - got;
      }
      for (let i = 0; i < steps / 2; i++) {
        const began = performance.now();
        await train(first);
        bare += performance.now() - began;
      }
    }
    const timed = 2 * Math.ceil(steps / 2);
    return { threads, step: step / timed, wait: wait / timed, bare: bare / timed };
  } finally {
    await reader.return(undefined);
    await session.close();
  }
}

/** Whole batches of one epoch after the other. */
async function* endless(
  data: OpenDataset,
  batch: number,
  workers: number | undefined,
): AsyncGenerator<Batch, void, void> {
  for (let epoch = 1;; epoch++) {
    const pass = data.batches({ split: "train", batch, seed: 0, epoch, ...(workers === undefined ? {} : { workers }) });
    for await (const next of pass) if (next.count === batch) yield next;
  }
}
