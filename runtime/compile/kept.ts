/**
 * Tensors that a loss graph keeps from step to step: their names, sizes, and who writes them when.
 *
 * @module
 */

import { didYouMean, OptionError, UnknownNameError } from "../../dsl/errors.ts";
import type { LossGraph, StateUpdate } from "../../dsl/graph.ts";
import type { Value } from "../../dsl/value.ts";
import type { Effect } from "../ir/program.ts";
import type { ParameterEntry } from "./net.ts";

/** Name of a kept tensor among all state. */
export function keptName(name: string): string {
  return `state/${name}`;
}

/**
 * The kept tensors of a graph with their sizes.
 *
 * @throws {OptionError} If one has a row for each training image, whose number nobody said.
 */
export function keptTensors({ state = [] }: Pick<LossGraph, "state">, samples: number | undefined): ParameterEntry[] {
  return state.map(({ name, shape, init }) => {
    const sizes = shape.map((size) => {
      if (size !== "samples") return size;
      if (samples !== undefined && Number.isSafeInteger(samples) && samples > 0) return samples;
      throw new OptionError(
        `Cannot keep ${name}: it has a row for each training image, got ${samples ?? "no number"} of them. ` +
          "Say samples, the number of training images.",
      );
    });
    return Object.freeze({ name: keptName(name), kind: "buffer", shape: sizes, init, fanIn: 1 });
  });
}

/** The kept tensor called `name`. @throws {UnknownNameError} If the graph keeps none of that name. */
export function keptTensor(kept: readonly ParameterEntry[], name: string): ParameterEntry {
  const found = kept.find((entry) => entry.name === keptName(name));
  if (found !== undefined) return found;
  const known = kept.map((entry) => entry.name.slice(keptName("").length));
  throw new UnknownNameError(
    `Cannot use the kept tensor "${name}": the graph declares it.${didYouMean(name, known)}`,
  );
}

/** Phase in which a kept tensor is written: the last one that reads it. */
export function phaseOfUpdate(graph: LossGraph, { state }: StateUpdate): number {
  const readers = graph.terms.filter(({ loss }) => readsState(loss, state)).flatMap(({ learners }) => learners);
  return Math.max(0, ...readers.map((learner) => graph.phases.findIndex((phase) => phase.includes(learner))));
}

/** The write of an update whose values are nodes. */
export function updateOfState({ state, value, rows }: StateUpdate, node: (value: Value) => number): Effect {
  return {
    kind: "assign",
    state: keptName(state),
    node: node(value),
    ...(rows === undefined ? {} : { rows: node(rows) }),
  };
}

function readsState(value: Value, name: string, seen: Set<Value> = new Set()): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return (value.op === "state" && value.attrs["name"] === name) ||
    value.of.some((input) => readsState(input, name, seen));
}
