/**
 * What a run says when its numbers are no longer finite.
 *
 * @module
 */

import { DivergenceError } from "../../dsl/errors.ts";
import type { Snapshot } from "./snapshot.ts";

/** Where a run was when it diverged. */
export interface Place {
  /** From 1. */
  readonly epoch: number;
  /** Steps of that epoch that are done. */
  readonly step: number;
  /** Finished epochs. */
  readonly history: readonly unknown[];
}

/** The error of a term that is not finite. */
export function diverged([term, value]: readonly [string, number], run: Place): DivergenceError {
  const [member] = term.split("/");
  return new DivergenceError(
    `Cannot go on training ${member}: every loss is a finite number, got ${value} for ${term} in epoch ${run.epoch}, ` +
      `step ${run.step + 1}. ${whatIsKept(run)}`,
  );
}

/** A tensor of state that holds something else than finite numbers: the last step of an epoch shows in no loss. */
export function notFinite(tensors: Snapshot["tensors"]): string | undefined {
  return Object.entries(tensors).find(([, { data }]) => data.some((value) => !Number.isFinite(value)))?.[0];
}

/** The error of a weight that is not finite. */
export function outgrown(name: string, run: Place): DivergenceError {
  const [member] = name.split("/");
  return new DivergenceError(
    `Cannot go on training ${member}: every weight is a finite number, got another in ${name} after epoch ${run.epoch}, ` +
      `step ${run.step}. ${whatIsKept(run)}`,
  );
}

function whatIsKept(run: Place): string {
  const kept = run.history.length > 0
    ? "The weights of the last finished epoch are kept"
    : "No epoch was finished, so nothing learned is lost";
  return `${kept}; try a smaller learning rate or a warm-up.`;
}
