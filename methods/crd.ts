/**
 * Contrastive representation distillation (Tian, Krishnan, Isola 2020).
 *
 * @module
 */

import { distiller, type DistillNeeds, type DistillOptions, type Match } from "../dsl/distill.ts";
import {
  add,
  apply,
  concat,
  div,
  exp,
  flatten,
  gatherDot,
  gatherSum,
  greater,
  log,
  meanAll,
  mul,
  normalize,
  sizeOf,
  slice,
  sqrt,
  square,
  sumOver,
  sumPerSample,
} from "../dsl/expr.ts";
import type { Aux, StateSpec, StateUpdate, Weight } from "../dsl/graph.ts";
import { linear } from "../dsl/layers.ts";
import type { Method } from "../dsl/method.ts";
import { constant, negatives, node, run, sampleIndex, state, stop, type Value } from "../dsl/value.ts";
import { requirePositive, requireShare, requireWhole } from "../dsl/verbs/options.ts";

/** Options of {@linkcode crd}. */
export interface CrdOptions extends DistillOptions {
  /** Factor β; 0.8 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Width d of the embeddings; 128. */
  readonly width?: number;
  /** Negatives m of each image; 16384. */
  readonly negatives?: number;
  /** Temperature τ of the scores; 0.07. */
  readonly temperature?: number;
  /** Share of a memory's row that an update keeps; 0.5. */
  readonly momentum?: number;
}

/** Constants of the contrastive loss. */
export type CrdConstants = Required<Pick<CrdOptions, "negatives" | "temperature" | "momentum">>;

/**
 * CRD: the student's embedding of an image lies near the teacher's of the same image and far from the teacher's of
 * images of other classes, and the other way round. It learns `student/ce` and `student/crd`, β · (L_s + L_t).
 *
 * v_s = E_s(e_s)/‖·‖ and v_t = E_t(e_t)/‖·‖ [B, d] are linear embeddings of the pooled features, normalised; the modules
 * `student_crd_student` and `student_crd_teacher` are updated along with the student. Two memories [N, d] hold v_s and
 * v_t of every training image as they were last. With i the image and j its negatives,
 * p_k = exp(memory_t[k] · v_s / τ) / Z_s, Z_s is N times the mean of exp over the first batch and stays, and
 *
 * ```text
 * L_s = −ln(p_i / (p_i + m/N + ε)) − Σ_j ln((m/N) / (p_j + m/N + ε)), ε = 1e-7
 * ```
 *
 * L_t has the roles exchanged. Then memory_s[i] ← (½ memory_s[i] + ½ v_s)/‖·‖, and likewise memory_t. Gradient reaches
 * e_s and both embeddings; the memories, their row numbers and Z are kept in checkpoints.
 *
 * @throws {OptionError} If an option is outside its range.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { crd } from "./crd.ts";
 * const graph = teacher(resnet14).student(resnet8).use(crd()).lower();
 * console.log(graph.terms.map(({ name }) => name), graph.state!.map(({ name }) => name));
 * // ["student/ce", "student/crd"] ["student_crd/student", "student_crd/teacher", …]
 * ```
 *
 * Source: Tian, Krishnan, Isola 2020, "Contrastive Representation Distillation", with the released code's memories
 * ("exact" mode: the positive is the image itself). As released, Z comes from the first batch alone. Negatives are drawn
 * with repetitions where other classes have fewer than m images, as released. Of two copies of an image in a batch the
 * later one is kept.
 */
export function crd(options: CrdOptions = {}): Method<DistillNeeds, string> {
  const { weight = 0.8, ce = 1, width = 128, temperature = 0.07, momentum = 0.5 } = options;
  const settings = { weight, ce, width, negatives: options.negatives ?? 16_384, temperature, momentum };
  requireWhole("crd()", "width", width);
  requireWhole("crd()", "negatives", settings.negatives);
  requirePositive("crd()", "temperature", temperature);
  requireShare("crd()", "momentum", momentum);
  const contrast = (match: Match, student: Value, teacher: Value): CrdContrast =>
    crdContrast(nameOf(match), {
      student: run(moduleOf(match, "student"), "vector", { to: "embedding", input: student }),
      teacher: run(moduleOf(match, "teacher"), "vector", { to: "embedding", input: teacher }),
    }, settings);
  return distiller({
    name: "crd",
    options: settings,
    where: "embedding",
    loss: (student, teacher, match) => contrast(match, student, teacher).loss,
    aux: (match) => sides.map((side) => embedder(match, side, width)),
    more: (match, student, teacher) => ({
      state: crdMemories(nameOf(match), width),
      updates: contrast(match, student, teacher).updates,
    }),
  });
}

