/**
 * FitNets: hints for thin nets (Romero et al. 2015).
 *
 * @module
 */

import { connector } from "../dsl/connectors.ts";
import {
  channelsOf,
  distiller,
  type DistillNeeds,
  type DistillOptions,
  type Match,
  type SpotPair,
} from "../dsl/distill.ts";
import { perSample, square, sub } from "../dsl/expr.ts";
import type { Aux, Weight } from "../dsl/graph.ts";
import { batchNorm, relu } from "../dsl/layers.ts";
import type { Method } from "../dsl/method.ts";
import { run, type Value } from "../dsl/value.ts";

/** Options of {@linkcode fitnet}. */
export interface FitnetOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β; 100 (Tian et al. 2020; under SAKD 1). */
  readonly weight?: Weight;
  /** Spots that are compared; the second of both unless said. */
  readonly at?: readonly P[];
}

/**
 * FitNets: a regressor turns a map of the student into the teacher's. It learns `student/ce` and `student/fitnet`,
 * β · mean of (R(F_s) − F_t)² over all elements of [B, C_t, H_t, W_t].
 *
 * R, the module `student_fitnet`, is a {@linkcode connector} to the teacher's size and channels, batch norm and ReLU; it
 * is updated along with the student and does not outlive the training.
 *
 * @throws {OptionError} If a weight is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { fitnet } from "./fitnet.ts";
 * const graph = teacher(resnet14).student(resnet8).use(fitnet()).lower();
 * console.log(graph.terms.map((term) => term.name), graph.aux.map(({ id }) => id));
 * // ["student/ce", "student/fitnet"] ["student_fitnet"]
 * ```
 *
 * Source: Romero et al. 2015, section 2.1, as one stage with the loss of the labels, as the RepDistiller benchmark has it
 * (Tian, Krishnan, Isola 2020); the paper trains up to the hint first.
 */
export function fitnet<const P extends SpotPair = never>(
  options: FitnetOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 100, ce = 1, at } = options;
  return distiller<P>({
    name: "fitnet",
    options: { weight, ce, at },
    where: at ?? "second spot",
    loss: (student, teacher, match) =>
      hintLoss(run(moduleOf(match), "map", { to: "map", input: student }), teacher as Value<"map">),
    aux: (match) => [regressor(match)],
  });
}

/** Mean squared difference of two tensors of one shape [B, …], per sample [B]. */
export function hintLoss(made: Value, hint: Value): Value<"sample"> {
  return perSample(square(sub(made, hint)));
}

function moduleOf({ student, suffix }: Match): string {
  return `${student.id}_fitnet${suffix}`;
}

function regressor(match: Match): Aux {
  const { student, teacher, spots } = match;
  const width = channelsOf(teacher, spots.teacher, "fitnet()");
  const layers = [connector("conv", width, { net: teacher.id, spot: spots.teacher }), batchNorm("bn"), relu];
  return Object.freeze({
    id: moduleOf(match),
    group: student.id,
    stages: Object.freeze([Object.freeze({ spot: "map", layers: Object.freeze(layers) })]),
  });
}
