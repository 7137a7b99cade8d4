/**
 * Steps of a compiled part from its seed, with everything that they leave.
 *
 * @module
 */

import type { Backend, Numbers } from "../backend/backend.ts";
import type { Compiled } from "../compile/compile.ts";
import { Session } from "../train/session.ts";
import { feedOfSample, type Sample } from "./sample.ts";

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Numbers>>;

/** What one step left. */
export interface TracedStep {
  /** Terms, watches, class scores, and in a debug step gradients of groups that ran. */
  readonly outputs: Tensors;
  /** Groups that paused. */
  readonly paused: readonly string[];
  /** All state behind it. */
  readonly state: Tensors;
}

/** Some steps, and class scores behind them. */
export interface Trace {
  /** State before the first step. */
  readonly before: Tensors;
  /** In order. */
  readonly steps: readonly TracedStep[];
  /** Class scores of every net and head on the first batch. */
  readonly scores: Tensors;
  /** Images of that batch. */
  readonly count: number;
}

/** Runs steps of a sample. */
export async function traced(
  compiled: Compiled,
  backend: Backend,
  sample: Sample,
  options: { readonly seed: number; readonly steps?: number; readonly count?: number },
): Promise<Trace> {
  const { seed, steps = sample.batches.length, count = sample.batches[0]!.count } = options;
  const session = await Session.open(compiled, backend);
  try {
    await session.initialize(seed);
    const before = await stateOf(session);
    const all: TracedStep[] = [];
    for (let step = 0; step < steps; step++) {
      const { paused } = await session.step(feedOfSample(compiled, sample, step, count));
      all.push({ outputs: await outputsOf(session, paused), paused, state: await stateOf(session) });
    }
    const pixels = sample.shape[0] * sample.shape[1] * sample.shape[2];
    const scores = await session.evaluate(sample.batches[0]!.images[0]!.subarray(0, count * pixels), count);
    return { before, steps: all, scores, count };
  } finally {
    await session.close();
  }
}

async function stateOf(session: Session): Promise<Tensors> {
  const all: Record<string, Numbers> = {};
  for (const { name } of session.compiled.state) all[name] = (await session.read(name)).slice();
  return all;
}

async function outputsOf(session: Session, paused: readonly string[]): Promise<Tensors> {
  const { step, plan } = session.compiled;
  const skipped = plan.groups.filter(({ id }) => paused.includes(id)).flatMap(({ modules }) => modules);
  const all: Record<string, Numbers> = {};
  for (const output of Object.keys(step.outputs)) {
    const [kind, module = ""] = output.split("/");
    if (kind === "gradient" && skipped.includes(module)) continue;
    all[output] = (await session.readStep(output)).slice();
  }
  return all;
}
