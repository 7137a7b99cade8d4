/**
 * A step trace as its file has it, and its parts.
 *
 * @module
 */

import { CohortError } from "../../dsl/errors.ts";
import type { OptimizerSpec } from "../../dsl/spec.ts";
import type { NetOptions } from "../../dsl/archs/from_options.ts";
import { readRecording, readTensors, type Tensors } from "./files.ts";
import type { CheckSums, Override, RecordedTensor } from "./formula.ts";

/** A net in normal form. */
export interface RecordedNet extends NetOptions {
  /** `"leader"` where it is one. */
  readonly role?: string;
  /** Whether FFSD's decoder is part of it. */
  readonly decoder?: boolean;
  /** Number of equal nets, for `independent_members`. */
  readonly members?: number;
  /** Number of branches, and the last spot they share, for `branched`. */
  readonly branches?: number;
  readonly shared_through?: string;
  /** One of these nets. */
  readonly base?: RecordedNet;
}

/** An optimizer with PyTorch's names. */
export interface RecordedOptimizer {
  readonly type: string;
  readonly lr: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly dampening?: number;
  readonly weight_decay?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly amsgrad?: boolean;
}

/** What a step computed. */
export interface RecordedIteration {
  readonly terms: Readonly<Record<string, number>>;
  readonly decisions?: Readonly<Record<string, unknown>>;
  readonly phase?: string;
}

/** Check sums of a tensor after a step; `delta` holds l2, sum and dot of its change. */
export interface RecordedAfter extends CheckSums {
  readonly delta: readonly [l2: number, sum: number, dot: number];
}

/** Largest errors that the recording's own rounding explains. */
export interface Tolerances {
  readonly terms_first: number;
  readonly terms_second: number;
  readonly terms_last: number;
  readonly terms_max: number;
  readonly grad_first_max: number;
  readonly grad_first_median: number;
  readonly delta_first_max: number;
  readonly delta_first_median: number;
  readonly delta_last_max: number;
  readonly delta_last_median: number;
  readonly logits_first: number;
  readonly logits_last: number;
  readonly eval_logits: number;
}

/** A step trace. */
export interface Trace {
  readonly name: string;
  readonly method: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly nets: Readonly<Record<string, RecordedNet>>;
  readonly batches: {
    readonly C: number;
    readonly n: number;
    readonly count: number;
    readonly order?: readonly number[];
  };
  readonly optimizers: Readonly<Record<string, RecordedOptimizer>>;
  readonly init: {
    readonly seed: string;
    readonly overrides: readonly Override[];
    readonly tensors: Readonly<Record<string, RecordedTensor>>;
  };
  readonly iterations: readonly RecordedIteration[];
  readonly iterations_f64?: readonly RecordedIteration[];
  /** In order of optimizer steps. */
  readonly grads_iteration_1: readonly {
    readonly optimizer: string;
    readonly grads: Readonly<Record<string, CheckSums>>;
  }[];
  readonly after: Readonly<Record<string, Readonly<Record<string, RecordedAfter>>>>;
  readonly param_counts: Readonly<Record<string, number>>;
  readonly recommended_tolerance: Tolerances;
}

/** A trace with the tensors it comes with. */
export interface TraceFiles {
  readonly trace: Trace;
  readonly tensors: Tensors;
  readonly batches: Tensors;
}

const keys = [
  "method",
  "config",
  "nets",
  "batches",
  "optimizers",
  "init",
  "iterations",
  "grads_iteration_1",
  "after",
  "param_counts",
  "recommended_tolerance",
] as const;

/** Reads a step trace and the batches it used. @throws {CohortError} If a file is missing or corrupt. */
export async function readTrace(folder: string, stem: string): Promise<TraceFiles> {
  const trace = await readRecording<Trace>(`${folder}/${stem}.json`, keys);
  const tensors = await readTensors(`${folder}/${stem}.safetensors`);
  const batches = await readTensors(`${folder}/batches_c${trace.batches.C}.safetensors`);
  return { trace, tensors, batches };
}

/** An optimizer in this project's words. @throws {CohortError} If it is of a kind that does not exist here. */
export function optimizerFrom(recorded: RecordedOptimizer): OptimizerSpec {
  const { type, lr, momentum = 0, nesterov = false, dampening = 0, weight_decay = 0, betas, eps, amsgrad } = recorded;
  const kind = ({ SGD: "sgd", Adam: "adam" } as const)[type];
  if (kind === undefined || dampening !== 0 || amsgrad === true) {
    throw new CohortError(
      `Cannot replay: optimizers are SGD without dampening and Adam without AMSGrad, got ${
        JSON.stringify(recorded)
      }. ` +
        "Leave this recording out with --only.",
    );
  }
  return {
    kind,
    learningRate: lr,
    momentum,
    nesterov,
    weightDecay: weight_decay,
    beta1: betas?.[0] ?? 0.9,
    beta2: betas?.[1] ?? 0.999,
    epsilon: eps ?? 1e-8,
  };
}

/** A number of a trace's `config`. @throws {CohortError} If it is missing. */
export function numberIn(config: Trace["config"], key: string): number {
  const value = config[key];
  if (typeof value === "number") return value;
  throw new CohortError(`Cannot replay: the recording's config has a number "${key}", got ${JSON.stringify(value)}.`);
}
