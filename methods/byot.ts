/**
 * Be your own teacher (Zhang, Song, Gao, Chen, Bao, Ma 2019).
 *
 * @module
 */

import { OptionError, SentenceError } from "../dsl/errors.ts";
import { poolTo, square, sub, sumPerSample } from "../dsl/expr.ts";
import type { Aux, Head, LossGraph, Term } from "../dsl/graph.ts";
import { batchNorm, conv, globalPool, linear, relu } from "../dsl/layers.ts";
import { crossEntropy, kl, supervision, term } from "../dsl/losses.ts";
import { type Member, type Method, method } from "../dsl/method.ts";
import { logits, run, stop, tap, type Value } from "../dsl/value.ts";
import { requireNotNegative, requirePositive } from "../dsl/verbs/options.ts";

/** Options of {@linkcode byot}. */
export interface ByotOptions {
  /** Temperature T; 3 (Zhang et al. 2019). */
  readonly temperature?: number;
  /** Share α of the divergence of an exit; its cross-entropy has 1 − α. 0.1 (Zhang et al. 2019). */
  readonly weight?: number;
  /** Factor λ of the distance of an exit's map from the deepest; 1e-6 (Zhang et al. 2019, code). */
  readonly hint?: number;
}

/** What {@linkcode byot} needs: nothing. */
export type ByotNeeds = Record<never, never>;

/**
 * Be your own teacher: exits behind the shallower spots of a net learn from its last one, and teach its shallow layers.
 *
 * Beside `id/ce`, for the exit i behind every spot but the deepest: `id/exit_i_ce`, (1 − α) · cross-entropy;
 * `id/exit_i_kd`, α · T² · KL from the net's class scores, which are cut; `id/exit_i_hint`, λ · Σ (F_i − F)² a sample, F
 * the net's deepest map, cut. The exit, the module `id_exit_i`, is a bottleneck of 1×1, 3×3 and 1×1 convolutions with
 * batch norm to the channels of F, whose map F_i is averaged down to the size of F where it is compared; then the mean
 * over the map and a linear layer. Modules are updated along with the net, and exits are evaluated beside it.
 *
 * @throws {OptionError} If the temperature is not positive, α is outside [0, 1] or λ is negative.
 * @throws {SentenceError} If a net has fewer than two spots.
 *
 * @example
 * ```ts
 * import { resnet8, solo } from "../dsl/mod.ts";
 * import { byot } from "./byot.ts";
 * console.log(solo(resnet8).use(byot()).lower().heads.map((head) => head.name)); // ["student_exit_1", "student_exit_2"]
 * ```
 *
 * Source: Zhang et al. 2019, equations 2–5. The release's bottlenecks are separable convolutions with a stride a stage,
 * made for one net; here they keep the size, so that every net has them.
 */
export function byot(options: ByotOptions = {}): Method<ByotNeeds, never> {
  const { temperature = 3, weight = 0.1, hint = 1e-6 } = options;
  requirePositive("byot()", "temperature", temperature);
  requireNotNegative("byot()", "hint", hint);
  if (!(weight >= 0 && weight <= 1)) {
    throw new OptionError(
      `Cannot say byot(): its weight is a share from 0 to 1, got ${weight}. Leave it out for 0.1.`,
    );
  }
  return method("byot", { temperature, weight, hint }, { needs: {} }, (site): Partial<LossGraph> => {
    const exits = site.members.filter(({ role }) => role !== "teacher").map((member) =>
      [member, exitsOf(member)] as const
    );
    return {
      terms: exits.flatMap(([member, own]) => [
        supervision(member),
        ...own.flatMap((exit) => termsOf(member, exit, { temperature, weight, hint })),
      ]),
      aux: exits.flatMap(([member, own]) => own.map((exit) => moduleFor(member, exit))),
      heads: exits.flatMap(([, own]) => own.map(({ id, scores }): Head => Object.freeze({ name: id, logits: scores }))),
    };
  });
}

interface Exit {
  /** Name of its module. */
  readonly id: string;
  /** Its number, from 1. */
  readonly index: number;
  /** Its map, [B, C, H_i, W_i] with the channels of the net's deepest. */
  readonly map: Value<"map">;
  /** Its class scores. */
  readonly scores: Value<"logits">;
}

function exitsOf(member: Member): readonly Exit[] {
  if (member.spots.length < 2) {
    throw new SentenceError(
      `Cannot lower byot(): ${member.id} needs a spot above its deepest, got ${member.arch} with ` +
        `${member.spots.length}. Choose a net with two spots.`,
    );
  }
  return member.spots.slice(0, -1).map((spot, i): Exit => {
    const id = `${member.id}_exit_${i + 1}`;
    const input = tap(member, spot);
    return {
      id,
      index: i + 1,
      map: run(id, "map", { to: "map", input }),
      scores: run(id, "logits", { to: "logits", input }),
    };
  });
}

function termsOf(
  member: Member,
  { index, map, scores }: Exit,
  { temperature, weight, hint }: Required<ByotOptions>,
): readonly Term[] {
  const name = (what: string): string => `${member.id}/exit_${index}_${what}`;
  const learners = [member.id];
  const deepest = stop(tap(member, member.spots.at(-1)!));
  return [
    term(name("ce"), learners, crossEntropy(scores), Number((1 - weight).toPrecision(12))),
    term(name("kd"), learners, kl(scores, logits(member), { temperature }), weight),
    term(name("hint"), learners, sumPerSample(square(sub(poolTo(map, deepest), deepest))), hint),
  ];
}

function moduleFor(member: Member, { id }: Exit): Aux {
  const width = member.channels.at(-1)!;
  const middle = Math.max(1, Math.floor(width / 4));
  const bottleneck = [
    conv("conv1", middle, { kernel: 1 }),
    batchNorm("bn1"),
    relu,
    conv("conv2", middle),
    batchNorm("bn2"),
    relu,
    conv("conv3", width, { kernel: 1 }),
    batchNorm("bn3"),
    relu,
  ];
  return Object.freeze({
    id,
    group: member.id,
    stages: Object.freeze([
      Object.freeze({ spot: "map", layers: Object.freeze(bottleneck) }),
      Object.freeze({ spot: "embedding", layers: Object.freeze([globalPool]) }),
      Object.freeze({ spot: "logits", layers: Object.freeze([linear("fc", "classes")]) }),
    ]),
  });
}
