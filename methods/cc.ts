/**
 * Correlation congruence (Peng et al. 2019).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions, type Match, type SpotPair } from "../dsl/distill.ts";
import { abs, countOf, diagonalOf, div, flatten, matmul, maximum, mul, sub, sumAll } from "../dsl/expr.ts";
import type { Aux, Weight } from "../dsl/graph.ts";
import { linear } from "../dsl/layers.ts";
import type { Method } from "../dsl/method.ts";
import { run, stop, type Value } from "../dsl/value.ts";
import { requireOneOf, requirePositive } from "../dsl/verbs/options.ts";

/** Options of {@linkcode cc}. */
export interface CcOptions<P extends SpotPair = SpotPair> extends DistillOptions {
  /** Factor β; 0.02 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Features of the two embeddings that are compared; 128 (Tian et al. 2020). */
  readonly width?: number;
  /** Whether the teacher's embedding is trained too (Tian et al. 2020) or stays random (SAKD); yes unless said. */
  readonly teacherEmbedding?: "trained" | "random";
  /** Spots that are compared; the embedding of both unless said. */
  readonly at?: readonly P[];
}

/**
 * Correlation congruence: what a sample's teacher and student differ in is unlike what the next sample's differ in. It
 * learns `student/ce` and `student/cc`, β · 1/(B − 1) Σ_i ⟨u_i, u_{i+1}⟩, u = |E_s(e_s) − E_t(e_t)| [B, 128], over
 * neighbours in the order of the batch.
 *
 * E_s and E_t, the modules `student_cc_student` and `student_cc_teacher`, are linear layers that are updated along with
 * the student. A sample alone has no neighbour: loss and gradient are 0.
 *
 * @throws {OptionError} If a weight or the width is out of range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { cc } from "./cc.ts";
 * const graph = teacher(resnet14).student(resnet8).use(cc()).lower();
 * console.log(graph.aux.map(({ id }) => id)); // ["student_cc_student", "student_cc_teacher"]
 * ```
 *
 * Source: Peng et al. 2019 as released in the RepDistiller benchmark (Tian, Krishnan, Isola 2020), which has the product
 * of neighbours in the place of the paper's kernel correlation of all pairs. Of one sample the release's loss is NaN.
 */
export function cc<const P extends SpotPair = never>(
  options: CcOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 0.02, width = 128, teacherEmbedding = "trained", ce = 1, at } = options;
  requirePositive("cc()", "width", width);
  requireOneOf("cc()", "teacherEmbedding", teacherEmbedding, ["trained", "random"]);
  return distiller<P>({
    name: "cc",
    options: { weight, width, teacherEmbedding, ce, at },
    where: at ?? "embedding",
    loss: (student, teacher, match) => {
      const read = (of: "student" | "teacher", input: Value): Value =>
        run(moduleOf(match, of), "vector", { to: "embedded", input: flatten(input) });
      const target = read("teacher", teacher);
      return ccLoss(read("student", student), teacherEmbedding === "trained" ? target : stop(target));
    },
    aux: (match) => [embed(match, "student", width), embed(match, "teacher", width)],
  });
}

/** Mean of ⟨u_i, u_{i+1}⟩ over neighbours of a batch, u = |a − b| of two tensors [B, D]. */
export function ccLoss(a: Value, b: Value): Value<"scalar"> {
  const u = abs(sub(a, b));
  const neighbours = mul(matmul(u, u, { transposeB: true }), diagonalOf(u, 1));
  return div(sumAll(neighbours), maximum(sub(countOf(u), 1), 1));
}

function moduleOf({ student, suffix }: Match, of: "student" | "teacher"): string {
  return `${student.id}_cc_${of}${suffix}`;
}

function embed(match: Match, of: "student" | "teacher", width: number): Aux {
  return Object.freeze({
    id: moduleOf(match, of),
    group: match.student.id,
    stages: Object.freeze([Object.freeze({ spot: "embedded", layers: Object.freeze([linear("linear", width)]) })]),
  });
}
