/**
 * Spot-adaptive distillation: a distiller whose spots a policy, or chance, opens and closes.
 *
 * @module
 */

import { teacher } from "../../../dsl/cohort.ts";
import { add } from "../../../dsl/expr.ts";
import type { LossGraph, Watch } from "../../../dsl/graph.ts";
import type { SpotPair } from "../../../dsl/distill.ts";
import type { Method } from "../../../dsl/method.ts";
import type { Value } from "../../../dsl/value.ts";
import { at } from "../../../methods/at.ts";
import { cc } from "../../../methods/cc.ts";
import { crd } from "../../../methods/crd.ts";
import { fitnet } from "../../../methods/fitnet.ts";
import { nst } from "../../../methods/nst.ts";
import { pkt } from "../../../methods/pkt.ts";
import { rkd } from "../../../methods/rkd.ts";
import { sakd } from "../../../methods/sakd.ts";
import { sp } from "../../../methods/sp.ts";
import { featureOf, netOf, type Replay, type StepView, withStem } from "../adapter.ts";
import { tensorOf, type Tensors } from "../files.ts";
import { numberIn, type Trace } from "../trace_format.ts";
import { crdConstants, crdPrefixes, crdReplay } from "./crd.ts";

interface Recorded {
  /** The distiller at β, looking at these spots where it can be told. */
  readonly use: (weight: number, spots: readonly SpotPair[], config: Trace["config"]) => Method;
  /** Prefixes of its modules' tensors there and here. */
  readonly prefixes?: Replay["prefixes"];
  /** What its recording has beside the usual. */
  readonly more?: (config: Trace["config"]) => Pick<Replay, "samples" | "inputs" | "composed">;
  /** Error allowed against float64. */
  readonly exactness?: number;
}

/** Error of terms that are differences of nearly equal numbers, against float64. */
const SMALL_DIFFERENCES = 1e-6;

const distillers: Readonly<Record<string, Recorded>> = {
  AT: { use: (weight, spots) => at({ weight, at: spots }) as Method },
  SP: { use: (weight, spots) => sp({ weight, at: spots }) as Method },
  NST: { use: (weight, spots) => nst({ weight, at: spots }) as Method },
  RKD: { use: (weight) => rkd({ weight }) as Method, exactness: SMALL_DIFFERENCES },
  PKT: { use: (weight) => pkt({ weight }) as Method, exactness: SMALL_DIFFERENCES },
  FitNet: {
    use: (weight, spots) => fitnet({ weight, at: spots }) as Method,
    prefixes: [["loss_hint/", "student_fitnet/"]],
  },
  CC: {
    use: (weight, _, config) => cc({ weight, width: numberIn(config, "feat_dim") }) as Method,
    prefixes: [["embed_s/", "student_cc_student/"], ["embed_t/", "student_cc_teacher/"]],
  },
  CRD: {
    use: (weight, _, config) => crd({ weight, ...crdConstants(config) }) as Method,
    prefixes: crdPrefixes.map(([recorded, ours]) => [recorded.replace(/^embed/, "crd_embed"), ours] as const),
    more: crdReplay,
  },
};

