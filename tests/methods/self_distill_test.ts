import { assertEquals, assertThrows } from "@std/assert";
import {
  type Clause,
  countParameters,
  defineArch,
  type LossGraph,
  lowerSelfDistill,
  mobilenet_v2,
  OptionError,
  resnet20,
  resnet8,
  SentenceError,
  type Value,
  wrn_16_1,
  wrn_16_2,
} from "../../dsl/mod.ts";
import { assertGolden, learns, ledBy, printed, reach, siteWith } from "./fixtures.ts";

const verbs: readonly Clause[] = [
  { verb: "diversify", options: { by: "attention", weight: 0.01 } },
  { verb: "fuse", options: { weight: 2 } },
];
const site = ledBy(resnet8, 3, verbs);

Deno.test("lowerSelfDistill() gives modules to the peers from the second on and to the leader", () => {
  const graph = lowerSelfDistill(site);
  assertEquals(graph.aux?.map(({ id, group, optimizer }) => [id, group, optimizer]), [
    ["sd1", "sd1", { kind: "adam", learningRate: 1e-3 }],
    ["sd2", "sd2", { kind: "adam", learningRate: 1e-3 }],
    ["sd_leader", "sd_leader", { kind: "adam", learningRate: 1e-3 }],
  ]);
  assertEquals(learns(graph, "peer0"), []);
  assertEquals(learns(graph, "peer2"), ["peer2/self_distillation"]);
  assertEquals(learns(graph, "sd2"), ["sd2/feature", "sd2/attention"]);
  assertGolden("self_distill", graph);
});

// Methods sheet, section 1.7.
for (const [arch, channels, parameters] of [[resnet20, 64, 23136], [wrn_16_2, 128, 92352]] as const) {
  Deno.test(`lowerSelfDistill() has the paper's module size for ${arch.name}`, () => {
    const { aux } = lowerSelfDistill(ledBy(arch, 2));
    const module = defineArch("module", aux![0]!.stages, { spots: [] });
    assertEquals(countParameters(module, { inputChannels: channels, classes: 100 }), parameters);
  });
}

Deno.test("lowerSelfDistill() enlarges maps to the sizes of the net's own spots, deep to shallow", () => {
  const { aux } = lowerSelfDistill(ledBy(mobilenet_v2, 2));
  const likes = aux![0]!.stages.map(({ spot, layers: [first] }) =>
    first?.kind === "transposedConv" ? [spot, first.name, first.out, first.outputPad] : []
  );
  assertEquals(likes, [
    ["layer0", "layer0.convtranpose", 96, { net: "peer1", spot: "layer3" }],
    ["layer1", "layer1.convtranpose", 32, { net: "peer1", spot: "layer2" }],
    ["layer2", "layer2.convtranpose", 24, { net: "peer1", spot: "layer1" }],
  ]);
});

Deno.test("lowerSelfDistill() runs a module in eval mode for the net, in train mode for itself", () => {
  const graph = lowerSelfDistill(site);
  assertEquals([...modes(graph, "peer1/self_distillation")], ["sd1 eval"]);
  assertEquals([...modes(graph, "leader/self_distillation")], ["sd_leader eval"]);
  assertEquals([...modes(graph, "sd1/feature")], ["sd1 train"]);
  assertEquals([...modes(graph, "sd_leader/attention")], ["sd_leader train"]);
});

Deno.test("lowerSelfDistill() cuts everything but the learner", () => {
  const graph = lowerSelfDistill(site);
  const of = (name: string): unknown => reach(graph.terms!.find((term) => term.name === name)!.loss);
  assertEquals(of("peer1/self_distillation"), { cut: ["peer0", "sd1"], open: ["peer1"] });
  assertEquals(of("leader/self_distillation"), {
    cut: ["fusion", "peer0", "peer1", "peer2", "sd_leader"],
    open: ["leader"],
  });
  assertEquals(of("sd1/feature"), { cut: ["peer1"], open: ["sd1"] });
  assertEquals(of("sd_leader/attention"), { cut: ["leader"], open: ["sd_leader"] });
});

