/**
 * What a method's adapter says: the sentence that equals a recorded step, and how its words map to the recording's.
 *
 * @module
 */

import type { Arch } from "../../dsl/arch.ts";
import { archFromNet } from "../../dsl/archs/from_options.ts";
import type { LossGraph } from "../../dsl/graph.ts";
import type { AnyPipeline } from "../../dsl/pipeline.ts";
import type { Numbers } from "../../runtime/backend/backend.ts";
import type { Tensors } from "./files.ts";
import type { RecordedNet, Trace } from "./trace_format.ts";

/** A step as adapters read it. */
export interface StepView {
  /** Every term, weighted. */
  readonly terms: Readonly<Record<string, number>>;
  /** Weight of every term. */
  readonly weights: Readonly<Record<string, number>>;
  /** Groups that paused. */
  readonly paused: readonly string[];
  /** Mean over the batch of a watched quantity. */
  watched(name: string): number;
  /** All numbers of an output: `watch/<name>`, `logits/<net>`. */
  values(output: string): Numbers;
}

/** Class scores that a recording has in one tensor. */
export interface Scores {
  /** Nets and heads whose scores it is made of, or `watch/<name>`. */
  readonly of: readonly string[];
  /** One of them, side by side along a last axis, or their mean. */
  readonly as: "one" | "stack" | "mean";
}

/** How to replay a trace. */
export interface Replay {
  /** The sentence; its loss graph is {@linkcode Replay.graph}. */
  readonly sentence: Pick<AnyPipeline, "spec" | "archs">;
  /** Its loss graph, with what the recording's terms need watched. */
  readonly graph: LossGraph;
  /** Epoch for ramps, from 1. */
  readonly epoch: number;
  /** Prefixes of recorded tensor names and what they are here; the first that fits counts. */
  readonly prefixes: readonly (readonly [recorded: string, ours: string])[];
  /** Name of the recorded optimizer of each group. */
  readonly optimizers: Readonly<Record<string, string>>;
  /** The recording's terms from a step of ours. */
  terms(step: StepView): Readonly<Record<string, number>>;
  /** The terms of the initial stage, from a step of it. */
  stageTerms?(step: StepView): Readonly<Record<string, number>>;
  /** The scores behind a recorded key such as `student0`. */
  scores(key: string): Scores | undefined;
  /** The recording's decisions from a step of ours, which have to be the same. */
  decisions?(step: StepView): Readonly<Record<string, unknown>>;
  /** Those among the recording's decisions that are real numbers, flat; they have to be near. */
  measurements?(step: StepView): Readonly<Record<string, Numbers>>;
  /** Watched values that the recording holds as tensors `itK/NAME`. */
  readonly tensors?: readonly string[];
  /** Number of views: net j sees batch k + j in iteration k, with the labels of batch k. One for all unless said. */
  readonly views?: number;
  /** Weights that the recording lists beside its terms: ours and theirs. */
  readonly coefficients?: Readonly<Record<string, readonly [ours: number, recorded: number]>>;
  /** Rows of kept tensors that have one for each training image. */
  readonly samples?: number;
  /** Recorded modules that take no part in the recorded steps. */
  readonly unused?: readonly string[];
  /** Further inputs of an iteration, from 0, out of the recording's tensors. */
  inputs?(tensors: Tensors, iteration: number): Readonly<Record<string, Float32Array>>;
  /** Recorded tensors that hold constants, and numbers that are tensors of their own here. */
  readonly composed?: Readonly<Record<string, readonly (number | string)[]>>;
  /**
   * Learning rates that the release may have had in the initial stage, where the recording does not say which; the one
   * that its first update shows counts.
   */
  readonly stageRates?: readonly number[];
  /** Error of terms allowed against float64; 1e-8 unless said. */
  readonly exactness?: number;
}

/** The first stage of every architecture. */
const STEM = "stem";

/** Makes a replay of a trace, or says why it cannot be made yet. */
export type Adapter = (trace: Trace) => Replay | string;

/** A net of a trace, or the reason why it does not exist yet. */
export function netOf(trace: Trace, name: string): Arch | string {
  const net = trace.nets[name];
  return net === undefined ? `the trace has no net "${name}"` : archOf(net);
}

/** An architecture, or the reason why it does not exist yet. */
export function archOf(net: RecordedNet): Arch | string {
  return archFromNet(net) ??
    `the net ${[net.family, net.variant, net.style].filter(Boolean).join(" ")} does not exist yet`;
}

/**
 * The spot behind f[index] of a recording: the stem, the spots, the embedding; from the end where the index is negative.
 */
export function featureOf({ spots }: Pick<Arch, "spots">, index: number): string | undefined {
  return [STEM, ...spots, "embedding"].at(index);
}

/** The architecture with its stem among its spots if one of these is its stem. */
export function withStem(arch: Arch, wanted: readonly (string | undefined)[]): Arch {
  return wanted.includes(STEM) ? { ...arch, spots: [STEM, ...arch.spots] } : arch;
}

/** A term without its weight; `undefined` where the weight is 0 and nothing can be told. */
export function unweighted(step: StepView, term: string): number | undefined {
  const weight = step.weights[term]!;
  return weight === 0 ? undefined : step.terms[term]! / weight;
}

/** Sum of the weighted terms. */
export function total(step: StepView, terms: readonly string[] = Object.keys(step.terms)): number {
  return terms.reduce((sum, name) => sum + step.terms[name]!, 0);
}

/** Whether recorded parts add up to a recorded total: weighted ones do. */
export function addsUp({ iterations }: Trace, parts: readonly string[], whole: string): boolean {
  const terms = iterations[0]?.terms ?? {};
  const sum = parts.reduce((all, name) => all + (terms[name] ?? NaN), 0);
  return Math.abs(sum - terms[whole]!) < 1e-4 * Math.abs(terms[whole]!);
}

/** The entries whose value is known. */
export function known(terms: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(terms).filter(([, value]) => value !== undefined)) as Record<string, number>;
}
