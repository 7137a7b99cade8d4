import { assertEquals, assertThrows } from "@std/assert";
import { cohort, normalize, OptionError, resnet20, resnet8 } from "../../dsl/mod.ts";
import { dml } from "../../methods/mod.ts";
import { assertGolden, siteWith } from "./fixtures.ts";

Deno.test("dml() and mutual() say the same", () => {
  const [method, verb] = [cohort(resnet8, 2).use(dml()), cohort(resnet8, 2).mutual()];
  assertEquals(normalize(method).spec, normalize(verb).spec);
  assertEquals(method.lower(), verb.lower());
});

Deno.test("dml() lowers by itself to what it lowers to in a sentence", () => {
  const site = siteWith([["peer0", "peer", resnet8], ["peer1", "peer", resnet20]]);
  const { terms } = cohort([resnet8, resnet20]).use(dml()).lower();
  assertEquals(dml().lower(site).terms, terms);
});

Deno.test("dml() has its graph: all nets update from one forward", () => {
  const graph = cohort([resnet8, resnet20]).use(dml()).lower();
  assertEquals(graph.phases, [["peer0", "peer1"]]);
  assertGolden("dml", graph);
});

Deno.test("dml() in sequence is the paper's algorithm", () => {
  const graph = cohort(resnet8, 2).use(dml({ order: "sequential" })).lower();
  assertEquals(graph.phases, [["peer0"], ["peer1"]]);
  assertGolden("dml_sequential", graph);
});

Deno.test("dml() refuses options out of range", () => {
  assertThrows(
    () => dml({ epsilon: -1 }),
    OptionError,
    "Cannot say mutual(): its epsilon is a finite number, 0 or above, got -1. Leave it out for the default.",
  );
});
