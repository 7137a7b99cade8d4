import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { kl, logits, lowerLeader, MissingRoleError, OptionError, resnet8 } from "../../dsl/mod.ts";
import { evaluate, tensor } from "./evaluate.ts";
import { assertGolden, learns, ledBy, reach, siteWith } from "./fixtures.ts";

const site = ledBy(resnet8, 2);

Deno.test("lowerLeader() teaches the leader alone, from the mean of its peers' class scores", () => {
  const graph = lowerLeader(site);
  assertEquals(learns(graph, "leader"), ["leader/ce", "leader/ensemble_kl"]);
  assertEquals([learns(graph, "peer0"), learns(graph, "peer1")], [[], []]);
  assertEquals(reach(graph.terms![1]!.loss), { cut: ["peer0", "peer1"], open: ["leader"] });
  assertGolden("leader", graph);
});

Deno.test("lowerLeader() is T² · KL of the mean, T = 2", () => {
  const scores = {
    leader: tensor([4, 5], (i) => Math.sin(i)),
    peer0: tensor([4, 5], (i) => 3 * Math.sin(0.7 * i)),
    peer1: tensor([4, 5], (i) => 3 * Math.cos(0.9 * i)),
  };
  const mean = tensor([4, 5], (i) => (scores.peer0.data[i]! + scores.peer1.data[i]!) / 2);
  const divergence = kl(logits({ id: "leader", view: 0 }), logits({ id: "mean", view: 0 }), { temperature: 2 });
  // 1e-12: the same sums in another order.
  assertAlmostEquals(
    evaluate(lowerLeader(site).terms![1]!.loss, scores),
    evaluate(divergence, { ...scores, mean }),
    1e-12,
  );
});

Deno.test("lowerLeader() takes the fusion module as teacher where the sentence fuses", () => {
  const fused = ledBy(resnet8, 2, [{ verb: "fuse", options: {} }]);
  const target = lowerLeader(fused).terms![1]!.loss.of[1]!;
  assertEquals([target.op, target.of[0]!.attrs["net"]], ["stop", "fusion"]);
});

Deno.test("lowerLeader() refuses a site without peers, and a temperature that is none", () => {
  assertThrows(
    () => lowerLeader(siteWith([["leader", "leader", resnet8]])),
    MissingRoleError,
    "Cannot lower leader(): it needs a leader and peers, got 0 peers and a leader. " +
      "Start from cohort(...) and say leader().",
  );
  assertThrows(
    () => lowerLeader(site, { temperature: NaN }),
    OptionError,
    "Cannot say leader(): its temperature is a finite number above 0, got NaN. Leave it out for the default.",
  );
});
