/**
 * Factor transfer (Kim, Park, Kwak 2018).
 *
 * @module
 */

import {
  channelsOf,
  distiller,
  type DistillNeeds,
  type DistillOptions,
  frozenAt,
  type Match,
  type SpotPair,
} from "../dsl/distill.ts";
import { abs, flatten, normalize, perSample, poolTo, square, sub } from "../dsl/expr.ts";
import { type Aux, type InitialStage, mergeGraphs, type Weight } from "../dsl/graph.ts";
import { batchNorm, conv, type Layer, leakyRelu, transposedConv } from "../dsl/layers.ts";
import { attentionMap, term } from "../dsl/losses.ts";
import type { Method } from "../dsl/method.ts";
import type { StageOptions } from "../dsl/staged.ts";
import { run, stop, type Value } from "../dsl/value.ts";
import { requireShare, requireWhole } from "../dsl/verbs/options.ts";

/** Options of {@linkcode ft}. */
export interface FtOptions<P extends SpotPair = SpotPair> extends DistillOptions, StageOptions {
  /** Factor β; 200 (Tian et al. 2020). */
  readonly weight?: Weight;
  /** Channels of a factor over the teacher's; 0.5. */
  readonly share?: number;
  /** Spots that are compared; the deepest of both unless said. */
  readonly at?: readonly P[];
}

/**
 * Factor transfer: a paraphraser learns first what matters in the teacher's map, a translator then learns to say the
 * same of the student's. The student learns `student/ft`, β · mean of |φ(T(F_s)) − φ(P(F_t))| over [B, HW], and
 * `student/ce`; φ is the normalised attention map Q/‖Q‖ of a factor.
 *
 * The paraphraser, the module `student_ft_paraphraser`, encodes [B, C, H, W] by three 3×3 convolutions with LeakyReLU 0.1
 * to [B, C/2, H, W] and decodes it by three transposed ones. In the stage `student_ft` it learns to reconstruct the
 * teacher's map, the mean of (P⁻¹(P(F_t)) − F_t)² over all elements; then it rests. The translator `student_ft` has
 * the encoder's shape with batch norm and is updated along with the student.
 *
 * @throws {OptionError} If an option is outside its range or `at` is empty.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { ft } from "./ft.ts";
 * const { terms, stages } = teacher(resnet14).student(resnet8).use(ft()).lower();
 * console.log(terms.map(({ name }) => name), stages![0]!.graph.terms.map(({ name }) => name));
 * // ["student/ce", "student/ft"] ["student_ft_paraphraser/reconstruction"]
 * ```
 *
 * Source: Kim, Park, Kwak 2018, "Paraphrasing Complex Network", equations 1 and 4 with p = 1, in the form of the
 * RepDistiller benchmark (Tian, Krishnan, Isola 2020): factors are compared by their attention maps, the stage has 30
 * epochs of SGD at a rate of 0.01.
 */
export function ft<const P extends SpotPair = never>(
  options: FtOptions<P> = {},
): Method<DistillNeeds<P>, string> {
  const { weight = 200, ce = 1, share = 0.5, epochs = 30, at } = options;
  const { optimizer = { kind: "sgd", learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4, nesterov: false } } =
    options;
  requireShare("ft()", "share", share);
  requireWhole("ft()", "epochs", epochs);
  return distiller<P>({
    name: "ft",
    options: { weight, ce, share, epochs, optimizer, at },
    where: at ?? "deepest spot",
    loss: (student, teacher, match) =>
      ftLoss(
        run(nameOf(match), "map", { to: "factor", input: student }),
        stop(run(paraphraserOf(match), "map", { to: "factor", input: teacher })),
      ),
    aux: (match) => [translator(match, share), paraphraser(match, share)],
    more: (match) => ({ stages: [reconstruction(match, share, { epochs, optimizer })] }),
  });
}

/** Distance of two factors [B, C, H, W]: mean |Q/‖Q‖ − Q'/‖Q'‖| of their attention maps, per sample [B]. */
export function ftLoss(student: Value<"map">, teacher: Value<"map">): Value<"sample"> {
  return perSample(abs(sub(factorVector(poolTo(student, teacher)), factorVector(poolTo(teacher, student)))));
}

/** The normalised attention map of a factor, [B, HW]. */
export function factorVector(factor: Value<"map">): Value<"vector"> {
  return normalize(flatten(attentionMap(factor)), [1]);
}

function nameOf({ student, suffix }: Match): string {
  return `${student.id}_ft${suffix}`;
}

function paraphraserOf(match: Match): string {
  return `${nameOf(match)}_paraphraser`;
}

/** Layers of one direction, numbered as the release numbers them: convolution, batch norm, activation. */
function coder(name: string, widths: readonly number[], part: (name: string, width: number) => Layer, normed: boolean) {
  return widths.flatMap((width, i): readonly Layer[] => [
    part(`${name}.${3 * i}`, width),
    ...(normed ? [batchNorm(`${name}.${3 * i + 1}`)] : []),
    leakyRelu(0.1),
  ]);
}

function encoder(from: number, to: number, normed: boolean): readonly Layer[] {
  return coder("encoder", [from, to, to], (name, width) => conv(name, width, { bias: true }), normed);
}

function factorChannels(match: Match, share: number): number {
  return Math.max(1, Math.trunc(channelsOf(match.teacher, match.spots.teacher, "ft()") * share));
}

/** Encoder and decoder over the teacher's map. */
function paraphraser(match: Match, share: number): Aux {
  const channels = channelsOf(match.teacher, match.spots.teacher, "ft()");
  const factor = factorChannels(match, share);
  return Object.freeze({
    id: paraphraserOf(match),
    group: paraphraserOf(match),
    stages: Object.freeze([
      Object.freeze({ spot: "factor", layers: Object.freeze(encoder(channels, factor, false)) }),
      Object.freeze({
        spot: "map",
        layers: Object.freeze(coder("decoder", [factor, channels, channels], transposedConv, false)),
      }),
    ]),
  });
}

/** An encoder over the student's map. */
function translator(match: Match, share: number): Aux {
  const channels = channelsOf(match.student, match.spots.student, "ft()");
  const layers = encoder(channels, factorChannels(match, share), true);
  return Object.freeze({
    id: nameOf(match),
    group: match.student.id,
    stages: Object.freeze([Object.freeze({ spot: "factor", layers: Object.freeze(layers) })]),
  });
}

/** The training of the paraphraser. */
function reconstruction(match: Match, share: number, { epochs, optimizer }: Required<StageOptions>): InitialStage {
  const id = paraphraserOf(match);
  const map = stop(frozenAt(match.teacher, "map", match.spots.teacher));
  const loss = perSample(square(sub(run(id, "map", { to: "map", input: map }), map)));
  const graph = mergeGraphs([{ terms: [term(`${id}/reconstruction`, [id], loss)], aux: [paraphraser(match, share)] }]);
  return Object.freeze({ name: nameOf(match), epochs, graph, optimizer });
}
