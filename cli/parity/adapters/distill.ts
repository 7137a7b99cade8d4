/**
 * Distillers in the loop of the RepDistiller benchmark: γ · CE + α · T² · KL + β · loss.
 *
 * @module
 */

import type { Arch } from "../../../dsl/arch.ts";
import { teacher } from "../../../dsl/cohort.ts";
import { add } from "../../../dsl/expr.ts";
import type { LossGraph, Watch } from "../../../dsl/graph.ts";
import type { Method } from "../../../dsl/method.ts";
import { logits, type Value } from "../../../dsl/value.ts";
import { crd } from "../../../methods/crd.ts";
import { ab } from "../../../methods/ab.ts";
import { at } from "../../../methods/at.ts";
import { cc } from "../../../methods/cc.ts";
import { fitnet } from "../../../methods/fitnet.ts";
import { fsp } from "../../../methods/fsp.ts";
import { ft } from "../../../methods/ft.ts";
import { kd } from "../../../methods/kd.ts";
import { nst } from "../../../methods/nst.ts";
import { pkt } from "../../../methods/pkt.ts";
import { rkd } from "../../../methods/rkd.ts";
import { sp } from "../../../methods/sp.ts";
import { vid } from "../../../methods/vid.ts";
import { featureOf, known, netOf, type Replay, type StepView, total, unweighted, withStem } from "../adapter.ts";
import { ROUNDED_INPUTS } from "../rules.ts";
import { numberIn, type Trace } from "../trace_format.ts";
import { crdConstants, crdPrefixes, crdReplay } from "./crd.ts";

interface Recorded {
  /** The method at β and γ. */
  readonly use: (
    told: { readonly weight: number; readonly ce: number },
    trace: Trace,
    nets: readonly [teacher: Arch, student: Arch],
  ) => Method;
  /** Prefixes of its modules' tensors there and here. */
  readonly prefixes?: (nets: readonly [teacher: Arch, student: Arch]) => Replay["prefixes"];
  /** Error allowed against float64. */
  readonly exactness?: number;
  /** What the recording has beside the usual. */
  readonly more?: (trace: Trace) => Partial<Replay>;
  /** The spots that it looks at, where the recording says which. */
  readonly spots?: (trace: Trace, arch: Arch) => readonly (string | undefined)[];
  /** The loss of the initial stage, from the terms of a step of it. */
  readonly stageTerms?: NonNullable<Replay["stageTerms"]>;
  /** Whether the stage runs all of the student in train mode, so that statistics move that its loss does not read. */
  readonly stageOfAll?: boolean;
}

/** Error of terms that are differences of nearly equal numbers, against float64. */
const SMALL_DIFFERENCES = 1e-6;

const methods: Readonly<Record<string, Recorded>> = {
  crd: {
    use: (told, { config }) => crd({ ...told, ...crdConstants(config) }),
    prefixes: () => crdPrefixes,
    more: ({ config }) => crdReplay(config),
  },
  attention: { use: (told) => at(told) },
  similarity: { use: (told) => sp(told) },
  rkd: { use: (told) => rkd(told), exactness: SMALL_DIFFERENCES },
  hint: {
    use: (told, trace, nets) => {
      const [ofTeacher, ofStudent] = nets.map((arch) => hintOf(trace, arch));
      return fitnet({ ...told, at: [{ teacher: ofTeacher!, student: ofStudent! }] });
    },
    spots: (trace, arch) => [hintOf(trace, arch)],
    prefixes: () => [["regress_s/", "student_fitnet/"]],
  },
  correlation: {
    use: (told, { config }) => cc({ ...told, width: numberIn(config, "feat_dim") }),
    prefixes: () => [["embed_s/", "student_cc_student/"], ["embed_t/", "student_cc_teacher/"]],
  },
  abound: {
    use: ({ ce }) => ab({ ce }),
    prefixes: ([, { spots }]) => spots.map((spot, i) => [`connector/connectors.${i}.`, `student_ab_${spot}/`] as const),
    stageOfAll: true,
    stageTerms: (step) => ({ init_loss: total(step) }),
  },
  fsp: {
    use: ({ ce }) => fsp({ ce }),
    stageOfAll: true,
    stageTerms: (step) => ({ init_loss: total(step) }),
  },
  factor: {
    use: (told) => ft(told),
    prefixes: () => [["translator/", "student_ft/"], ["paraphraser/", "student_ft_paraphraser/"]],
    stageTerms: (step) => ({ init_loss: total(step) }),
    // The release has a rate of its own for its small nets, and the run's for others.
    more: ({ optimizers }) => ({ stageRates: [0.01, ...Object.values(optimizers).map(({ lr }) => lr)] }),
  },
  pkt: { use: (told) => pkt(told), exactness: SMALL_DIFFERENCES },
  nst: { use: (told) => nst(told) },
  vid: {
    // Its float64 run kept in double precision the first variance that the file holds rounded.
    exactness: ROUNDED_INPUTS,
    use: (told) => vid(told),
    prefixes: ([, { spots }]) => spots.map((spot, i) => [`vid/${i}.`, `student_vid_${spot}/`] as const),
  },
};

