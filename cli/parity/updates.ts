/**
 * How far what a step changed is from what the recorded one did.
 *
 * @module
 */

import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import type { Compiled } from "../../runtime/compile/compile.ts";
import type { Session } from "../../runtime/train/session.ts";
import type { Replay } from "./adapter.ts";
import { checkSums, sumsError } from "./formula.ts";
import { namesOf, openReplay, stepOf } from "./replay.ts";
import { median } from "./report.ts";
import type { Trace, TraceFiles } from "./trace_format.ts";

/** What the recording calls the state after the first step of an initial stage. */
export const FIRST_OF_STAGE = "init_stage_1";

/** Reads a tensor by its name here. */
export type Read = (name: string) => Promise<Numbers | undefined>;

/** The tensors that a trace begins with, by their names here. */
export type Initial = ReadonlyMap<string, Float32Array>;

/** A recorded tensor and the error of its change. */
export interface Update {
  readonly name: string;
  readonly error: number;
}

/** Errors of changes since the beginning. */
export interface Updates {
  /** Parameters, relative to what their module changed. */
  readonly moving: readonly Update[];
  /** Statistics, in the same way. */
  readonly buffers: readonly Update[];
  /** What the recording left as it was, by the size of its change here. */
  readonly resting: readonly Update[];
}

/** Compares every tensor's change since the beginning with the one recorded after an iteration. */
export async function updatesAfter(
  iteration: string,
  trace: Trace,
  replay: Replay,
  read: Read,
  initial: Initial,
): Promise<Updates> {
  const after = trace.after[iteration]!;
  const scales = new Map<string, number>();
  for (const [name, { delta: [l2] }] of Object.entries(after)) {
    scales.set(moduleOf(name), Math.max(scales.get(moduleOf(name)) ?? 0, 0.01 * l2));
  }
  const [moving, buffers, resting]: Update[][] = [[], [], []];
  for (const [name, { delta: [l2, sum, dot] }] of Object.entries(after)) {
    const before = await tensorOf(name, replay, (ours) => Promise.resolve(initial.get(ours)));
    if (before === undefined) continue; // told by the comparison of initial tensors
    const values = (await tensorOf(name, replay, read))!;
    const moved = checkSums(values, before);
    if (l2 === 0) resting!.push({ name, error: moved.l2 });
    else {
      const error = sumsError(moved, { l2, sum, dot }, values.length, scales.get(moduleOf(name)));
      (/running_(mean|var)$/.test(name) ? buffers! : moving!).push({ name, error });
    }
  }
  return { moving: moving!, buffers: buffers!, resting: resting! };
}

/** Reads a session's tensors, and from elsewhere those that it does not have. */
export function readOf(session: Session, elsewhere: ReadonlyMap<string, Numbers>): Read {
  const held = new Set(session.compiled.state.map(({ name }) => name));
  return (name) => held.has(name) ? session.read(name) : Promise.resolve(elsewhere.get(name));
}

/** A stage at the learning rate that its first update shows, where the recording does not say which it was. */
export async function atShownRate(
  stage: Compiled,
  files: TraceFiles,
  replay: Replay,
  backend: Backend,
  initial: Initial,
): Promise<Compiled> {
  const rates = [...new Set(replay.stageRates ?? [])];
  if (rates.length === 0) return stage;
  const tries = rates.map((learningRate): Compiled => {
    const optimizers = Object.entries(stage.optimizers).map(([group, own]) => [group, { ...own, learningRate }]);
    return { ...stage, optimizers: Object.fromEntries(optimizers) };
  });
  let [best, least] = [tries[0]!, Infinity];
  for (const tried of tries.length > 1 ? tries : []) {
    const session = await openReplay(tried, backend, initial);
    try {
      await stepOf(session, files, replay, 0);
      const { moving } = await updatesAfter(FIRST_OF_STAGE, files.trace, replay, readOf(session, initial), initial);
      const error = median(moving.map((update) => update.error));
      if (error < least) [best, least] = [tried, error];
    } finally {
      await session.close();
    }
  }
  return best;
}

/** A recorded tensor from ours. */
async function tensorOf(recorded: string, replay: Replay, read: Read): Promise<Numbers | undefined> {
  const parts = replay.composed?.[recorded];
  const name = namesOf(replay)(recorded);
  if (parts === undefined) return name === undefined ? undefined : await read(name);
  const numbers = await Promise.all(
    parts.map(async (part) => typeof part === "number" ? part : (await read(part))?.[0]),
  );
  return numbers.includes(undefined) ? undefined : Float64Array.from(numbers as number[]);
}

function moduleOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}
