/** Sentences that none of the original implementations has: they lower, train, and move all that learns. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { synthetic } from "../../datasets/synthetic.ts";
import {
  type AnyPipeline,
  branches,
  cohort,
  MissingRoleError,
  parseSpec,
  resnet14,
  resnet8,
  SentenceError,
  stop,
  teacher,
  type Value,
} from "../../dsl/mod.ts";
import {
  ab,
  afd,
  at,
  byot,
  cl,
  crd,
  ffsd,
  kd,
  labelSmoothing,
  okddip,
  one,
  online,
  rkd,
  sakd,
  switokd,
} from "../../methods/mod.ts";
import { builtins, lower } from "../../mod.ts";
import { initialValues } from "../../runtime/train/init.ts";
import { train, type TrainResult } from "../../runtime/train/train.ts";

const images = synthetic({ classes: 10, shape: [1, 8, 8], train: 24, test: 8 });
const heads = branches(resnet8, 4, { from: "layer2" });
const pair = cohort([resnet14, resnet8]);
const three = cohort(resnet8, 3);

interface Combination {
  readonly sentence: AnyPipeline;
  /** Groups in the order of their updates, phase by phase. */
  readonly phases: string;
  /** Some of its terms. */
  readonly terms: readonly string[];
}

const combinations: Readonly<Record<string, Combination>> = {
  "DML with a leader": {
    sentence: three.leader().mutual({ temperature: 2 }),
    phases: "peer0 peer1 leader",
    terms: ["peer0/dml", "peer1/dml", "leader/ensemble_kl"],
  },
  "ONE with a leader of its own": {
    sentence: heads.leader(resnet14).use(one()),
    phases: "trunk leader",
    terms: ["peer0/one", "ensemble/ce", "leader/ensemble_kl"],
  },
  "CL-ILR with a leader, fusion and self-distillation": {
    sentence: heads.leader(resnet8).use(cl()).fuse().selfDistill(),
    phases: "trunk fusion leader sd1 sd2 sd_leader",
    terms: ["peer2/cl", "peer2/diversity", "fusion/ce", "leader/fusion_attention", "sd2/feature"],
  },
  "FFSD whose first student pauses": {
    sentence: three.leader().use(ffsd()).switch({ pauses: ["peer0"] }),
    phases: "peer0 peer1 fusion leader sd1 sd_leader",
    terms: ["peer0/dml", "peer1/diversity", "leader/trans_fusion", "sd_leader/feature"],
  },
  "SAKD between peers that are mutual": {
    sentence: pair.mutual().use(sakd(online(at({ weight: 10 })))),
    phases: "agent_peer0 agent_peer1 peer0 peer1",
    terms: ["peer0/dml", "agent_peer0/graft", "peer1/at_layer3", "peer1/sakd_kl_peer1"],
  },
  "SAKD from an online teacher that pauses": {
    sentence: teacher(resnet14).student(resnet8).use(switokd()).use(sakd(at({ weight: 10 }))),
    phases: "agent teacher student",
    terms: ["teacher/dml", "agent/graft", "student/at_layer1", "student/sakd_kl"],
  },
  "KDCL with attention transfer, a view for each": {
    sentence: pair.views("each").ensemble("linear").use(online(at({ weight: 10 }))),
    phases: "peer0 peer1",
    terms: ["peer0/ensemble_kl", "peer0/at_layer2", "peer1/at_layer2"],
  },
  "four methods on one cohort with weights of their own": {
    sentence: pair.ensemble("minLogit", { weight: 0.5 }).mutual({ weight: 0.3 })
      .use(online(rkd({ weight: 0.2 }))).use(byot({ weight: 0.1 })),
    phases: "peer0 peer1",
    terms: ["peer0/dml", "peer0/ensemble_kl", "peer0/rkd", "peer0/exit_1_kd"],
  },
  "OKDDip with self-distillation": {
    sentence: cohort(resnet8, 4).leader().use(okddip()).selfDistill(),
    phases: "peer0 peer1 peer2 attention leader sd1 sd2 sd_leader",
    terms: ["peer0/okddip", "leader/okddip", "peer1/self_distillation", "sd2/attention"],
  },
  "AFD with a leader": {
    sentence: three.leader().use(afd()),
    phases: "peer0 peer1 | peer0_adversarial peer1_adversarial peer0_discriminator peer1_discriminator leader",
    terms: ["peer0/dml", "peer0/adversarial", "leader/ensemble_kl"],
  },
  "CRD between peers, each with a memory of its own": {
    sentence: pair.use(online(crd())),
    phases: "peer0 peer1",
    terms: ["peer0/crd", "peer1/crd"],
  },
};

