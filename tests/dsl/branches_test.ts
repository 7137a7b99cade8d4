import { assertEquals, assertThrows } from "@std/assert";
import {
  branches,
  cohort,
  joinBranches,
  lower,
  mergeGraphs,
  method,
  normalize,
  OptionError,
  parseSpec,
  resnet20,
  resnet8,
  SentenceError,
  siteOf,
  stop,
  supervision,
  tap,
  term,
} from "../../dsl/mod.ts";
import { meanAll, square, sub } from "../../dsl/expr.ts";

const three = branches(resnet8, 3, { from: "layer2" });
const trunk = { id: "trunk", nets: ["peer0", "peer1", "peer2"], from: "layer2" } as const;

Deno.test("branches() alone learn from the labels, as one group", () => {
  const graph = three.lower();
  assertEquals(graph.terms.map(({ name, learners }) => [name, learners]), [
    ["peer0/ce", ["trunk"]],
    ["peer1/ce", ["trunk"]],
    ["peer2/ce", ["trunk"]],
  ]);
  assertEquals([graph.phases, graph.trunks], [[["trunk"]], [trunk]]);
});

Deno.test("branches() can divide the trunk's gradients by their number", () => {
  const { trunks } = branches(resnet8, 4, { from: "layer1", rescale: true }).lower();
  assertEquals(trunks, [{ ...trunk, nets: [...trunk.nets, "peer3"], from: "layer1", scale: 0.25 }]);
  assertThrows(
    () => branches(resnet8, 4, { from: "layer1", rescale: 1 as unknown as boolean }),
    OptionError,
    "Cannot say branches(): its rescale is one of true, false, got 1. Say one of them.",
  );
});

Deno.test("methods see branches as peers, and what they share", () => {
  const site = siteOf(normalize(three.leader()));
  assertEquals(site.peers.map(({ id }) => id), ["peer0", "peer1"]);
  assertEquals(site.trunk, { ...trunk, nets: ["peer0", "peer1", "leader"] });
  assertEquals(siteOf(normalize(three.leader(resnet8))).trunk, { ...trunk, nets: ["peer0", "peer1"] });
});

Deno.test("leader() promotes a branch, leader(arch) has a net outside of the trunk", () => {
  assertEquals(three.leader().lower().phases, [["trunk"]]);
  const outside = three.leader(resnet8).lower();
  assertEquals(outside.phases, [["trunk", "leader"]]);
  assertEquals(outside.terms.map(({ name, learners }) => [name, learners]), [
    ["peer0/ce", ["trunk"]],
    ["peer0/dml", ["trunk"]],
    ["peer1/ce", ["trunk"]],
    ["peer1/dml", ["trunk"]],
    ["leader/ce", ["leader"]],
    ["leader/ensemble_kl", ["leader"]],
  ]);
});

Deno.test("every verb of cohorts works on branches: fusion, self-distillation, diversity", () => {
  const graph = branches(resnet8, 3, { from: "layer2" }).leader().fuse().selfDistill().lower();
  assertEquals(graph.phases, [["trunk", "fusion", "sd1", "sd_leader"]]);
  assertEquals(graph.aux.map(({ id, group }) => [id, group]), [
    ["fusion", "fusion"],
    ["decoder", "trunk"],
    ["sd1", "sd1"],
    ["sd_leader", "sd_leader"],
  ]);
});

Deno.test("branches cannot update one after the other", () => {
  assertThrows(
    () => three.mutual({ order: "sequential" }).lower(),
    SentenceError,
    "Cannot lower branches(): branches of one trunk update together, got 3 phases. " +
      'Say order: "simultaneous", or start from cohort(...).',
  );
});

Deno.test("a term may name the trunk itself as learner, on branches only", () => {
  const near = term("trunk/near", ["trunk"], meanAll(square(sub(tap({ id: "peer0", view: 0 }, "layer1"), 1))));
  assertEquals(lower(three.loss(() => [near])).terms.at(-1)!.learners, ["trunk"]);
  assertThrows(() => cohort(resnet8, 2).loss(() => [near]).lower(), SentenceError, 'got "trunk"');
});

Deno.test("joinBranches() keeps learners apart from the trunk, and graphs without one", () => {
  const loss = meanAll(square(stop(tap({ id: "peer0", view: 0 }, "layer1"))));
  const graph = mergeGraphs([{
    trunks: [{ id: "trunk", nets: ["peer0", "peer1"], from: "layer1" }],
    terms: [term("x", ["peer1", "fusion", "peer0"], loss)],
    switches: [{ pauses: "peer1", when: loss }],
  }]);
  const joined = joinBranches(graph);
  assertEquals([joined.terms[0]!.learners, joined.phases], [["trunk", "fusion"], [["trunk", "fusion"]]]);
  assertEquals(joined.switches[0]!.pauses, "trunk");
  const plain = mergeGraphs([{ terms: [term("x", ["peer0"], loss)] }]);
  assertEquals([joinBranches(plain) === plain, "trunks" in plain], [true, false]);
});

Deno.test("mergeGraphs() joins what clauses say of one trunk, and refuses two scales", () => {
  assertEquals(mergeGraphs([{ trunks: [trunk] }, { trunks: [{ ...trunk, scale: 0.5 }] }]).trunks, [
    { ...trunk, scale: 0.5 },
  ]);
  assertEquals(mergeGraphs([{ trunks: [{ ...trunk, scale: 0.5 }] }, { trunks: [trunk] }]).trunks, [
    { ...trunk, scale: 0.5 },
  ]);
  assertThrows(
    () => mergeGraphs([{ trunks: [{ ...trunk, scale: 0.5 }] }, { trunks: [{ ...trunk, scale: 0.25 }] }]),
    RangeError,
    "Cannot combine clauses: a trunk has one scale, got 0.5 and 0.25.",
  );
});

Deno.test("a method that needs a trunk is refused where nets stand alone", () => {
  const gated = method("gated", {}, { needs: { trunk: ["layer1"] } }, ({ members }) => ({
    terms: members.map((member) => supervision(member)),
  }));
  assertEquals(three.use(gated).lower().phases, [["trunk"]]);
});

Deno.test("explain() names what is shared, says a leader outside, and draws terms at their branches", () => {
  const { text, mermaid } = three.leader(resnet8).explain();
  const [first = ""] = text.split("\n");
  assertEquals(first, 'branches(resnet8, 3, { from: "layer2" }).leader(resnet8)');
  assertEquals(text.includes("Shared\n  trunk  up to layer2, by peer0, peer1\n"), true);
  for (
    const line of [
      'trunk[["trunk: up to layer2"]]',
      "trunk --- peer0 & peer1",
      'peer1 -->|"dml"| peer0',
      'peer0 -->|"ensemble_kl"| leader',
    ]
  ) assertEquals(mermaid.split("\n").map((row) => row.trim()).includes(line), true, mermaid);
  assertEquals(three.use(method("x", {}, { needs: {} }, () => ({}))).explain().text.includes("Shared"), true);
});

Deno.test("parseSpec() refuses branches of two architectures", () => {
  const { spec } = three;
  const nets = spec.nets.map((net, i) => (i === 1 ? { ...net, arch: resnet20.name } : net));
  assertThrows(
    () => parseSpec({ ...spec, nets }),
    SentenceError,
    "Cannot read the spec: branches are nets of one architecture, got resnet8 and resnet20. " +
      "Start from cohort(...) for different ones.",
  );
});
