/**
 * Distilling knowledge via knowledge review (Chen, Liu, Zhao, Jia 2021).
 *
 * @module
 */

import type { Stage } from "../dsl/arch.ts";
import { frozenAt, teachersOf } from "../dsl/distill.ts";
import { SentenceError } from "../dsl/errors.ts";
import {
  add,
  asMap,
  concat,
  div,
  greater,
  mul,
  perSample,
  poolTo,
  resizeTo,
  sizeOf,
  square,
  sub,
} from "../dsl/expr.ts";
import type { Aux, Term, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { batchNorm, chunkChannels, conv, type Layer, product, sigmoid, sum } from "../dsl/layers.ts";
import { supervision, term } from "../dsl/losses.ts";
import { type Member, type Method, method } from "../dsl/method.ts";
import { constant, embedding, run, stop, tap, type Value } from "../dsl/value.ts";
import { linearWarmUp, requireNotNegative, requireWeight } from "../dsl/verbs/options.ts";

/** Options of {@linkcode reviewkd}. */
export interface ReviewkdOptions {
  /** Factor β; 5 (released for most pairs of nets) after a linear warm-up of 20 epochs. */
  readonly weight?: Weight;
  /** Factor γ of cross-entropy; 1. */
  readonly ce?: number;
}

/** What {@linkcode reviewkd} needs: a teacher and a student, at their own spots. */
export type ReviewkdNeeds = { readonly teacher: never; readonly student: never };

/** Most channels inside the fusion blocks, as released. */
const MOST_CHANNELS = 512;

/**
 * Knowledge review: the student's maps, from its embedding upwards each fused with what is left of the deeper ones,
 * imitate the teacher's. A student learns `student/ce` and `student/reviewkd`, β · Σ_l HCL(F̂_l, F_l).
 *
 * The module `student_reviewkd` holds a block a level, which is updated along with the student. From the embedding,
 * a map of one place, up: x = BN(1×1(F_s)); with the deeper block's residual y, enlarged to the size of x,
 * a = σ(1×1([x, y])), x ← x · a_0 + y · a_1; residual x; F̂ = BN(3×3(x)) in the size and channels of the teacher's map
 * before its activation. {@linkcode hclLoss} is the mean squared difference at the map's own and three smaller sizes.
 *
 * @throws {OptionError} If a weight is negative or not finite.
 * @throws {SentenceError} If teacher and student have different numbers of spots.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { reviewkd } from "./reviewkd.ts";
 * const { terms } = teacher(resnet14).student(resnet8).use(reviewkd()).lower();
 * console.log(terms.map((term) => term.name)); // ["student/ce", "student/reviewkd"]
 * ```
 *
 * Source: Chen, Liu, Zhao, Jia 2021, section 3, as released in mdistiller (Zhao et al. 2022), whose warm-up and teacher's
 * maps before activation are kept.
 */
export function reviewkd(options: ReviewkdOptions = {}): Method<ReviewkdNeeds, never> {
  const { weight = linearWarmUp(5, 20), ce = 1 } = options;
  requireWeight("reviewkd()", "weight", weight);
  requireNotNegative("reviewkd()", "ce", ce);
  return method(
    "reviewkd",
    frozenOptions({ weight, ce }, "reviewkd()"),
    { needs: { teacher: [], student: [] } },
    (site) => {
      const reviews = site.students.flatMap((student) => {
        const teachers = teachersOf(site, student, "reviewkd()");
        return teachers.map((teacher) => new Review(student, teacher, teachers.length > 1 ? `_${teacher.id}` : ""));
      });
      return {
        terms: site.students.flatMap((student): readonly Term[] => [
          supervision(student, ce),
          ...reviews.filter((review) => review.student === student).map(({ suffix, loss }): Term =>
            term(`${student.id}/reviewkd${suffix}`, [student.id], loss, weight)
          ),
        ]),
        aux: reviews.map(({ aux }) => aux),
      };
    },
  );
}

/**
 * Hierarchical context loss: the mean squared difference of two maps [B, C, H, W], and with half the factor each those
 * after averaging them down to 4, 2 and 1 places a side where they are larger, over the sum of factors; per sample [B].
 */
export function hclLoss(student: Value<"map">, teacher: Value<"map">): Value<"sample"> {
  const distance = (a: Value, b: Value): Value<"sample"> => perSample(square(sub(a, b)));
  let loss = distance(student, teacher);
  let total: Value<"scalar"> = constant(1);
  let half: Value<"scalar"> = constant(1);
  for (const side of [4, 2, 1]) {
    // 1 where the map is larger, else 0: then the size is left out and the factor not halved.
    const larger = greater(sizeOf(teacher, 2), side);
    half = mul(half, sub(constant(1), mul(larger, 0.5)));
    const factor = mul(half, larger);
    loss = add(loss, mul(distance(poolTo(student, side), poolTo(teacher, side)), factor));
    total = add(total, factor);
  }
  return div(loss, total);
}

/** The blocks of one student and one teacher, from the embedding up. */
class Review {
  readonly aux: Aux;
  readonly loss: Value<"sample">;

  constructor(readonly student: Member, readonly teacher: Member, readonly suffix: string) {
    if (student.spots.length !== teacher.spots.length) {
      throw new SentenceError(
        `Cannot lower reviewkd(): spots of teacher and student are paired one by one, got ${teacher.spots.length} of ` +
          `${teacher.id} and ${student.spots.length} of ${student.id}. Choose nets with as many spots.`,
      );
    }
    const widths = [teacher.width, ...teacher.channels.toReversed()];
    this.aux = Object.freeze({
      id: `${student.id}_reviewkd${suffix}`,
      group: student.id,
      stages: Object.freeze(
        widths.flatMap((out, level) => blockStages(level, Math.min(MOST_CHANNELS, student.width), out)),
      ),
    });
    this.loss = this.#loss();
  }

  #loss(): Value<"sample"> {
    const { student, teacher } = this;
    const read = [asMap(embedding(student)), ...student.spots.map((spot) => tap(student, spot)).reverse()];
    const imitated = [
      asMap(frozenAt(teacher, "vector", "embedding")),
      ...teacher.preActivations.map((spot) => frozenAt(teacher, "map", spot)).reverse(),
    ];
    let residual: Value<"map"> | undefined;
    const losses = read.map((map, level) => {
      const target = stop(imitated[level]!);
      residual = resizeTo(this.#fused(level, map, residual), target);
      const from = level === 0 ? "0.conv1" : `${level}.att_conv`;
      return hclLoss(run(this.aux.id, "map", { from, to: `${level}.conv2`, input: residual }), target);
    });
    return losses.reduce((sum, loss) => add(sum, loss));
  }

  #fused(level: number, map: Value<"map">, deeper: Value<"map"> | undefined): Value<"map"> {
    const before = level === 0 ? "" : `${level - 1}.conv2`;
    const x = run(this.aux.id, "map", { from: before, to: `${level}.conv1`, input: map });
    if (deeper === undefined) return x;
    const both = concat([x, resizeTo(deeper, map)]);
    return run(this.aux.id, "map", { from: `${level}.conv1`, to: `${level}.att_conv`, input: both });
  }
}

function blockStages(level: number, middle: number, out: number): readonly Stage[] {
  const init = { rule: "heUniform", slope: 1 } as const;
  const stage = (name: string, layers: readonly Layer[]): Stage =>
    Object.freeze({ spot: `${level}.${name}`, layers: Object.freeze([...layers]) });
  const named = (name: string): string => `${level}.${name}`;
  return [
    stage("conv1", [conv(named("conv1.0"), middle, { kernel: 1, init }), batchNorm(named("conv1.1"))]),
    ...(level === 0
      ? []
      : [stage("att_conv", [sum(weighed(named("att_conv.0"), 0), weighed(named("att_conv.0"), 1))])]),
    stage("conv2", [conv(named("conv2.0"), out, { init }), batchNorm(named("conv2.1"))]),
  ];
}

/** One of the two halves of the channels, times its own of two attention maps that are read from both. */
function weighed(name: string, half: number): readonly Layer[] {
  return [
    product([chunkChannels(half, 2)], [conv(name, 2, { kernel: 1, bias: true }), sigmoid, chunkChannels(half, 2)]),
  ];
}