/** Names of the recorded methods. */
export const distilled: readonly string[] = Object.keys(methods);

/** Replays traces of a distiller. */
export function distillTrace(trace: Trace): Replay | string {
  const { config } = trace;
  const [ofTeacher, ofStudent] = [netOf(trace, "teacher"), netOf(trace, "student")];
  if (typeof ofTeacher === "string") return ofTeacher;
  if (typeof ofStudent === "string") return ofStudent;
  const { use, prefixes, exactness, more, spots, stageTerms, stageOfAll = false } = methods[trace.method]!;
  const [master, pupil] = [ofTeacher, ofStudent].map((arch) => withStem(arch, spots?.(trace, arch) ?? [])) as [
    Arch,
    Arch,
  ];
  const [ce, alpha, weight] = ["gamma", "alpha", "beta"].map((name) => numberIn(config, name)) as [
    number,
    number,
    number,
  ];
  const sentence = teacher(master).student(pupil)
    .use(kd({ temperature: numberIn(config, "T"), weight: alpha, ce }))
    .use(use({ weight, ce }, trace, [master, pupil]));
  const graph = sentence.lower();
  const divergence = graph.terms.find(({ name }) => name === "student/kd")!;
  const own = graph.terms.filter(({ name }) => !["student/ce", "student/kd"].includes(name)).map(({ loss }): Value =>
    loss
  );
  // A weight of 0 would hide them, but the recording shows them all the same.
  const watches: readonly Watch[] = [
    { name: "kl", value: divergence.loss },
    ...(own.length === 0 ? [] : [{ name: "kd", value: own.reduce(add) }]),
  ];
  return {
    sentence,
    ...(exactness === undefined ? {} : { exactness }),
    graph: { ...(stageOfAll ? forwardingAll(graph) : graph), watches: [...graph.watches, ...watches] },
    epoch: 1,
    prefixes: [["student/", "student/"], ["teacher/", "teacher/"], ...(prefixes?.([master, pupil]) ?? [])],
    optimizers: { student: Object.keys(trace.optimizers)[0]! },
    terms: (step: StepView) =>
      known({
        ce: unweighted(step, "student/ce"),
        kl: step.watched("kl"),
        kd: own.length === 0 ? 0 : step.watched("kd"),
        total: total(step),
      }),
    scores: (key) => (key === "student" || key === "teacher" ? { of: [key], as: "one" } : undefined),
    ...(stageTerms === undefined ? {} : { stageTerms }),
    ...more?.(trace),
  };
}

/** The graph with stages in which the student runs up to its class scores. */
function forwardingAll(graph: LossGraph): LossGraph {
  const watch: Watch = { name: "student", value: logits({ id: "student", view: 0 }) };
  const stages = graph.stages!.map((stage) => ({ ...stage, graph: { ...stage.graph, watches: [watch] } }));
  return { ...graph, stages };
}

/** The spot that a hint is given at. */
function hintOf({ config }: Trace, arch: Arch): string | undefined {
  return featureOf(arch, numberIn(config, "hint_layer"));
}
