/**
 * `loss()`: terms of one's own in a sentence.
 *
 * @module
 */

import { type Arch, stageIndex } from "../arch.ts";
import { OptionError, SentenceError } from "../errors.ts";
import type { Term, Weight } from "../graph.ts";
import type { Member } from "../method.ts";
import type { Value } from "../value.ts";

/** Nets of a sentence and their architectures. */
export interface LossNets {
  /** The nets. */
  readonly members: readonly Member[];
  /** Architectures by name. */
  readonly archs: Readonly<Record<string, Arch>>;
}

/**
 * The terms as they are, for callers that no type checker saw.
 *
 * Nets are looked up when the sentence is lowered, since a method may bring modules that a term names.
 *
 * @throws {SentenceError} If they are no list of terms, or a loss is no value of the vocabulary, or one of another shape.
 * @throws {UnknownSpotError} If a loss taps a spot that the net lacks.
 * @throws {OptionError} If a weight is no finite number, ramp or measured value.
 */
export function requireTerms(terms: unknown, nets: LossNets): readonly Term[] {
  if (!Array.isArray(terms)) {
    refuse("it takes a function that returns a list of terms", terms, "Return [{ name, learners, loss, weight }]");
  }
  for (const [i, one] of (terms as readonly Partial<Term>[]).entries()) {
    const { name, learners, loss, weight } = one ?? {};
    if (typeof name !== "string" || name === "") {
      refuse("every term has a name", one, `Call term ${i + 1} "learner/what"`);
    }
    const ids = Array.isArray(learners) && learners.every((id) => typeof id === "string") ? learners : [];
    if (ids.length === 0) refuse(`"${name}" has a list of learners`, learners, 'Say learners: ["peer0"]');
    requireLoss(name!, loss, nets);
    requireFactor(name!, weight);
  }
  return terms as readonly Term[];
}

function requireLoss(name: string, loss: unknown, nets: LossNets): void {
  requireValue(name, loss, nets, new Set());
  const { kind } = loss as Value;
  if (kind === "sample" || kind === "scalar") return;
  refuse(`the loss of "${name}" is one number or one a sample`, kind, "Wrap it in perSample(…) or meanAll(…)");
}

function requireValue(name: string, value: unknown, nets: LossNets, seen: Set<unknown>): void {
  if (seen.has(value)) return;
  seen.add(value);
  if (!isValue(value)) {
    refuse(
      `the loss of "${name}" is made of values`,
      value,
      "Make one from logits(net), tap(net, spot), … and constant(2)",
    );
  }
  const { op, of, attrs } = value;
  const net = op === "run" ? nets.members.find(({ id }) => id === attrs["net"]) : undefined;
  for (const spot of net === undefined ? [] : [attrs["from"], attrs["to"]]) {
    if (typeof spot === "string" && spot !== "") stageIndex(net!.id, nets.archs[net!.arch]!.stages, spot);
  }
  for (const input of of) requireValue(name, input, nets, seen);
}

function isValue(value: unknown): value is Value {
  if (typeof value !== "object" || value === null) return false;
  const { op, kind, of, attrs } = value as Partial<Value>;
  return typeof op === "string" && typeof kind === "string" && Array.isArray(of) && typeof attrs === "object";
}

function requireFactor(name: string, weight: unknown): void {
  if (typeof weight === "number" && Number.isFinite(weight)) return;
  if (typeof weight === "object" && weight !== null && isFactor(weight as Partial<Exclude<Weight, number>>)) return;
  throw new OptionError(
    `Cannot say loss(): the weight of "${name}" is a finite number, a ramp or a measured value, got ${
      shown(weight)
    }. ` +
      'Say 1, or { ramp: "linear", to: 1, epochs: 5, from: 1 }.',
  );
}

function isFactor(weight: Partial<Exclude<Weight, number>>): boolean {
  if ("measured" in weight) return typeof weight.measured === "string";
  if (!("ramp" in weight)) return false;
  const { ramp, to, epochs, from } = weight;
  return (ramp === "sigmoid" || ramp === "linear") && Number.isFinite(to) && epochs! > 0 && (from === 0 || from === 1);
}

function refuse(rule: string, got: unknown, next: string): never {
  throw new SentenceError(`Cannot say loss(): ${rule}, got ${shown(got)}. ${next}.`);
}

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
