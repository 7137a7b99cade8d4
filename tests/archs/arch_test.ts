import { assertEquals, assertThrows } from "@std/assert";
import {
  type Arch,
  builtinArchs,
  conv,
  defineArch,
  globalPool,
  linear,
  preActivation,
  relu,
  summarize,
  UnknownSpotError,
} from "../../dsl/mod.ts";

const archs: readonly Arch[] = Object.values({ ...builtinArchs });
const stages = [
  { spot: "map", layers: [conv("conv", 2)] },
  { spot: "layer1", layers: [relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
];

Deno.test("every built-in net has stem, spots, embedding and logits, in this order", () => {
  for (const { name, stages, spots } of archs) {
    const places = stages.map(({ spot }) => spot);
    const order = ["stem", ...spots, "embedding", "logits"].map((spot) => places.indexOf(spot));
    assertEquals([name, order.includes(-1), [...order].sort((a, b) => a - b)], [name, false, order]);
  }
});

Deno.test("a spot of a built-in net has as many channels before its activation as behind it, and the same size", () => {
  for (const arch of archs) {
    const { shapes } = summarize(arch, { input: [3, 64, 64], classes: 10 });
    for (const spot of arch.spots) {
      assertEquals(shapes[preActivation(arch, spot)], shapes[spot], `${arch.name} ${spot}`);
    }
  }
});

Deno.test("preActivation() is the place in front of a ReLU, and a spot that has none is its own", () => {
  const arch = defineArch("one", stages, { spots: ["layer1", "map"], preActivations: { layer1: "map" } });
  assertEquals([preActivation(arch, "layer1"), preActivation(arch, "map")], ["map", "map"]);
  assertEquals(preActivation(arch, "toString"), "toString");
});

Deno.test("defineArch() refuses spots and pre-activations that are no ends of stages", () => {
  assertThrows(
    () => defineArch("one", stages, { spots: ["layr1"] }),
    UnknownSpotError,
    'Cannot declare one: every spot is the end of a stage, got "layr1". Did you mean "layer1"?',
  );
  assertThrows(
    () => defineArch("one", stages, { spots: ["layer1"], preActivations: { layer1: "mop" } }),
    UnknownSpotError,
    'Cannot declare one: every spot is the end of a stage, got "mop". Did you mean "map"?',
  );
});
