/**
 * Variational information distillation (Ahn et al. 2019).
 *
 * @module
 */

import { free } from "../dsl/connectors.ts";
import {
  channelsOf,
  distiller,
  type DistillNeeds,
  type DistillOptions,
  type Match,
  type SpotPair,
} from "../dsl/distill.ts";
import { add, apply, div, log, mul, perSample, poolTo, square, sub } from "../dsl/expr.ts";
import type { Aux, Weight } from "../dsl/graph.ts";
import { conv, type Layer, relu } from "../dsl/layers.ts";
import type { Method } from "../dsl/method.ts";
import { run, type Value } from "../dsl/value.ts";
import { requirePositive } from "../dsl/verbs/options.ts";

/** Options of {@linkcode vid}. */
export interface VidOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β of every spot's term; 1 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Variance of every channel before training; 5 (Tian et al. 2020). */
  readonly variance?: number;
  /** Spots that are compared; each of the student with the teacher's of the same rank unless said. */
  readonly at?: readonly P[];
}

/** Added to every variance, as released. */
const EPSILON = 1e-5;

/**
 * Variational information distillation: the student's map says as much as it can about the teacher's. At every spot it
 * learns `student/vid_spot`, β · mean over all elements of ½ ((μ(F_s) − F_t)²/σ² + ln σ²); and `student/ce`.
 *
 * The module `student_vid_spot` is updated along with the student: μ is three 1×1 convolutions without bias, with ReLU
 * between them, and σ²_c = ln(1 + e^ρ_c) + 1e-5 has one ρ for each channel of the teacher. Where maps differ in size,
 * the larger is averaged down before.
 *
 * @throws {OptionError} If a weight or the variance is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { vid } from "./vid.ts";
 * const graph = teacher(resnet14).student(resnet8).use(vid()).lower();
 * console.log(graph.aux.map(({ id }) => id)); // ["student_vid_layer1", "student_vid_layer2", "student_vid_layer3"]
 * ```
 *
 * Source: Ahn et al. 2019, equations 4–6; module and constants of the RepDistiller benchmark (Tian, Krishnan, Isola 2020).
 */
export function vid<const P extends SpotPair = never>(
  options: VidOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 1, variance = 5, ce = 1, at } = options;
  requirePositive("vid()", "variance", variance);
  return distiller<P>({
    name: "vid",
    options: { weight, variance, ce, at },
    where: at ?? "every spot",
    loss: (student, teacher, match) => {
      const [s, t] = [student as Value<"map">, teacher as Value<"map">];
      const mean = run(moduleOf(match), "map", { to: "mean", input: poolTo(s, t) });
      const scale = run(moduleOf(match), "tensor", { from: "mean", to: "scale", input: mean });
      return vidLoss(mean, poolTo(t, s), scale);
    },
    aux: (match) => [moduleFor(match, variance)],
  });
}

/** Gaussian negative log-likelihood without its constant, of mean [B, C, H, W] and ρ [1, C, 1, 1], per sample [B]. */
export function vidLoss(mean: Value<"map">, target: Value<"map">, scale: Value): Value<"sample"> {
  const variance = add(apply("softplus", scale), EPSILON);
  return perSample(mul(add(div(square(sub(mean, target)), variance), log(variance)), 0.5));
}

function moduleOf({ student, suffix }: Match): string {
  return `${student.id}_vid${suffix}`;
}

function moduleFor(match: Match, variance: number): Aux {
  const width = channelsOf(match.teacher, match.spots.teacher, "vid()");
  const mix = (index: number): Layer => conv(`regressor.${index}`, width, { kernel: 1 });
  const start = Math.log(Math.exp(variance - EPSILON) - 1);
  return Object.freeze({
    id: moduleOf(match),
    group: match.student.id,
    stages: Object.freeze([
      Object.freeze({ spot: "mean", layers: Object.freeze([mix(0), relu, mix(2), relu, mix(4)]) }),
      Object.freeze({ spot: "scale", layers: Object.freeze([free("log_scale", width, start)]) }),
    ]),
  });
}
