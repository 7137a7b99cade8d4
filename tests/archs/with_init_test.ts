import { assertEquals } from "@std/assert";
import { countParameters, type Init, type Layer, mobilenet_v1, resnet8, vgg8, withInit } from "../../dsl/mod.ts";

const inits = (layers: readonly Layer[]): readonly Init[] =>
  layers.flatMap((layer) =>
    "init" in layer ? [layer.init as Init] : "branches" in layer ? layer.branches.flatMap(inits) : []
  );

Deno.test("withInit() changes every weight's rule, in branches too, and nothing else", () => {
  const other = withInit(resnet8, { rule: "inverseFanIn" }, "resnet8_other");
  const found = other.stages.flatMap(({ layers }) => inits(layers));
  assertEquals(found.length, resnet8.stages.flatMap(({ layers }) => inits(layers)).length);
  assertEquals([...new Set(found.map(({ rule }) => rule))], ["inverseFanIn"]);
  assertEquals([other.name, other.spots, other.options], ["resnet8_other", resnet8.spots, resnet8.options]);
  const count = { classes: 200 };
  const small = withInit(mobilenet_v1, { rule: "inverseFanIn" }, "small");
  assertEquals(countParameters(small, count), countParameters(mobilenet_v1, count));
});

Deno.test("withInit() keeps what biases start from", () => {
  const found = withInit(vgg8, { rule: "inverseFanIn" }, "vgg").stages.flatMap(({ layers }) => inits(layers));
  assertEquals(found[0], { rule: "inverseFanIn", bias: "zero" });
});
