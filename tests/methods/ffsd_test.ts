import { assertEquals, assertThrows } from "@std/assert";
import { cohort, type LossGraph, normalize, OptionError, resnet8, SentenceError } from "../../dsl/mod.ts";
import { ffsd, type FfsdOptions } from "../../methods/mod.ts";
import { assertGolden, learns, ledBy } from "./fixtures.ts";

const said = cohort(resnet8, 3).leader().use(ffsd());

Deno.test("ffsd() and the verbs say the same", () => {
  const verbs = cohort("resnet8×3").leader().fuse().selfDistill();
  assertEquals(normalize(said).spec, normalize(verbs).spec);
  assertEquals(said.lower(), verbs.lower());
});

Deno.test("ffsd() lowers by itself to what it lowers to in a sentence", () => {
  assertEquals(ffsd().lower(ledBy(resnet8, 2)), said.lower());
});

Deno.test("ffsd() has the published graph", () => {
  assertGolden("ffsd", said.lower());
});

Deno.test("ffsd() updates common students, fusion module, leader and modules, in this order", () => {
  assertEquals(said.lower().phases, [["peer0", "peer1", "fusion", "leader", "sd1", "sd_leader"]]);
  assertEquals(cohort(resnet8, 4).leader().use(ffsd()).lower().phases, [
    ["peer0", "peer1", "peer2", "fusion", "leader", "sd1", "sd2", "sd_leader"],
  ]);
});

Deno.test("ffsd() teaches each group what the paper says", () => {
  const graph = said.lower();
  assertEquals(learns(graph, "peer0"), ["peer0/ce", "peer0/dml"]);
  assertEquals(learns(graph, "peer1"), ["peer1/ce", "peer1/dml", "peer1/diversity", "peer1/self_distillation"]);
  assertEquals(learns(graph, "fusion"), ["fusion/ce", "fusion/ensemble_kl"]);
  assertEquals([...learns(graph, "leader")].sort(), [
    "leader/ce",
    "leader/ensemble_kl",
    "leader/fusion_attention",
    "leader/self_distillation",
    "leader/trans_fusion",
  ]);
  assertEquals(learns(graph, "sd1"), ["sd1/feature", "sd1/attention"]);
  assertEquals(learns(graph, "sd_leader"), ["sd_leader/feature", "sd_leader/attention"]);
});

Deno.test("ffsd() sets each coefficient where the paper has it", () => {
  const graph = lowered({ temperature: 3, diversityWeight: 0.01, fusionWeight: 2, moduleWeight: 50 });
  const weights = Object.fromEntries(graph.terms.map(({ name, weight }) => [name, weight]));
  assertEquals(weights, {
    "peer0/ce": 1,
    "peer0/dml": 1,
    "peer1/ce": 1,
    "peer1/dml": 1,
    "peer1/diversity": 0.01,
    "fusion/ce": 1,
    "fusion/ensemble_kl": 1,
    "leader/fusion_attention": 2,
    "leader/trans_fusion": 2,
    "leader/ce": 1,
    "leader/ensemble_kl": 1,
    "peer1/self_distillation": 0.01,
    "leader/self_distillation": 2,
    "sd1/feature": 50,
    "sd1/attention": 50,
    "sd_leader/feature": 50,
    "sd_leader/attention": 50,
  });
  const temperatures = [...JSON.stringify(graph).matchAll(/"temperature":(\d)/g)].map(([, digit]) => digit);
  assertEquals(temperatures, ["3", "3", "3", "3"]);
});

Deno.test("ffsd() without self-distillation loses its terms and modules, and nothing else", () => {
  const gone = missing({ selfDistillation: "none" });
  assertEquals(gone, [
    "peer1/self_distillation",
    "leader/self_distillation",
    "sd1/feature",
    "sd1/attention",
    "sd_leader/feature",
    "sd_leader/attention",
  ]);
  assertEquals(lowered({ selfDistillation: "none" }).aux.map(({ id }) => id), ["fusion", "decoder"]);
});