/** Replays traces of spot-adaptive distillation and of its two ablations. */
export function sakdTrace(trace: Trace): Replay | string {
  const { config } = trace;
  const [ofTeacher, ofStudent] = [netOf(trace, "teacher"), netOf(trace, "student")];
  if (typeof ofTeacher === "string") return ofTeacher;
  if (typeof ofStudent === "string") return ofStudent;
  const recorded = distillers[String(config["routing"])];
  if (recorded === undefined) return `the distiller ${config["routing"]} under SAKD is not compared yet`;
  const variant = trace.method === "SAKD" ? "adaptive" : trace.method === "SAKD-reverse" ? "reverse" : "random";
  const weight = numberIn(config, "beta");
  const layers = (config["layers"] as unknown as readonly number[]).slice(1, -1);
  const spots = layers.map((layer) => ({
    teacher: featureOf(ofTeacher, layer)!,
    student: featureOf(ofStudent, layer)!,
  }));
  const master = withStem(ofTeacher, spots.map((pair) => pair.teacher));
  const pupil = withStem(ofStudent, spots.map((pair) => pair.student));
  const method = sakd(recorded.use(weight, spots, config), {
    variant,
    gamma: numberIn(config, "gamma"),
    weight: numberIn(config, "alpha"),
    temperature: numberIn(config, "KD_T"),
    gumbelTemperature: numberIn(config, "gumbel_tau"),
    homo: Boolean(config["homo"]),
    asReleased: true,
  });
  const sentence = teacher(master).student(pupil).use(method);
  const graph = sentence.lower();
  const random = variant === "random";
  const names = layers.map((_, i) => (layers.length === 1 ? "" : `_${i}`));
  const connectors = names.flatMap((name, i) => [
    [`hint${name}/`, `to_teacher${i}/`] as const,
    [`anti_hint${name}/`, `to_student${i}/`] as const,
  ]);
  return {
    sentence,
    ...(recorded.exactness === undefined ? {} : { exactness: recorded.exactness }),
    graph: { ...graph, watches: [...graph.watches, ...watchesOf(graph, random)] },
    epoch: 1,
    prefixes: [
      ["student/", "student/"],
      ["teacher/", "teacher/"],
      ["policy/", "policy/"],
      ...connectors,
      ...recorded.prefixes ?? [],
    ],
    ...(random ? { unused: ["policy", ...connectors.map(([name]) => name.slice(0, -1))] } : {}),
    optimizers: random ? { student: "optimizer" } : { agent: "agent", student: "optimizer" },
    terms: (step) => termsOf(step, random),
    decisions: (step) => decisionsOf(step, layers.length + 1, variant),
    scores: (key) => {
      if (key === "graft") return { of: ["watch/graft"], as: "one" };
      return key === "student" || key === "teacher" ? { of: [key], as: "one" } : undefined;
    },
    ...recorded.more?.(config),
    inputs: (tensors, k) => ({ ...recorded.more?.(config).inputs?.(tensors, k), ...noiseOf(tensors, k, random) }),
  };
}

function noiseOf(tensors: Tensors, iteration: number, random: boolean): Readonly<Record<string, Float32Array>> {
  const [input, recorded] = random ? ["noise/normal/route", "randn"] : ["noise/uniform/route", "gumbel_uniform"];
  return { [input]: Float32Array.from(tensorOf(tensors, `data/${recorded}${iteration}`).data) };
}

/** Losses without weights, decisions, and what the routed network says. */
function watchesOf({ terms, watches }: LossGraph, random: boolean): readonly Watch[] {
  const lossOf = (name: string): Value => terms.find((term) => term.name === name)!.loss;
  const spots = terms.filter(({ spot, name }) => spot !== undefined && name !== "student/sakd_kl");
  const losses: Watch[] = [
    { name: "div", value: lossOf("student/sakd_kl") },
    { name: "kd", value: spots.map(({ loss }): Value => loss).reduce((sum, loss) => add(sum, loss)) },
  ];
  const decisions = watches.map(({ value }, i): Watch => ({ name: `mask${i}`, value: value.of[0]! }));
  if (random) return [...losses, ...decisions];
  // γ^± · (γ^± · CE): two factors, each the second operand of a product.
  const crossEntropy = lossOf("agent/graft").of[0]!.of[0]!;
  const graft: Watch[] = [
    { name: "graft_ce", value: crossEntropy },
    { name: "graft", value: crossEntropy.of[0]!.of[0]! },
  ];
  return [...losses, ...decisions, ...graft];
}

function termsOf(step: StepView, random: boolean): Readonly<Record<string, number>> {
  const own = Object.entries(step.terms).filter(([name]) => name.startsWith("student/"));
  const shared = {
    div: step.watched("div"),
    kd: step.watched("kd"),
    total: own.reduce((sum, [, value]) => sum + value, 0),
  };
  const ce = step.terms["student/ce"]!;
  if (random) return { student_ce_times_gamma: ce, ...shared };
  return {
    ...shared,
    student_ce: ce,
    graft_cls: step.terms["agent/graft"]! + step.terms["agent/half"]!,
    graft_ce_raw: step.watched("graft_ce"),
  };
}

function decisionsOf(
  step: StepView,
  gates: number,
  variant: "adaptive" | "reverse" | "random",
): Readonly<Record<string, unknown>> {
  const masks = Array.from({ length: gates }, (_, i) => Array.from(step.values(`watch/mask${i}`), Math.round));
  const sum = (mask: readonly number[]): number => mask.reduce((total, value) => total + value, 0);
  if (variant === "random") {
    const drawn = masks.slice(0, -1);
    return { chosen: drawn.map(sum), index: drawn };
  }
  const actions = variant === "reverse" ? masks.map((mask) => mask.map((value) => 1 - value)) : masks;
  return { actions, chosen: actions.map(sum) };
}
