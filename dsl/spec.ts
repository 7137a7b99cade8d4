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
  readonly options: { readonly [key: string]: Json };
}

/** An optimizer with its constants. */
export interface OptimizerSpec {
  readonly kind: "sgd" | "adam";
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
  readonly milestones: readonly number[];
  readonly gamma: number;
  /** Epochs over which the rate rises linearly from near 0; 0 for none. */
  readonly warmup: number;
}

/** Settings of a run, every one filled in. */
export interface TrainSpec {
  readonly epochs: number;
  readonly batch: number;
  readonly seed: number;
  readonly optimizer: OptimizerSpec;
  readonly schedule: ScheduleSpec;
  /** Changes of the optimizer for single members or modules, by id. */
  readonly groups: { readonly [group: string]: Partial<OptimizerSpec> };
}

/** A dataset as the spec records it. */
export interface DatasetSpec {
  readonly kind: string;
  readonly options: { readonly [key: string]: string | number | boolean };
}

/** A whole sentence. */
export interface Spec {
  readonly version: 1;
  readonly nets: readonly NetSpec[];
  /** Who teaches whom, `"a -> b"`; empty where the verbs imply it. */
  readonly edges: readonly (readonly [from: string, to: string])[];
  readonly clauses: readonly Clause[];
  readonly dataset?: DatasetSpec;
  readonly train?: TrainSpec;
}