/** Three steps of eight images. */
async function threeSteps(sentence: AnyPipeline): Promise<TrainResult> {
  const said = parseSpec(sentence.spec, { ...builtins, archs: sentence.archs }).on(images);
  const settings = { epochs: 1, batch: 8, optimizer: { learningRate: 0.01 } };
  return await train(said.train(settings), { backend: "wasm", threads: 1, runs: false });
}

for (const [name, { sentence, phases, terms }] of Object.entries(combinations)) {
  Deno.test(`${name}: every net and module learns in three steps`, async () => {
    const graph = lower(sentence);
    assertEquals(graph.phases.map((groups) => groups.join(" ")).join(" | "), phases);
    const names = graph.terms.map((term) => term.name);
    assertEquals(terms.filter((term) => !names.includes(term)), []);
    const { history, snapshot, compiled } = await threeSteps(sentence);
    const losses = Object.values(history[0]!.terms);
    assert(losses.length === names.length && losses.every(Number.isFinite));
    for (const { id } of compiled.plan.modules) {
      const own = compiled.parameters.filter((entry) => entry.name.startsWith(`${id}/`) && entry.kind === "parameter");
      const moved = own.some((entry) => {
        const before = initialValues(entry, 1);
        return Array.from(snapshot.tensors[entry.name]!.data).some((value, i) => value !== before[i]);
      });
      assert(moved, id);
    }
  });
}

Deno.test("online() imitates the others as the step runs them, cut", () => {
  const graph = lower(cohort(resnet8, 3).use(online(at({ at: ["layer3"] }))));
  const term = graph.terms.find(({ name }) => name === "peer1/at_peer2")!;
  assertEquals(term.learners, ["peer1"]);
  const seen = new Set<string>();
  const visit = (value: Value, cut: boolean): void => {
    if (value.op === "run") seen.add(`${value.attrs["net"]} ${value.attrs["mode"]}${cut ? " cut" : ""}`);
    value.of.forEach((source) => visit(source, cut || value.op === stop(value).op));
  };
  visit(term.loss, false);
  assertEquals([...seen].sort(), ["peer1 train", "peer2 train cut"]);
});

Deno.test("specs of online() and of sakd() over it are read again", () => {
  for (const sentence of [pair.use(online(at())), pair.use(sakd(online(rkd()), { gamma: 2 }))]) {
    assertEquals(parseSpec(JSON.stringify(sentence.spec), builtins).spec, sentence.spec);
  }
});

Deno.test("combinations that make no sense are refused with a reason", () => {
  const refused: readonly (readonly [() => unknown, new (message: string) => Error, string])[] = [
    [
      // @ts-expect-error: branches are one parameter group
      () => heads.use(one()).switch({ pauses: ["peer0"] }),
      SentenceError,
      "switch() pauses nets of their own, and branches learn as one: start from cohort(...)",
    ],
    [
      // @ts-expect-error: nobody is a teacher among peers
      () => pair.mutual().use(sakd(at())),
      MissingRoleError,
      "this method needs a teacher, and the sentence has none",
    ],
    [
      // @ts-expect-error: label smoothing has neither
      () => online(labelSmoothing()),
      SentenceError,
      "Cannot say online(labelSmoothing()): online() puts peers in the places of teacher and student: choose a method " +
      "that needs both, got none.",
    ],
    [
      // @ts-expect-error: FFSD is for peers as it is
      () => online(ffsd()),
      SentenceError,
      "choose a method that needs both, got peer, leader.",
    ],
    [
      // @ts-expect-error: a net and its student are no peers
      () => teacher(resnet14).student(resnet8).use(online(kd())),
      MissingRoleError,
      "this method needs a peer, and the sentence has none",
    ],
    [
      () => pair.use(online(ab())).lower(),
      SentenceError,
      "Cannot lower online(ab()): peers start together, and this method trains parts before",
    ],
    [
      () => pair.use(online(sakd(at()))).lower(),
      SentenceError,
      "Cannot lower online(sakd()): its terms teach the student alone, got agent/graft for agent. " +
      "Say online() inside, as in sakd(online(at())).",
    ],
    [
      () => three.leader().use(ffsd()).use(afd()).lower(),
      RangeError,
      'got "peer0/dml" twice. Give both clauses the same options there, or leave one out.',
    ],
  ];
  for (const [say, error, reason] of refused) assertThrows(say, error, reason);
});
