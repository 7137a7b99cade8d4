/**
 * Knowledge distillation from a frozen teacher (Hinton, Vinyals, Dean 2015).
 *
 * @module
 */

import { MissingRoleError, OptionError } from "../dsl/errors.ts";
import type { Term } from "../dsl/graph.ts";
import { kl, meanOf, supervision, term } from "../dsl/losses.ts";
import { type Member, type Method, method, type Site } from "../dsl/method.ts";
import { logits, run, type Value } from "../dsl/value.ts";

/** Options of {@linkcode kd}. */
export interface KdOptions {
  /** Temperature T; 4 (Tian et al. 2020). */
  readonly temperature?: number;
  /** Share w of the divergence; cross-entropy has 1 − w. 0.9 (Tian et al. 2020). */
  readonly weight?: number;
}

/** What {@linkcode kd} needs: a teacher and a student, at no spot. */
export type KdNeeds = { readonly teacher: never; readonly student: never };

/**
 * Each student learns `id/ce`, (1 − w) · cross-entropy, and `id/kd`, w · T² · KL(teacher → student).
 *
 * A teacher is no learner: it runs with its running statistics and keeps its weights. A student with several teachers
 * imitates the mean of their class scores; edges say who teaches whom, else all teachers teach all students.
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
  const { temperature = 4, weight = 0.9 } = options;
  if (!(Number.isFinite(temperature) && temperature > 0)) {
    throw new OptionError(
      `Cannot say kd(): its temperature is a finite number above 0, got ${temperature}. Leave it out for 4.`,
    );
  }
  if (!(weight >= 0 && weight <= 1)) {
    throw new OptionError(
      `Cannot say kd(): its weight is a share from 0 to 1, got ${weight}. Leave it out for 0.9.`,
    );
  }
  return method("kd", { temperature, weight }, { needs: { teacher: [], student: [] } }, (site) => ({
    terms: site.students.flatMap((student): readonly Term[] => {
      const target = meanOf(teachersOf(site, student).map(frozen));
      return [
        supervision(student, share(1 - weight)),
        term(`${student.id}/kd`, [student.id], kl(logits(student), target, { temperature }), weight),
      ];
    }),
  }));
}

function teachersOf(site: Site, student: Member): readonly Member[] {
  const teachers = site.edges.length === 0
    ? site.teachers
    : site.teachers.filter(({ id }) => site.edges.some(([from, to]) => from === id && to === student.id));
  if (teachers.length === 0) {
    throw new MissingRoleError(
      `Cannot lower kd(): every student has a teacher, got none for ${student.id}. ` +
        `Add an edge such as "teacher -> ${student.id}".`,
    );
  }
  return teachers;
}

/** A share without the digits that subtraction adds: 1 − 0.9 is 0.1. */
function share(value: number): number {
  return Number(value.toPrecision(12));
}

function frozen({ id, view }: Member): Value<"logits"> {
  return run(id, "logits", { mode: "eval", view });
}
