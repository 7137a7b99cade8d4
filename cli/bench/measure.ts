/**
 * Times training steps of a sentence on random images of CIFAR's size.
 *
 * @module
 */
import { stream } from "../../dsl/random.ts";
import { trainSpec } from "../../dsl/train.ts";
import { DivergenceError } from "../../dsl/errors.ts";
import type { Backend, BackendName } from "../../runtime/backend/backend.ts";
import { compile, type Compiled } from "../../runtime/compile/compile.ts";
import { weightIn } from "../../runtime/train/schedule.ts";
import { Session, type StepFeed } from "../../runtime/train/session.ts";
import type { Trainable } from "../../runtime/train/train.ts";

/** How to time. */
export interface MeasureOptions {
  readonly backend: Backend;
  /** Images a step. */
  readonly batch: number;
  /** Classes of the random labels. */
  readonly classes: number;
  /** Timed steps; one more runs before them. */
  readonly steps: number;
}

/** What timing gave. */
export interface Measured {
  /** Wall time of each timed step in milliseconds, in order. */
  readonly times: readonly number[];
  /** Compilation and the step before the timed ones, in milliseconds. */
  readonly start: number;
  /** Working memory of a step besides state, in bytes. */
  readonly bytes: number;
}

/** How each backend stores maps. */
export const layouts: Readonly<Record<BackendName, string>> = {
  reference: "nchw",
  wasm: "n8",
  webgpu: "nhwc",
  tfjs: "nhwc",
};

/**
 * Runs one step to warm up and then times `steps` of them. A step is all that training does with a batch that is in
 * memory: copying it in, every forward, every backward, every update, and reading the losses.
 *
 * @throws {DivergenceError} If a loss is not a number at the end: such steps are not what training does.
 */
export async function measure(sentence: Trainable, options: MeasureOptions): Promise<Measured> {
  const { backend, batch, classes, steps } = options;
  const began = performance.now();
  const { compiled, feed } = prepare(sentence, batch, classes);
  const session = await Session.open(compiled, backend);
  try {
    await session.initialize(0);
    let { terms } = await session.step(feed);
    const start = performance.now() - began;
    const times: number[] = [];
    for (let step = 0; step < steps; step++) {
      const from = performance.now();
      ({ terms } = await session.step(feed));
      times.push(performance.now() - from);
    }
    const bad = Object.entries(terms).find(([, value]) => !Number.isFinite(value));
    if (bad !== undefined) {
      throw new DivergenceError(
        `Cannot time these steps: every loss is a finite number, got ${bad[1]} for ${bad[0]}. Time fewer steps.`,
      );
    }
    return { times, start, bytes: session.bytes };
  } finally {
    await session.close();
  }
}

/** A sentence compiled for images of CIFAR's size, and random images with what else a step is fed. */
export function prepare(
  sentence: Trainable,
  batch: number,
  classes: number,
): { readonly compiled: Compiled; readonly feed: StepFeed } {
  const { nets } = sentence.spec;
  const shape = [3, 32, 32] as const;
  const input = { nets, archs: sentence.archs, graph: sentence.lower(), classes, shape, batch };
  const compiled = compile(input, trainSpec());
  const feed = {
    count: batch,
    ...randomBatch(batch, classes),
    weights: Object.fromEntries(Object.entries(compiled.weights).map(([term, w]) => [term, weightIn(w, 1, {})])),
    rates: Object.fromEntries(Object.entries(compiled.optimizers).map(([group, o]) => [group, o.learningRate])),
  };
  return { compiled, feed };
}

/** Normal pixels and uniform labels; the same in every run. */
function randomBatch(batch: number, classes: number): Pick<StepFeed, "images" | "labels"> {
  const random = stream(0, "bench");
  const images = Float32Array.from({ length: batch * 3 * 32 * 32 }, (_, i) => random.normal(i));
  const labels = Uint16Array.from({ length: batch }, (_, i) => Math.floor(stream(0, "labels").uniform(i) * classes));
  return { images: [images], labels };
}
