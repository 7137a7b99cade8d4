/**
 * Checks of options that several verbs share.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { Ramp, Weight } from "../graph.ts";

/** FFSD's warm-up of a coefficient: to · exp(−5 (1 − e/5)²) up to epoch 5, epochs from 1 (Li et al. 2022, code). */
export function warmUp(to: number): Ramp {
  return Object.freeze({ ramp: "sigmoid", to, epochs: 5, from: 1 });
}

/** A coefficient that rises to `to` by equal steps over `epochs` epochs, from 1: to · min(e / epochs, 1). */
export function linearWarmUp(to: number, epochs: number): Ramp {
  return Object.freeze({ ramp: "linear", to, epochs, from: 1 });
}

/** Refuses a number that is not finite and positive. @throws {OptionError} Naming verb and option. */
export function requirePositive(verb: string, option: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new OptionError(
      `Cannot say ${verb}: its ${option} is a finite number above 0, got ${value}. Leave it out for the default.`,
    );
  }
}

/** Refuses a number that is negative or not finite. @throws {OptionError} Naming verb and option. */
export function requireNotNegative(verb: string, option: string, value: number): void {
  if (!(Number.isFinite(value) && value >= 0)) {
    throw new OptionError(
      `Cannot say ${verb}: its ${option} is a finite number, 0 or above, got ${value}. Leave it out for the default.`,
    );
  }
}

/** Refuses a word that is none of `known`. @throws {OptionError} Naming verb and option. */
export function requireOneOf(verb: string, option: string, value: unknown, known: readonly unknown[]): void {
  if (!known.includes(value)) {
    throw new OptionError(
      `Cannot say ${verb}: its ${option} is one of ${known.join(", ")}, got ${String(value)}. Say one of them.`,
    );
  }
}

/** Refuses a weight that is negative, not finite, or a ramp without length. @throws {OptionError} Naming the verb. */
export function requireWeight(verb: string, option: string, weight: Weight): void {
  if (typeof weight === "number") return requireNotNegative(verb, option, weight);
  if ("measured" in weight) return;
  requireNotNegative(verb, option, weight.to);
  requirePositive(verb, `${option} ramp`, weight.epochs);
}

/** Refuses a number that is no whole one from `least`, 1 unless said. @throws {OptionError} Naming verb and option. */
export function requireWhole(verb: string, option: string, value: number, least = 1): void {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new OptionError(
      `Cannot say ${verb}: its ${option} is a whole number from ${least}, got ${value}. Leave it out for the default.`,
    );
  }
}

/** Refuses a number outside 0 to 1. @throws {OptionError} Naming verb and option. */
export function requireShare(verb: string, option: string, value: number): void {
  if (!(value >= 0 && value <= 1)) {
    throw new OptionError(
      `Cannot say ${verb}: its ${option} is a share from 0 to 1, got ${value}. Leave it out for the default.`,
    );
  }
}
