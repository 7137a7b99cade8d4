import { assertEquals } from "@std/assert";
import { resnet8, topology } from "../../dsl/mod.ts";
import { vanilla } from "../../methods/mod.ts";
import { assertGolden, learns, siteWith } from "./fixtures.ts";

Deno.test("vanilla() gives every net its labels and nothing else", () => {
  const graph = vanilla().lower(siteWith([["a", "peer", resnet8], ["b", "peer", resnet8]]));
  assertEquals([learns(graph, "a"), learns(graph, "b")], [["a/ce"], ["b/ce"]]);
});

Deno.test("vanilla() trains one net alone", () => {
  const graph = topology({ net: resnet8 }).use(vanilla()).lower();
  assertEquals(graph.phases, [["net"]]);
  assertGolden("vanilla", graph);
});
