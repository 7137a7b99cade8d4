import { assertEquals, assertThrows } from "@std/assert";
import {
  archFromNet,
  batchNorm,
  builtinArchs,
  channelsAt,
  conv,
  countParameters,
  defineArch,
  linear,
  type NetOptions,
  ShapeError,
  sum,
} from "../../dsl/mod.ts";

for (const [name, arch] of Object.entries(builtinArchs)) {
  Deno.test(`builtinArchs: ${name} is called so and can be rebuilt from its options`, () => {
    assertEquals(arch.name, name);
    assertEquals(archFromNet(arch.options as unknown as NetOptions), arch);
  });
}

Deno.test("archFromNet() reads the normal form of recorded nets and binds their classes", () => {
  const net = archFromNet({
    family: "resnet",
    depth: 8,
    widths: [8, 8, 16, 32],
    shortcut: "B",
    classes: 10,
  });
  assertEquals(net?.classes, 10);
  assertEquals(countParameters(net!, { classes: 10 }), 19954);
  assertEquals(archFromNet({ family: "mobilenet_v2", style: "cifar", width: 0.5 })?.name, "mobilenet_v2_half");
  assertEquals(
    archFromNet({ family: "mobilenet_v2", style: "torchvision", width: 1.4 })?.name,
    "mobilenet_v2_torchvision_1_4",
  );
  assertEquals(archFromNet({ family: "densenet", depth: 40, growth: 12, compression: 1 })?.name, "densenet_40_12");
  assertEquals(archFromNet({ family: "resnet_wide_stem32", depth: 18, classes: 10 })?.classes, 10);
});

Deno.test("archFromNet() gives nothing for what does not exist", () => {
  assertEquals(archFromNet({ family: "alexnet" }), undefined);
  assertEquals(archFromNet({ family: "toString" }), undefined);
  assertEquals(archFromNet({ family: "resnet", depth: 20, shortcut: "C" }), undefined);
  assertEquals(archFromNet({ family: "resnet", depth: 20, block: "wide" }), undefined);
  assertEquals(archFromNet({ family: "wrn", depth: 16, k: 2, variant: "torch" }), undefined);
  assertEquals(archFromNet({ family: "mobilenet_v2", style: "imagenet" }), undefined);
});

Deno.test("channelsAt() refuses a sum of unequal branches", () => {
  const arch = defineArch("odd", [
    { spot: "layer1", layers: [sum([conv("a", 8), batchNorm("b")], [])] },
    { spot: "logits", layers: [linear("fc", "classes")] },
  ], { spots: ["layer1"] });
  assertThrows(
    () => channelsAt(arch),
    ShapeError,
    "Cannot add branches of odd: all of them have one channel count, got 8, 3. Project the shortcut.",
  );
});
