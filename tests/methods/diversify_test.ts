import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  attentionLoss,
  attentionMap,
  lowerDiversify,
  mobilenet_v2,
  OptionError,
  resnet8,
  SentenceError,
  tap,
} from "../../dsl/mod.ts";
import { evaluate, tensor } from "./evaluate.ts";
import { assertGolden, learns, ledBy, reach } from "./fixtures.ts";

const site = ledBy(resnet8, 3);

Deno.test("lowerDiversify() is a chain: each peer looks away from the one before it", () => {
  const graph = lowerDiversify(site);
  assertEquals(graph.terms?.map(({ name, learners }) => [name, ...learners]), [
    ["peer1/diversity", "peer1"],
    ["peer2/diversity", "peer2"],
  ]);
  assertEquals(graph.terms?.map(({ loss }) => reach(loss)), [
    { cut: ["peer0"], open: ["peer1"] },
    { cut: ["peer1"], open: ["peer2"] },
  ]);
  assertEquals([learns(graph, "peer0"), learns(graph, "leader")], [[], []]);
  assertEquals(graph.terms![0]!.weight, { ramp: "sigmoid", to: 1e-5, epochs: 5, from: 1 });
  assertGolden("diversify", graph);
});

Deno.test("lowerDiversify() by L2 is the negative distance of the normalised maps", () => {
  const maps = {
    peer0: tensor([2, 3, 4, 4], (i) => Math.sin(i)),
    peer1: tensor([2, 3, 4, 4], (i) => Math.cos(0.3 * i)),
  };
  const distance = attentionLoss(
    ...([site.peers[1]!, site.peers[0]!].map((peer) => attentionMap(tap(peer, "layer3"))) as [never, never]),
  );
  const [term] = lowerDiversify(site, { by: "l2", weight: 0.01 }).terms!;
  assertAlmostEquals(evaluate(term!.loss, maps), -evaluate(distance, maps), 1e-15);
  assertEquals([term!.weight, reach(term!.loss)], [0.01, { cut: ["peer0"], open: ["peer1"] }]);
});

Deno.test("lowerDiversify() by nothing has no terms", () => {
  assertEquals(lowerDiversify(site, { by: "none" }), {});
});

Deno.test("lowerDiversify() looks at each net's deepest map", () => {
  const [term] = lowerDiversify(ledBy(mobilenet_v2, 2)).terms!;
  assertEquals(JSON.stringify(term!.loss).includes('"to":"layer4"'), true);
});

Deno.test("lowerDiversify() refuses a peer alone and options out of range", () => {
  assertThrows(
    () => lowerDiversify(ledBy(resnet8, 1)),
    SentenceError,
    "Cannot lower diversify(): it needs two peers that can differ, got 1. Add members.",
  );
  assertThrows(
    () => lowerDiversify(site, { by: "cosine" as "l2" }),
    OptionError,
    "Cannot say diversify(): its by is one of attention, l2, none, got cosine. Say one of them.",
  );
});
