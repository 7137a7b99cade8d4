/**
 * The parts of a run: its initial stages, one after the other, then the main training.
 *
 * @module
 */

import { CheckpointError } from "../../dsl/errors.ts";
import { type InitialStage, learnersOf } from "../../dsl/graph.ts";
import type { TrainSpec } from "../../dsl/spec.ts";
import { compile, type Compiled } from "../compile/compile.ts";
import type { CompileInput } from "../compile/resolve.ts";
import type { FitInput } from "./fit.ts";
import type { NamedTensor } from "./safetensors.ts";
import type { Snapshot } from "./snapshot.ts";

/** A part of a run. */
export interface Part {
  /** Name of the initial stage; the main training has none. */
  readonly stage?: string;
  /** What is run. */
  readonly compiled: Compiled;
  /** How it is trained. */
  readonly train: TrainSpec;
  /** Epochs of the parts before it: no two epochs of a run show images in one order. */
  readonly before: number;
}

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, NamedTensor>>;

/** Compiles every part of a run, the main training last. */
export function partsOf(input: CompileInput, train: TrainSpec): readonly Part[] {
  const stages = input.graph.stages ?? [];
  let before = 0;
  const parts = stages.map((stage): Part => {
    const own = stageTrain(stage, train);
    const part = { stage: stage.name, compiled: compile({ ...input, graph: stage.graph }, own), train: own, before };
    before += stage.epochs;
    return part;
  });
  return [...parts, { compiled: compile(input, train), train, before }];
}

/** How a stage is trained: as the run, with the stage's own epochs, optimizer and schedule. */
export function stageTrain({ epochs, optimizer, schedule, graph }: InitialStage, train: TrainSpec): TrainSpec {
  const learners = learnersOf(graph);
  return Object.freeze({
    ...train,
    epochs,
    optimizer: { ...train.optimizer, ...optimizer },
    schedule: { milestones: [], gamma: 1, warmup: 0, ...schedule },
    groups: Object.fromEntries(Object.entries(train.groups).filter(([group]) => learners.has(group))),
  });
}

/** Position of the part that a snapshot was taken in; 0 without one. @throws {CheckpointError} If there is none. */
export function partOf(parts: readonly Part[], snapshot: Snapshot | undefined): number {
  if (snapshot === undefined) return 0;
  const { stage } = snapshot.position;
  const at = parts.findIndex((part) => part.stage === stage);
  if (at >= 0) return at;
  const known = parts.flatMap((part) => part.stage ?? []);
  throw new CheckpointError(
    `Cannot resume: the checkpoint was written in a stage of this run, got "${stage}". ` +
      `Known: ${known.join(", ") || "none"}. Resume with the sentence that wrote it.`,
  );
}

/** What a part leaves to the next: everything but what optimizers keep. */
export function lasting({ state }: Compiled, tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(
    state.filter(({ kind }) => kind !== "slot").map(({ name }) => [name, tensors[name]!]),
  );
}

/** The stage's name, where there is one. */
export function stageOf({ stage }: { readonly stage?: string }): { readonly stage?: string } {
  return stage === undefined ? {} : { stage };
}

/** What parts before left for parts behind this one. */
export function carriedOf({ part, session, resume }: FitInput): Pick<Snapshot, "carried"> {
  const carried = resume?.carried ?? (part === undefined ? {} : waiting(session.compiled, part.tensors));
  return Object.keys(carried).length === 0 ? {} : { carried };
}

/** Tensors that a part does not hold itself; they wait for one that does. */
function waiting({ state }: Compiled, tensors: NamedTensors): NamedTensors {
  const own = new Set(state.map(({ name }) => name));
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => !own.has(name)));
}