Deno.test("ffsd() can self-distil common students or leader alone", () => {
  assertEquals(missing({ selfDistillation: "peers" }), [
    "leader/self_distillation",
    "sd_leader/feature",
    "sd_leader/attention",
  ]);
  assertEquals(missing({ selfDistillation: "leader" }), ["peer1/self_distillation", "sd1/feature", "sd1/attention"]);
});

Deno.test("ffsd() by L2 changes the diversity term and what a common student's module reads", () => {
  assertEquals(changed({ diversity: "l2" }), ["peer1/diversity", "peer1/self_distillation"]);
  assertGolden("ffsd_l2", lowered({ diversity: "l2" }));
});

Deno.test("ffsd() without diversity loses that term", () => {
  assertEquals(missing({ diversity: "none" }), ["peer1/diversity"]);
});

Deno.test("ffsd() without fused maps leaves the leader the module's class scores", () => {
  assertEquals(missing({ fusion: "logits" }), ["leader/fusion_attention", "leader/trans_fusion"]);
  assertEquals(changed({ fusion: "logits" }), []);
});

Deno.test("ffsd() without fusion gives the leader the mean class scores of the common students", () => {
  assertEquals(missing({ fusion: "none" }), [
    "fusion/ce",
    "fusion/ensemble_kl",
    "leader/fusion_attention",
    "leader/trans_fusion",
  ]);
  assertEquals(changed({ fusion: "none" }), ["leader/ensemble_kl", "leader/self_distillation"]);
  const graph = lowered({ fusion: "none", fusionWeight: 7 });
  assertEquals(graph.terms.find(({ name }) => name === "leader/self_distillation")?.weight, 7);
  assertGolden("ffsd_without_fusion", lowered({ fusion: "none" }));
});

Deno.test("ffsd() yields to what the sentence says itself", () => {
  const own = cohort(resnet8, 3).leader().use(ffsd()).diversify("l2");
  assertEquals(own.lower(), lowered({ diversity: "l2" }));
});

Deno.test("ffsd() refuses options out of range or unknown, and too few members", () => {
  assertThrows(
    () => ffsd({ temperature: 0 }),
    OptionError,
    "Cannot say ffsd(): its temperature is a finite number above 0, got 0. Leave it out for the default.",
  );
  assertThrows(
    () => ffsd({ diversity: "cosine" as "l2" }),
    OptionError,
    "Cannot say ffsd(): its diversity is one of attention, l2, none, got cosine. Say one of them.",
  );
  assertThrows(
    () => ffsd({ alpha: 1 } as FfsdOptions),
    OptionError,
    "Cannot say ffsd(): its options are temperature, diversity, selfDistillation, fusion, diversityWeight, " +
      "fusionWeight, moduleWeight, fusionWeightDecay, got alpha. Leave it out.",
  );
  assertThrows(
    () => cohort(resnet8, 2).leader().use(ffsd()).lower(),
    SentenceError,
    "Cannot lower diversify(): it needs two peers that can differ, got 1. Add members.",
  );
});

function lowered(options: FfsdOptions): LossGraph {
  return cohort(resnet8, 3).leader().use(ffsd(options)).lower();
}

/** Names of the terms that an ablation takes away. */
function missing(options: FfsdOptions): readonly string[] {
  const names = new Set(lowered(options).terms.map(({ name }) => name));
  return said.lower().terms.map(({ name }) => name).filter((name) => !names.has(name));
}

/** Names of the terms that an ablation keeps and computes in another way. */
function changed(options: FfsdOptions): readonly string[] {
  const before = new Map(said.lower().terms.map((term) => [term.name, JSON.stringify(term.loss)]));
  return lowered(options).terms.filter((term) => before.get(term.name) !== JSON.stringify(term.loss)).map((term) =>
    term.name
  );
}