Deno.test("lowerSelfDistill() shares the coefficients of diversify() and fuse() unless told", () => {
  const weights = (graph: Partial<LossGraph>): unknown[] =>
    ["peer1/self_distillation", "leader/self_distillation"].map((name) =>
      graph.terms!.find((term) => term.name === name)!.weight
    );
  assertEquals(weights(lowerSelfDistill(site)), [0.01, 2]);
  assertEquals(weights(lowerSelfDistill(site, { peerWeight: 3, leaderWeight: 4 })), [3, 4]);
  assertEquals(weights(lowerSelfDistill(ledBy(resnet8, 2))), [
    { ramp: "sigmoid", to: 1e-5, epochs: 5, from: 1 },
    { ramp: "sigmoid", to: 10, epochs: 5, from: 1 },
  ]);
});

Deno.test("lowerSelfDistill() reads a net's own deepest map where nothing diversifies by attention or fuses", () => {
  const graph = lowerSelfDistill(ledBy(resnet8, 2, [{ verb: "diversify", options: { by: "l2" } }]));
  assertEquals(graph.terms!.slice(0, 2).map(({ loss }) => reach(loss)), [
    { cut: ["sd1"], open: ["peer1"] },
    { cut: ["sd_leader"], open: ["leader"] },
  ]);
  assertEquals(printed(graph.terms![0]!.loss).includes("kthSmallest"), false);
});

Deno.test("lowerSelfDistill() gives the leader its own deepest map where fuse() fuses at another spot", () => {
  const leaderReads = (at: string): unknown => {
    const graph = lowerSelfDistill(ledBy(resnet8, 2, [{ verb: "fuse", options: { at } }]), { who: "leader" });
    return reach(graph.terms![0]!.loss);
  };
  assertEquals(leaderReads("layer2"), { cut: ["sd_leader"], open: ["leader"] });
  assertEquals(leaderReads("layer3"), { cut: ["fusion", "peer0", "peer1", "sd_leader"], open: ["leader"] });
});

Deno.test("lowerSelfDistill() can leave out peers or leader", () => {
  assertEquals(lowerSelfDistill(site, { who: "peers" }).aux?.map(({ id }) => id), ["sd1", "sd2"]);
  assertEquals(lowerSelfDistill(site, { who: "leader" }).aux?.map(({ id }) => id), ["sd_leader"]);
});

Deno.test("lowerSelfDistill() refuses sites it means nothing on, and options out of range", () => {
  assertThrows(
    () => lowerSelfDistill(siteWith([["peer0", "peer", resnet8]])),
    SentenceError,
    "Cannot lower selfDistill(): it needs a leader or two peers, got 1 peers and no leader. " +
      "Add members or say leader().",
  );
  assertThrows(
    () => lowerSelfDistill(siteWith([["peer0", "peer", wrn_16_1], ["peer1", "peer", wrn_16_2]], { clauses: verbs })),
    SentenceError,
    "Cannot lower selfDistill(): the module of peer1 reads the map of peer0, which needs the same channels, " +
      'got 64 and 128. Say diversify("none").',
  );
  const flat = { ...resnet8, spots: ["layer3"] } as const;
  assertThrows(
    () => lowerSelfDistill(ledBy(flat, 2)),
    SentenceError,
    "Cannot lower selfDistill(): peer1 needs a spot above its deepest, got resnet8 with 1. " +
      "Choose a net with two spots.",
  );
  assertThrows(
    () => lowerSelfDistill(site, { learningRate: 0 }),
    OptionError,
    "Cannot say selfDistill(): its learningRate is a finite number above 0, got 0. Leave it out for the default.",
  );
});

/** Modules a term runs, with their modes. */
function modes(graph: Partial<LossGraph>, name: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: Value): void => {
    const { net, mode } = value.attrs;
    if (value.op === "run" && String(net).startsWith("sd")) found.add(`${net} ${mode}`);
    value.of.forEach(visit);
  };
  visit(graph.terms!.find((term) => term.name === name)!.loss);
  return found;
}
