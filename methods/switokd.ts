/**
 * SwitOKD: switchable online knowledge distillation (Qian et al. 2022).
 *
 * @module
 */

import { mergeGraphs, type Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { type Method, method } from "../dsl/method.ts";
import type { Clause } from "../dsl/spec.ts";
import { lowerMutual, mutualOptions } from "../dsl/verbs/mutual.ts";
import { lowerSwitch, switchDefaults, type SwitchOptions, switchOptions } from "../dsl/verbs/switch.ts";

/** Options of {@linkcode switokd}. */
export interface SwitokdOptions extends Omit<SwitchOptions, "temperature"> {
  /** Temperature τ of divergences, gap and threshold; 1 (released code). */
  readonly temperature?: number;
  /** Factor α of the divergences that a student learns; 1. */
  readonly studentWeight?: Weight;
  /** Factor β of the divergences that a teacher learns; `studentWeight` unless said. */
  readonly teacherWeight?: Weight;
}

/** What {@linkcode switokd} needs: a teacher and a student, at no spot. */
export type SwitokdNeeds = { readonly teacher: never; readonly student: never };

/**
 * SwitOKD: nets learn from each other, and a teacher pauses in batches where it has run away from its students.
 *
 * Stands for `mutual({ temperature: τ, target: "sum", weight: α, teacherWeight: β })` and `switch()`; the formulas are
 * at {@linkcode lowerMutual} and {@linkcode lowerSwitch}. Net i learns `i/ce` and `i/dml`, α or β times
 * τ² Σ_j KL(j → i) over the nets that teach it; all update from one forward, in the order of the sentence.
 *
 * Of one teacher and one student all nets teach each other. More nets are wired by `topology()`, and `switch()` says
 * who pauses: `topology({ t1, t2, s }).teach("t1 <-> s", "t2 <-> s", "t1 <-> t2").switch("t1", "t2").use(switokd())`.
 *
 * @throws {OptionError} If an option is outside its range.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { switokd } from "./switokd.ts";
 * const graph = teacher(resnet14).student(resnet8).use(switokd()).lower();
 * console.log(graph.terms.map((term) => term.name)); // ["teacher/ce", "teacher/dml", "student/ce", "student/dml"]
 * console.log(graph.switches.map(({ pauses }) => pauses)); // ["teacher"]
 * ```
 *
 * Source: Qian, Wang, Xiong, Wu, Zhang 2022, "Switchable Online Knowledge Distillation". Followed where paper and
 * released code differ: the code, τ = 1 everywhere and the second condition d_t < d_s; `onlyIfBetter: false` is the
 * paper's criterion. Not followed unless `asReleased` is said: its slips with three nets. As there, the running
 * statistics of a paused teacher go on moving.
 */
export function switokd(options: SwitokdOptions = {}): Method<SwitokdNeeds, never> {
  const { temperature = 1, studentWeight = 1, teacherWeight } = options;
  const beta = teacherWeight === undefined ? {} : { teacherWeight };
  const { onlyIfBetter = switchDefaults.onlyIfBetter, asReleased = switchDefaults.asReleased } = options;
  const mutual = mutualOptions({ temperature, target: "sum", weight: studentWeight, ...beta });
  const pausing = switchOptions({ onlyIfBetter, asReleased });
  const clauses = Object.entries({ mutual, switch: pausing }).map(([verb, said]): Clause =>
    Object.freeze({ verb, options: frozenOptions(said, `switokd() as ${verb}()`) })
  );
  return method(
    "switokd",
    frozenOptions({ temperature, studentWeight, ...beta, onlyIfBetter, asReleased }, "switokd()"),
    { needs: { teacher: [], student: [] }, clauses },
    (site) => mergeGraphs([lowerMutual({ ...site, clauses }, mutual), lowerSwitch({ ...site, clauses })]),
  );
}
