/**
 * Flow of solution procedure (Yim et al. 2017).
 *
 * @module
 */

import { type DistillNeeds, type DistillOptions, frozenAt, teachersOf } from "../dsl/distill.ts";
import { SentenceError } from "../dsl/errors.ts";
import { channelRows, div, matmul, perSample, poolTo, sizeOf, square, sub } from "../dsl/expr.ts";
import type { Term, Weight } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import { supervision, term } from "../dsl/losses.ts";
import { type Member, type Method, method } from "../dsl/method.ts";
import { beforehand, type StageOptions } from "../dsl/staged.ts";
import { stop, tap, type Value } from "../dsl/value.ts";
import { requireNotNegative, requireWeight, requireWhole } from "../dsl/verbs/options.ts";

/** Options of {@linkcode fsp}. */
export interface FspOptions extends DistillOptions, StageOptions {
  /** Factor β of the stage's terms; 1. */
  readonly weight?: Weight;
}

/**
 * Flow of solution procedure: before it learns from the labels, a student learns how its teacher's maps follow from each
 * other. In the stage `fsp` it learns `student/fsp_a_b` for every two neighbours of its stem and spots, β times the mean
 * of (M_s − M_t)² over [B, C_a, C_b], M = 1/HW Σ_p F_a[:, p] F_b[:, p]ᵀ; afterwards `student/ce` alone.
 *
 * The larger of two neighbours is averaged down before. Teacher and student have as many spots, of the same channels.
 *
 * @throws {OptionError} If an option is outside its range.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { fsp } from "./fsp.ts";
 * const { stages } = teacher(resnet14).student(resnet8).use(fsp()).lower();
 * console.log(stages![0]!.graph.terms.map(({ name }) => name));
 * // ["student/fsp_stem_layer1", "student/fsp_layer1_layer2", "student/fsp_layer2_layer3"]
 * ```
 *
 * Source: Yim, Joo, Bae, Kim 2017, "A Gift from Knowledge Distillation", equations 1 and 2, as one stage of 30 epochs as
 * in the RepDistiller benchmark (Tian, Krishnan, Isola 2020), whose β = 50 multiplies nothing there; the paper weighs
 * pairs and lowers the rate within the stage.
 */
export function fsp(options: FspOptions = {}): Method<DistillNeeds, never> {
  const { weight = 1, ce = 1, epochs = 30, optimizer } = options;
  requireWeight("fsp()", "weight", weight);
  requireNotNegative("fsp()", "ce", ce);
  requireWhole("fsp()", "epochs", epochs);
  const said = frozenOptions({ weight, ce, epochs, optimizer }, "fsp()");
  const plain = method("fsp", said, { needs: { teacher: [], student: [] } }, (site) => ({
    terms: site.students.flatMap((student): readonly Term[] => {
      const teachers = teachersOf(site, student, "fsp()");
      return [
        supervision(student, ce),
        ...teachers.flatMap((teacher) => flows(student, teacher, teachers.length > 1 ? `_${teacher.id}` : "", weight)),
      ];
    }),
  }));
  return beforehand(plain as Method<DistillNeeds, string>, {
    epochs,
    ...(optimizer === undefined ? {} : { optimizer }),
  });
}

/** How one map follows from another: 1/HW Σ_p a[:, p] b[:, p]ᵀ, [B, C_a, C_b]; the larger is averaged down. */
export function fspMatrix(a: Value<"map">, b: Value<"map">): Value<"tensor"> {
  const [first, second] = [channelRows(poolTo(a, b)), channelRows(poolTo(b, a))];
  return div(matmul(first, second, { transposeB: true }), sizeOf(first, 2));
}

/** Mean squared difference of two flows, per sample [B]. Nothing is cut here. */
export function fspLoss(
  [a, b]: readonly [Value<"map">, Value<"map">],
  [c, d]: readonly [Value<"map">, Value<"map">],
): Value<"sample"> {
  return perSample(square(sub(fspMatrix(a, b), fspMatrix(c, d))));
}

function flows(student: Member, teacher: Member, suffix: string, weight: Weight): readonly Term[] {
  const [own, others] = [placesOf(student), placesOf(teacher)];
  const channels = ({ channels }: Member): string => channels.join(", ");
  if (own.length !== others.length || channels(student) !== channels(teacher)) {
    throw new SentenceError(
      `Cannot lower fsp(): the spots of teacher and student have the same channels, got ${channels(teacher)} of ` +
        `${teacher.id} and ${channels(student)} of ${student.id}. Choose nets of one width, or ab().`,
    );
  }
  return own.slice(1).map((spot, i) => {
    const before = own[i]!;
    const taught = [others[i]!, others[i + 1]!].map((place) => stop(frozenAt(teacher, "map", place)));
    const loss = fspLoss([tap(student, before), tap(student, spot)], taught as [Value<"map">, Value<"map">]);
    return term(`${student.id}/fsp_${before}_${spot}${suffix}`, [student.id], loss, weight);
  });
}

/** The stem and all spots of a net. */
function placesOf({ stem, spots }: Member): readonly string[] {
  return [...(stem === undefined ? [] : [stem]), ...spots];
}
