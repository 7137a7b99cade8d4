import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { kl, logits, lowerMutual, mergeGraphs, OptionError, resnet8, type Term } from "../../dsl/mod.ts";
import { evaluate, tensor } from "./evaluate.ts";
import { assertGolden, learns, reach, siteWith } from "./fixtures.ts";

const three = siteWith([["peer0", "peer", resnet8], ["peer1", "peer", resnet8], ["peer2", "peer", resnet8]]);
const two = siteWith([["peer0", "peer", resnet8], ["peer1", "peer", resnet8]]);
const scores = {
  peer0: tensor([4, 5], (i) => 3 * Math.sin(0.7 * i + 0.2)),
  peer1: tensor([4, 5], (i) => 3 * Math.cos(0.9 * i + 0.5)),
  peer2: tensor([4, 5], (i) => 2 * Math.sin(0.3 * i)),
};

Deno.test("lowerMutual() gives every peer its labels and one imitation of the others", () => {
  const graph = lowerMutual(three);
  assertEquals(graph.terms?.map(({ name }) => name), [
    "peer0/ce",
    "peer0/dml",
    "peer1/ce",
    "peer1/dml",
    "peer2/ce",
    "peer2/dml",
  ]);
  assertEquals(mergeGraphs([graph]).phases, [["peer0", "peer1", "peer2"]]);
  assertGolden("mutual", graph);
});

Deno.test("lowerMutual() averages T² · KL over the others", () => {
  const divergence = (net: string): number =>
    evaluate(kl(logits({ id: "peer0", view: 0 }), logits({ id: net, view: 0 }), { temperature: 2 }), scores);
  const { loss } = imitation(lowerMutual(three, { temperature: 2 }), "peer0");
  // 1e-12: the same sums in another order.
  assertAlmostEquals(evaluate(loss, scores), (divergence("peer1") + divergence("peer2")) / 2, 1e-12);
});

Deno.test("lowerMutual() can imitate the mean of the others' class scores instead", () => {
  const mean = tensor([4, 5], (i) => (scores.peer1.data[i]! + scores.peer2.data[i]!) / 2);
  const expected = evaluate(kl(logits({ id: "peer0", view: 0 }), logits({ id: "mean", view: 0 })), { ...scores, mean });
  const { loss } = imitation(lowerMutual(three, { target: "mean" }), "peer0");
  assertAlmostEquals(evaluate(loss, scores), expected, 1e-12);
});

Deno.test("lowerMutual() cuts targets: only the imitator learns", () => {
  const graph = lowerMutual(three);
  assertEquals(learns(graph, "peer0"), ["peer0/ce", "peer0/dml"]);
  assertEquals(reach(imitation(graph, "peer0").loss), { cut: ["peer1", "peer2"], open: ["peer0"] });
});

Deno.test("lowerMutual() with live targets lets the imitated learn too", () => {
  const graph = lowerMutual(two, { live: true, target: "mean", temperature: 3, epsilon: 1e-7 });
  assertEquals(learns(graph, "peer0"), ["peer0/ce", "peer0/dml", "peer1/dml"]);
  assertEquals(reach(imitation(graph, "peer0").loss), { cut: [], open: ["peer0", "peer1"] });
  assertEquals(mergeGraphs([graph]).phases, [["peer0", "peer1"]]);
  assertGolden("mutual_okddip", graph);
});

Deno.test("lowerMutual() in sequence gives every net a phase of its own", () => {
  assertEquals(lowerMutual(three, { order: "sequential" }).phases, [["peer0"], ["peer1"], ["peer2"]]);
});

Deno.test("lowerMutual() follows edges, and freezes a teacher whom nobody teaches", () => {
  const site = siteWith([["a", "teacher", resnet8], ["b", "student", resnet8]], { edges: [["a", "b"]] });
  const graph = lowerMutual(site);
  assertEquals(graph.terms?.map(({ name }) => name), ["b/ce", "b/dml"]);
  assertEquals(learns(graph, "a"), []);
  const target = imitation(graph, "b").loss.of[1]!.of[0]!;
  assertEquals([target.attrs["net"], target.attrs["mode"]], ["a", "eval"]);
});

Deno.test("lowerMutual() leaves the leader apart", () => {
  const site = siteWith([["peer0", "peer", resnet8], ["peer1", "peer", resnet8], ["leader", "leader", resnet8]]);
  assertEquals(learns(lowerMutual(site), "leader"), []);
  assertEquals(reach(imitation(lowerMutual(site), "peer0").loss).cut, ["peer1"]);
});

Deno.test("lowerMutual() takes a ramp as weight", () => {
  const ramp = { ramp: "sigmoid", to: 1, epochs: 80, from: 0 } as const;
  assertEquals(imitation(lowerMutual(two, { weight: ramp }), "peer0").weight, ramp);
});

Deno.test("lowerMutual() refuses options out of range", () => {
  assertThrows(
    () => lowerMutual(two, { temperature: -1 }),
    OptionError,
    "Cannot say mutual(): its temperature is a finite number above 0, got -1. Leave it out for the default.",
  );
  assertThrows(
    () => lowerMutual(two, { target: "best" as "each" }),
    OptionError,
    "Cannot say mutual(): its target is one of each, sum, mean, got best. Say one of them.",
  );
  assertThrows(
    () => lowerMutual(two, { live: true, order: "sequential" }),
    OptionError,
    "Cannot say mutual(): live targets need all nets to update from one forward, got sequential order. " +
      'Say order: "simultaneous".',
  );
  assertThrows(
    () => lowerMutual(two, { weight: { ramp: "sigmoid", to: 1, epochs: 0, from: 1 } }),
    OptionError,
    "Cannot say mutual(): its weight ramp is a finite number above 0, got 0. Leave it out for the default.",
  );
});

function imitation({ terms }: { readonly terms?: readonly Term[] }, net: string): Term {
  return terms!.find(({ name }) => name === `${net}/dml`)!;
}
