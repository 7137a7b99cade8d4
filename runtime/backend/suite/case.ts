/** What a conformance case is, and how one is made from sketches. @module */

import { type RandomStream, stream } from "../../../dsl/random.ts";
import { type Primitive, sizeOf } from "../../ir/node.ts";
import type { StateEntry, StepProgram } from "../../ir/program.ts";
import type { Feed } from "../backend.ts";
import type { Sketch } from "./sketch.ts";

/** How far a backend may be from the oracle. */
export interface Tolerance {
  /** Error allowed per unit of size. */
  readonly relative: number;
  /** Size is that of the tensor's largest element, or of each element itself. */
  readonly of: "largest" | "element";
  /** Added to the allowed error of each element. */
  readonly absolute?: number;
  /** Where the number comes from. */
  readonly reason: string;
}

/** One run of one program of a case. */
export interface CaseRun {
  /** Index into `programs`. */
  readonly program: number;
  /** What it is fed. */
  readonly feed: Feed;
}

/** One conformance case: programs over one shared state, and what they are fed. Plain data. */
export interface Case {
  /** Groups cases for reports: a primitive or a part of the contract. */
  readonly topic: string;
  /** What is special here, unique within its topic. */
  readonly name: string;
  /** Programs over one engine. */
  readonly programs: readonly StepProgram[];
  /** State of all programs. */
  readonly state: readonly StateEntry[];
  /** Written before the first run; everything else starts at zero. */
  readonly initial: Readonly<Record<string, Float32Array>>;
  /** In order. */
  readonly runs: readonly CaseRun[];
  /** Of every output and state. */
  readonly tolerance: Tolerance;
  /** Computing primitives and effects that a backend has to offer for this case. */
  readonly primitives: readonly (Primitive | "assign" | "sgd" | "adam" | "gate")[];
}

/** What a case is made from. */
export interface Recipe {
  readonly topic: string;
  readonly name: string;
  readonly sketches: readonly Sketch[];
  /** One run each: the count for program 0, or a full description. */
  readonly runs: readonly (number | RecipeRun)[];
  readonly tolerance: Tolerance;
}

/** One run of a recipe; inputs are drawn. */
export interface RecipeRun {
  readonly program?: number;
  readonly count: number;
  readonly uniforms?: Readonly<Record<string, number>>;
}

/** Value of element `index` of a drawn tensor. */
export type Fill = (random: RandomStream, index: number) => number;

/** Standard normal. */
export const normal: Fill = (random, index) => random.normal(index);

/** Uniform between two numbers. */
export function between(low: number, high: number): Fill {
  return (random, index) => low + (high - low) * random.uniform(index);
}

/** Integers from `low` to `high`, both included: many ties. */
export function integers(low: number, high: number): Fill {
  return (random, index) => low + random.integer(index, high - low + 1);
}

/** Given numbers first, then `rest`. */
export function first(numbers: readonly number[], rest: Fill): Fill {
  return (random, index) => numbers[index] ?? rest(random, index);
}

/** Tolerance of functions that round a few times. */
export const rounding: Tolerance = {
  relative: 2e-6,
  of: "largest",
  reason: "a few float32 roundings (6e-8 each) relative to the largest element",
};

/** Results that only move numbers are exact. */
export const exact: Tolerance = { relative: 0, of: "largest", reason: "numbers are moved or chosen, not computed" };

/** Tolerance of sums of `terms` products. */
export function sums(terms: number): Tolerance {
  return {
    relative: 2e-6 * Math.sqrt(Math.max(1, terms)),
    of: "largest",
    reason: `float32 sums of ${terms} terms: rounding grows with √terms; leaves room for Winograd's transforms`,
  };
}

/** Draws every number of a recipe. */
export function makeCase(recipe: Recipe): Case {
  const { topic, name, sketches, tolerance } = recipe;
  const programs = sketches.map((sketch) => sketch.program());
  const state = new Map<string, StateEntry>();
  const initial: Record<string, Float32Array> = {};
  for (const sketch of sketches) {
    for (const { entry, fill } of sketch.states) {
      if (state.has(entry.name)) continue;
      state.set(entry.name, entry);
      if (fill !== undefined) {
        const random = stream(1, topic, name, entry.name);
        initial[entry.name] = Float32Array.from({ length: sizeOf(entry.shape) }, (_, i) => fill(random, i));
      }
    }
  }
  const runs = recipe.runs.map((run, position): CaseRun => {
    const { program = 0, count, uniforms = {} } = typeof run === "number" ? { count: run } : run;
    const inputs: Record<string, Float32Array | Uint16Array> = {};
    for (const drawn of sketches[program]!.inputs) {
      const random = stream(2, topic, name, position, drawn.name);
      const numbers = Float32Array.from({ length: count * drawn.row }, (_, i) => drawn.fill(random, i));
      inputs[drawn.name] = drawn.integer ? Uint16Array.from(numbers) : numbers;
    }
    const rounded = Object.entries(uniforms).map(([key, value]) => [key, Math.fround(value)]);
    return { program, feed: { count, inputs, uniforms: Object.fromEntries(rounded) } };
  });
  return { topic, name, programs, state: [...state.values()], initial, runs, tolerance, primitives: needs(programs) };
}

function needs(programs: readonly StepProgram[]): Case["primitives"] {
  const found = new Set<Case["primitives"][number]>();
  for (const program of programs) {
    for (const segment of program.segments) {
      if (segment.gate !== undefined) found.add("gate");
      for (const id of segment.nodes) found.add(program.nodes[id]!.op);
      for (const effect of segment.effects) found.add(effect.kind);
    }
  }
  return [...found];
}
