/**
 * Activation boundaries (Heo et al. 2019).
 *
 * @module
 */

import { connector } from "../dsl/connectors.ts";
import {
  channelsOf,
  distiller,
  type DistillNeeds,
  type DistillOptions,
  frozenAt,
  type Match,
  type SpotPair,
} from "../dsl/distill.ts";
import { add, greater, mul, square, sub, sumPerSample } from "../dsl/expr.ts";
import type { Aux, Weight } from "../dsl/graph.ts";
import { batchNorm } from "../dsl/layers.ts";
import type { Member, Method } from "../dsl/method.ts";
import { beforehand, type StageOptions } from "../dsl/staged.ts";
import { run, stop, type Value } from "../dsl/value.ts";
import { requirePositive, requireWhole } from "../dsl/verbs/options.ts";

/** Options of {@linkcode ab}. */
export interface AbOptions<P extends SpotPair = SpotPair> extends DistillOptions, StageOptions {
  /** Factor β of the stage's terms; 1. */
  readonly weight?: Weight;
  /** Margin m; 1. */
  readonly margin?: number;
  /** Spots that are compared; each of the student with the teacher's of the same rank unless said. */
  readonly at?: readonly P[];
}

/**
 * Activation boundaries: before it learns from the labels, a student learns on which side of zero each of its teacher's
 * neurons is. In the stage `ab` it learns `student/ab_spot` at every spot, afterwards `student/ce` alone.
 *
 * With s the student's map before its activation, through a connector where channel counts differ, and t the
 * teacher's, both [B, C, H, W], the term of spot i of n is
 *
 * ```text
 * β · 0.003 · 2^(i − n + 1) / B · Σ (s + m)² [s > −m, t ≤ 0] + (s − m)² [s ≤ m, t > 0], i from 0
 * ```
 *
 * A connector, the module `student_ab_spot`, is a {@linkcode connector} to the teacher's size and channels and a batch
 * norm; it is trained along with the student and not used after the stage.
 *
 * @throws {OptionError} If an option is outside its range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { ab } from "./ab.ts";
 * const { terms, stages } = teacher(resnet14).student(resnet8).use(ab()).lower();
 * console.log(terms.map(({ name }) => name), stages!.map(({ name, epochs }) => [name, epochs]));
 * // ["student/ce"] [["ab", 30]]
 * ```
 *
 * Source: Heo, Lee, Yun, Choi 2019, "Knowledge Transfer via Distillation of Activation Boundaries Formed by Hidden
 * Neurons", equation 5, with margin, weights of spots and 30 epochs of the RepDistiller benchmark (Tian, Krishnan,
 * Isola 2020). Where channel counts agree, maps have to agree in size.
 */
export function ab<const P extends SpotPair = never>(
  options: AbOptions<P> = {},
): Method<DistillNeeds<P>, never> {
  const { weight = 1, ce = 1, margin = 1, epochs = 30, optimizer, at } = options;
  requirePositive("ab()", "margin", margin);
  requireWhole("ab()", "epochs", epochs);
  const method = distiller<P>({
    name: "ab",
    options: { weight, ce, margin, epochs, optimizer, at },
    where: at ?? "every spot",
    loss: (_student, _teacher, match) => {
      const [rank, count] = rankOf(match, at);
      const [source, target] = [ofStudent(match), stop(frozenAt(match.teacher, "map", preOf(match, "teacher")))];
      return mul(abLoss(source, target, margin), 0.003 * 2 ** (rank - count + 1));
    },
    aux: (match) => connected(match) ? [connectorOf(match)] : [],
  });
  return beforehand(method, { epochs, ...(optimizer === undefined ? {} : { optimizer }) });
}

/** Σ (s + m)² [s > −m, t ≤ 0] + (s − m)² [s ≤ m, t > 0] of maps of one shape, per sample [B]. Nothing is cut here. */
export function abLoss(student: Value, teacher: Value, margin = 1): Value<"sample"> {
  const active = greater(teacher, 0);
  const above = greater(student, -margin);
  const below = sub(greater(student, margin), 1); // −1 where s ≤ m
  const quiet = mul(mul(square(add(student, margin)), above), sub(active, 1)); // minus the first sum
  const loud = mul(mul(square(sub(student, margin)), below), active); // minus the second
  return mul(sumPerSample(add(quiet, loud)), -1);
}

/** Rank of a match among the spots that are compared, and their number. */
function rankOf({ student, spots }: Match, at: readonly SpotPair[] | undefined): readonly [number, number] {
  const compared = at?.map((pair) => typeof pair === "string" ? pair : pair.student) ?? student.spots;
  return [compared.indexOf(spots.student), compared.length];
}

/** Where a net of a match has its map before the activation. */
function preOf(match: Match, who: "student" | "teacher"): string {
  const member: Member = match[who];
  const spot = match.spots[who];
  return member.preActivations[member.spots.indexOf(spot)] ?? spot;
}

function ofStudent(match: Match): Value {
  const { id, view } = match.student;
  const map = run(id, "map", { to: preOf(match, "student"), view });
  return connected(match) ? run(moduleOf(match), "map", { to: "map", input: map }) : map;
}

function connected(match: Match): boolean {
  const [student, teacher] = (["student", "teacher"] as const).map((who) =>
    channelsOf(match[who], match.spots[who], "ab()")
  );
  return student !== teacher;
}

function moduleOf({ student, suffix }: Match): string {
  return `${student.id}_ab${suffix}`;
}

function connectorOf(match: Match): Aux {
  const { student, teacher, spots } = match;
  const like = { net: teacher.id, spot: preOf(match, "teacher") };
  const layers = [connector("conv", channelsOf(teacher, spots.teacher, "ab()"), like), batchNorm("bn")];
  return Object.freeze({
    id: moduleOf(match),
    group: student.id,
    stages: Object.freeze([Object.freeze({ spot: "map", layers: Object.freeze(layers) })]),
  });
}