/** Who an anchor or a memory is of. */
const sides = ["student", "teacher"] as const;
type Side = typeof sides[number];

/** A contrastive loss, and what it makes of the tensors it keeps. */
export interface CrdContrast {
  /** L_s + L_t, per sample [B]. */
  readonly loss: Value<"sample">;
  /** New rows of both memories, and both Z. */
  readonly updates: readonly StateUpdate[];
}

/**
 * The contrastive loss of embeddings [B, d] of student and teacher, not yet normalised, over the kept tensors
 * {@linkcode crdMemories} of this name.
 */
export function crdContrast(
  name: string,
  embedded: Readonly<Record<Side, Value>>,
  { negatives: count, temperature, momentum }: CrdConstants,
): CrdContrast {
  const positions = concat<"tensor">([flatten(sampleIndex) as Value as Value<"tensor">, negatives(count)]);
  const anchored = {
    student: contrastWith("student", "teacher"),
    teacher: contrastWith("teacher", "student"),
  };
  return {
    loss: add(anchored.student.loss, anchored.teacher.loss),
    updates: sides.flatMap((side) => anchored[side].updates),
  };

  function contrastWith(anchor: Side, other: Side): CrdContrast {
    const v = normalize(embedded[anchor], [1]);
    const memory = state(`${name}/${other}`);
    const scores = exp(mul(gatherDot(memory, positions, v), 1 / temperature));
    const samples = sizeOf(memory, 0);
    const known = state(`${name}/z_${anchor}`, "scalar");
    const z = stop(node("select", "scalar", [greater(known, 0), known, mul(meanAll(scores), samples)]));
    const noise = div(constant(count), samples);
    const p = div(scores, z);
    const all = add(p, add(noise, 1e-7));
    const near = log(div(slice(p, 1, 0, 1), slice(all, 1, 0, 1)));
    const far = sumOver(log(div(noise, slice(all, 1, 1, count))), [1]);
    return {
      loss: apply("neg", sumPerSample(add(near, far))),
      updates: [
        { state: `${name}/z_${anchor}`, value: z },
        { state: `${name}/${anchor}`, value: renewed(state(`${name}/${anchor}`), v), rows: sampleIndex },
      ],
    };
  }

  /** The samples' rows of a memory, moved towards v. */
  function renewed(memory: Value, v: Value): Value {
    const own = flatten(sampleIndex);
    const ones = add(mul(own, 0), 1);
    const moved = add(mul(gatherSum(memory, own, ones), momentum), mul(stop(v), 1 - momentum));
    return div(moved, sqrt(sumOver(square(moved), [1])));
  }
}

/** The tensors that {@linkcode crdContrast} keeps: a memory for each side, U(±1/√(d/3)), and Z of each, 0 until known. */
export function crdMemories(name: string, width: number): readonly StateSpec[] {
  return sides.flatMap((side): readonly StateSpec[] => [
    {
      name: `${name}/${side}`,
      shape: ["samples", width],
      init: { rule: "uniform", bound: 1 / Math.sqrt(width / 3) },
    },
    { name: `${name}/z_${side}`, shape: [], init: { rule: "zero" } },
  ]);
}

function nameOf({ student, suffix }: Match): string {
  return `${student.id}_crd${suffix}`;
}

function moduleOf(match: Match, side: Side): string {
  return `${nameOf(match)}_${side}`;
}

function embedder(match: Match, side: Side, width: number): Aux {
  return Object.freeze({
    id: moduleOf(match, side),
    group: match.student.id,
    stages: Object.freeze([
      Object.freeze({ spot: "embedding", layers: Object.freeze([linear("linear", width)]) }),
    ]),
  });
}
