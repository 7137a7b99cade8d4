import { assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  lower,
  method,
  normalize,
  resnet20,
  resnet8,
  SentenceError,
  siteOf,
  supervision,
  teacher,
  term,
  topology,
} from "../../dsl/mod.ts";
import { kd, vanilla } from "../../methods/mod.ts";

const names = (graph: { readonly terms: readonly { readonly name: string }[] }): readonly string[] =>
  graph.terms.map(({ name }) => name);

Deno.test("without a verb each member learns from the labels, a teacher too", () => {
  assertEquals(names(cohort(resnet8, 2).lower()), ["peer0/ce", "peer1/ce"]);
  assertEquals(names(teacher(resnet20).student(resnet8).lower()), ["teacher/ce", "student/ce"]);
});

Deno.test("a teacher that a method uses and nobody teaches is frozen", () => {
  const graph = teacher(resnet20).student(resnet8).use(kd()).lower();
  assertEquals(names(graph), ["student/ce", "student/kd"]);
  assertEquals(graph.phases, [["student"]]);
});

Deno.test("a single peer of a leader still learns from the labels", () => {
  const graph = cohort(resnet8, 2).leader().lower();
  assertEquals(names(graph), ["peer0/ce", "leader/ce", "leader/ensemble_kl"]);
  assertEquals(graph.phases, [["peer0", "leader"]]);
});

Deno.test("FFSD updates peers, fusion module, leader and self-distillation modules in this order", () => {
  const { phases } = cohort("resnet8×3").leader().fuse().selfDistill().lower();
  assertEquals(phases, [["peer0", "peer1", "fusion", "leader", "sd1", "sd_leader"]]);
});

Deno.test("a sentence has every learner in one place of the update order", () => {
  for (
    const pipeline of [
      cohort("resnet8×4").leader().fuse().selfDistill(),
      cohort(resnet8, 3).mutual({ order: "sequential" }).leader(),
      topology({ a: resnet20, b: resnet8 }).teach("a -> b"),
    ]
  ) {
    const { terms, phases } = pipeline.lower();
    const learners = [...new Set(terms.flatMap(({ learners }) => learners))].sort();
    assertEquals(phases.flat().sort(), learners);
  }
});

Deno.test("lower() of a normalised sentence is lower() of the sentence", () => {
  const pipeline = cohort("resnet8×3").leader().fuse().selfDistill();
  assertEquals(lower(normalize(pipeline)), pipeline.lower());
});

Deno.test("a term that two clauses ask for in the same words is there once", () => {
  const pipeline = cohort(resnet8, 2).mutual().use(vanilla());
  assertEquals(names(pipeline.lower()), ["peer0/ce", "peer0/dml", "peer1/ce", "peer1/dml"]);
});

Deno.test("two different terms of one name are refused", () => {
  const pipeline = cohort(resnet8, 2).mutual().loss(({ peers: [a] }) => [supervision(a!, 3)]);
  assertThrows(() => pipeline.lower(), RangeError, '"peer0/ce" twice');
});

Deno.test("a method that needs the leader teaches it, and leader() then adds nothing", () => {
  const mine = method("mine", {}, { needs: { peer: [], leader: [] } }, ({ members }) => ({
    terms: members.map((member) => supervision(member)),
  }));
  assertEquals(names(cohort(resnet8, 3).leader().use(mine).lower()), ["peer0/ce", "peer1/ce", "leader/ce"]);
});

Deno.test("a term may name nets and modules of the sentence only", () => {
  const stranger = cohort(resnet8, 2).loss(() => [supervision({ id: "peer7", view: 0 })]);
  assertThrows(
    () => stranger.lower(),
    SentenceError,
    'Cannot lower term "peer7/ce": it names nets and modules of the sentence, got "peer7". Known: peer0, peer1.',
  );
  const reader = cohort(resnet8, 2).loss(() => [
    term("peer0/x", ["peer0"], supervision({ id: "peer9", view: 0 }).loss),
  ]);
  assertThrows(() => reader.lower(), SentenceError, 'got "peer9"');
});

Deno.test("the site has the nets by role, with channels at each spot", () => {
  const site = siteOf(normalize(cohort("resnet8×3").leader()));
  assertEquals(site.peers.map(({ id }) => id), ["peer0", "peer1"]);
  assertEquals(site.leader?.id, "leader");
  assertEquals(site.peers[0]!.spots, ["layer1", "layer2", "layer3"]);
  assertEquals(site.peers[0]!.channels, [16, 32, 64]);
  assertEquals([site.peers[0]!.width, site.trunk], [64, undefined]);
});
