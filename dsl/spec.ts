/**
 * The spec of a sentence: plain JSON that says what was said, before and after defaults are filled in.
 *
 * @module
 */

import type { Role } from "./graph.ts";

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A net of the sentence. */
export interface NetSpec {
  /** Name in terms, files and logs: `peer0`, `leader`, `teacher`, `student`, or a key of `topology()`. */
  readonly id: string;
  /** Name of the architecture. */
  readonly arch: string;
  /** What it is in the sentence. */
  readonly role: Role;
  /** Which augmented view of the images it sees. */
  readonly view: number;
}

/** One verb with its options, or one method with its own. */
export interface Clause {
  /** The verb: `leader`, `fuse`, `mutual`, …, or `use` and `loss`. */
  readonly verb: string;
  /** Method identity for `use`. */
  readonly method?: { readonly kind: string; readonly name: string; readonly version: number };
  /** Options of the verb or method. */
  readonly options: { readonly [key: string]: Json };
}

/** An optimizer with its constants. */
export interface OptimizerSpec {
  /** Which optimizer. */
  readonly kind: "sgd" | "adam";
  /** Rate before the schedule. */
  readonly learningRate: number;
  /** SGD only. */
  readonly momentum: number;
  /** SGD only. */
  readonly nesterov: boolean;
  /** L2 coefficient added to the gradient, as PyTorch does. */
  readonly weightDecay: number;
  /** Adam only. */
  readonly beta1: number;
  /** Adam only. */
  readonly beta2: number;
  /** Adam only. */
  readonly epsilon: number;
}

/** Learning-rate factor over epochs: ×`gamma` after each of `milestones` finished epochs; linear warm-up before. */
export interface ScheduleSpec {
  /** Epochs after which the rate falls, rising. */
  readonly milestones: readonly number[];
  /** Factor of each fall, in (0, 1]. */
  readonly gamma: number;
  /** Epochs over which the rate rises linearly from near 0; 0 for none. */
  readonly warmup: number;
}

/** Settings of a run, every one filled in. */
export interface TrainSpec {
  /** Passes over the training images. */
  readonly epochs: number;
  /** Images a step. */
  readonly batch: number;
  /** Seed of weights, order and augmentation. */
  readonly seed: number;
  /** Optimizer of every group, before its own changes. */
  readonly optimizer: OptimizerSpec;
  /** Learning-rate factor over epochs. */
  readonly schedule: ScheduleSpec;
  /** Changes of the optimizer for single members or modules, by id. */
  readonly groups: { readonly [group: string]: Partial<OptimizerSpec> };
}

/** A dataset as the spec records it. */
export interface DatasetSpec {
  /** Identity of the dataset, e.g. `"cifar100"`. */
  readonly kind: string;
  /** Options that identify the data. */
  readonly options: { readonly [key: string]: string | number | boolean };
}

/** A whole sentence. */
export interface Spec {
  /** Version of this format. */
  readonly version: 1;
  /** Nets in the order they were said. */
  readonly nets: readonly NetSpec[];
  /** Who teaches whom, `"a -> b"`; empty where the verbs imply it. */
  readonly edges: readonly (readonly [from: string, to: string])[];
  /** Verbs and methods in the order they were said. */
  readonly clauses: readonly Clause[];
  /** Dataset, once `on()` was said. */
  readonly dataset?: DatasetSpec;
  /** Settings of the run, once `train()` was said. */
  readonly train?: TrainSpec;
}
