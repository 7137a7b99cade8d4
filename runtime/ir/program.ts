/**
 * The step program: what a backend runs. A static graph cut into segments, each with its effects on state.
 *
 * @module
 */

import type { Node, Shape } from "./node.ts";

/** Kinds of state that live from step to step. */
export type StateKind = "parameter" | "buffer" | "slot";

/** One tensor of state: `net/name` for parameters and buffers, `net/name#momentum` for optimizer slots. */
export interface StateEntry {
  /** Name, unique on an engine. */
  readonly name: string;
  /** Trained, advanced by forwards, or kept by an optimizer. */
  readonly kind: StateKind;
  /** Size of every axis. */
  readonly shape: Shape;
}

/** What a segment does to state after its nodes were computed, in order. */
export type Effect =
  | AssignEffect
  | SgdEffect
  | AdamEffect;

/**
 * state ← node; or, with rows [B], state[rows[b]] ← node[b] for the samples present, in their order, and nothing where
 * a row is negative.
 */
export interface AssignEffect {
  /** Plain assignment. */
  readonly kind: "assign";
  /** State that it changes. */
  readonly state: string;
  /** Node with the new value, or with one row of it a sample. */
  readonly node: number;
  /** Node with the position of each sample's row. */
  readonly rows?: number;
}

/**
 * PyTorch's SGD on one parameter: g ← g + λw; v ← μv + g; w ← w − η(g + μv) with Nesterov, w − ηv without.
 * μ = 0 keeps no slot.
 */
export interface SgdEffect {
  /** The optimizer. */
  readonly kind: "sgd";
  /** State that it changes. */
  readonly parameter: string;
  /** Node with the gradient. */
  readonly gradient: number;
  /** Uniform with the learning rate η. */
  readonly rate: string;
  /** λ. */
  readonly weightDecay: number;
  /** μ. */
  readonly momentum: number;
  /** Whether the step looks ahead. */
  readonly nesterov: boolean;
  /** Slot of v; absent when μ = 0. */
  readonly velocity?: string;
}

/**
 * PyTorch's Adam on one parameter (L2 in the gradient): t ← t + 1; m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²;
 * w ← w − η · (m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε). The slot `step` [] holds t, is one parameter's own, and
 * advances by one a run.
 */
export interface AdamEffect {
  /** The optimizer. */
  readonly kind: "adam";
  /** State that it changes. */
  readonly parameter: string;
  /** Node with the gradient. */
  readonly gradient: number;
  /** Uniform with the learning rate η. */
  readonly rate: string;
  /** L2 coefficient, added to the gradient. */
  readonly weightDecay: number;
  /** β₁. */
  readonly beta1: number;
  /** β₂. */
  readonly beta2: number;
  /** ε. */
  readonly epsilon: number;
  /** Slot of m. */
  readonly first: string;
  /** Slot of v. */
  readonly second: string;
  /** Slot of t. */
  readonly step: string;
}

/** A run of nodes with effects; skipped as a whole when its gate is above zero. */
export interface Segment {
  /** What it does, for people: `forward`, `update peer0`, …. */
  readonly name: string;
  /** Nodes to compute, in order; leaves are not listed. */
  readonly nodes: readonly number[];
  /** Changes of state once its nodes are computed. */
  readonly effects: readonly Effect[];
  /** Node of shape [] computed in an earlier segment: above zero means skip. */
  readonly gate?: number;
  /** Node of shape [] computed in an earlier segment: the number of samples it runs over; the run's unless said. */
  readonly count?: number;
}

/** A compiled step. */
export interface StepProgram {
  /** What it is, for people. */
  readonly name: string;
  /** Largest batch. */
  readonly batch: number;
  /** Every node, inputs first; `nodes[i].id === i`. */
  readonly nodes: readonly Node[];
  /** Run in order. */
  readonly segments: readonly Segment[];
  /** State it reads or writes. */
  readonly state: readonly StateEntry[];
  /** Nodes readable after a run, by name; they keep their memory to the end. */
  readonly outputs: Readonly<Record<string, number>>;
}

/** Nodes that an effect reads. */
export function effectNodes(effect: Effect): readonly number[] {
  if (effect.kind !== "assign") return [effect.gradient];
  return effect.rows === undefined ? [effect.node] : [effect.node, effect.rows];
}

/** The effect with other numbers for the nodes it reads. */
export function mapEffect(effect: Effect, at: (id: number) => number): Effect {
  if (effect.kind !== "assign") return { ...effect, gradient: at(effect.gradient) };
  const { rows } = effect;
  return { ...effect, node: at(effect.node), ...(rows === undefined ? {} : { rows: at(rows) }) };
}
