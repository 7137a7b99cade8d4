import { assertEquals, assertThrows } from "@std/assert";
import {
  channelsAt,
  countParameters,
  densenet,
  densenet_40_12,
  densenet_40_12_bc,
  OptionError,
  parameterShapes,
} from "../../dsl/mod.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch class at 100 classes: parameters, tensors, hash of names and shapes.
Deno.test("densenet_40_12 has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(densenet_40_12), [1100428, 119, "5e9050b4"]);
});

Deno.test("densenet_40_12_bc ends with the 132 features of OKDDip's, and halves at its transitions", () => {
  const { dense1, trans1, dense2, trans2, relu } = channelsAt(densenet_40_12_bc);
  assertEquals([dense1, trans1, dense2, trans2, relu], [96, 48, 120, 60, 132]);
  const names = parameterShapes(densenet_40_12_bc, { classes: 10 }).map(({ name }) => name);
  assertEquals(names.slice(1, 7), [
    "dense1.0.bn1.weight",
    "dense1.0.bn1.bias",
    "dense1.0.conv1.weight",
    "dense1.0.bn2.weight",
    "dense1.0.bn2.bias",
    "dense1.0.conv2.weight",
  ]);
});

Deno.test("densenet() of the BC kind has the parameters of Huang et al. 2017, table 2", () => {
  const millions = ([[100, 12], [250, 24], [190, 40]] as const).map(([depth, growth]) => {
    const arch = densenet(depth, { growth, bottleneck: true });
    return (countParameters(arch, { classes: 10 }) / 1e6).toFixed(1);
  });
  assertEquals(millions, ["0.8", "15.3", "25.6"]);
});

Deno.test("densenet() names a net by what is special about it", () => {
  assertEquals(densenet(40).name, "densenet_40_12");
  assertEquals(densenet(22, { growth: 24 }).name, "densenet_22_24");
  assertEquals(densenet(100, { bottleneck: true }).name, "densenet_100_12_bc");
  assertEquals(densenet(40, { compression: 0.5 }).name, "densenet_40_12_0.5");
  assertEquals(densenet(40, { name: "mine" }).name, "mine");
});

Deno.test("densenet() refuses depths, growths and compressions that are none", () => {
  const refused = [
    [() => densenet(41), "Cannot make DenseNet: its depth is 3n + 4 with n ≥ 1, got 41. Say 22 or 40."],
    [
      () => densenet(43, { bottleneck: true }),
      "Cannot make DenseNet: its depth is 6n + 4 with n ≥ 1, got 43. Say 40 or 100.",
    ],
    [
      () => densenet(40, { growth: 0 }),
      "Cannot make DenseNet: its growth is a positive integer, got 0. Say 12.",
    ],
    [
      () => densenet(40, { compression: 2 }),
      "Cannot make DenseNet: a transition keeps a share above 0 and up to 1, got 2. Say 0.5 or 1.",
    ],
  ] as const;
  for (const [make, message] of refused) assertThrows(make, OptionError, message);
});
