/**
 * Knowledge distillation from a frozen teacher (Hinton, Vinyals, Dean 2015).
 *
 * @module
 */

import { frozenAt, teachersOf } from "../dsl/distill.ts";
import { OptionError } from "../dsl/errors.ts";
import type { Term } from "../dsl/graph.ts";
import { kl, meanOf, supervision, term } from "../dsl/losses.ts";
import { type Method, method } from "../dsl/method.ts";
import { logits } from "../dsl/value.ts";
import { requireNotNegative } from "../dsl/verbs/options.ts";

/** Options of {@linkcode kd}. */
export interface KdOptions {
  /** Temperature T; 4 (Tian et al. 2020). */
  readonly temperature?: number;
  /** Share w of the divergence; cross-entropy has 1 − w. 0.9 (Tian et al. 2020). */
  readonly weight?: number;
  /** Factor γ of cross-entropy in the place of 1 − w; w is then any factor, 0 or above. */
  readonly ce?: number;
}

/** What {@linkcode kd} needs: a teacher and a student, at no spot. */
export type KdNeeds = { readonly teacher: never; readonly student: never };

/**
 * Each student learns `id/ce`, (1 − w) · cross-entropy, and `id/kd`, w · T² · KL(teacher → student).
 *
 * A teacher is no learner: it runs with its running statistics and keeps its weights. A student with several teachers
 * imitates the mean of their class scores; edges say who teaches whom, else all teachers teach all students.
 *
 * Beside a distiller it says the factor of cross-entropy that the other says, so that there is one `id/ce`:
 * `.use(kd({ ce: 1, weight: 1 })).use(at())`.
 *
 * @throws {OptionError} If the temperature is not positive or w is outside [0, 1].
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { kd } from "./kd.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(kd({ temperature: 4 })).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/kd"]
 * ```
 *
 * Source: Hinton, Vinyals, Dean 2015, section 2; constants of the RepDistiller benchmark, Tian, Krishnan, Isola 2020.
 */
export function kd(options: KdOptions = {}): Method<KdNeeds, never> {
  const { temperature = 4, weight = 0.9, ce } = options;
  if (!(Number.isFinite(temperature) && temperature > 0)) {
    throw new OptionError(
      `Cannot say kd(): its temperature is a finite number above 0, got ${temperature}. Leave it out for 4.`,
    );
  }
  if (ce !== undefined) {
    requireNotNegative("kd()", "ce", ce);
    requireNotNegative("kd()", "weight", weight);
  } else if (!(weight >= 0 && weight <= 1)) {
    throw new OptionError(
      `Cannot say kd(): its weight is a share from 0 to 1, got ${weight}. Leave it out for 0.9.`,
    );
  }
  return method("kd", { temperature, weight, ...(ce === undefined ? {} : { ce }) }, {
    needs: { teacher: [], student: [] },
  }, (site) => ({
    terms: site.students.flatMap((student): readonly Term[] => {
      const target = meanOf(teachersOf(site, student, "kd()").map((teacher) => frozenAt(teacher, "logits", "logits")));
      return [
        supervision(student, ce ?? share(1 - weight)),
        term(`${student.id}/kd`, [student.id], kl(logits(student), target, { temperature }), weight),
      ];
    }),
  }));
}

/** A share without the digits that subtraction adds: 1 − 0.9 is 0.1. */
function share(value: number): number {
  return Number(value.toPrecision(12));
}
