import { assertEquals, assertThrows } from "@std/assert";
import { channelsAt, mobilenet_v2, mobilenet_v2_half, mobilenetV2, OptionError } from "../../dsl/mod.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch classes at 100 classes: parameters, tensors, hash of names and shapes.
Deno.test("mobilenet_v2 has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(mobilenet_v2), [2353060, 161, "0ddeff61"]);
});

Deno.test("mobilenet_v2_half has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(mobilenet_v2_half), [812836, 161, "7c11babe"]);
});

Deno.test("mobilenetV2() taps groups 1, 2, 4 and 6", () => {
  const { layer1, layer2, layer3, layer4, embedding } = channelsAt(mobilenet_v2);
  assertEquals([layer1, layer2, layer3, layer4, embedding], [24, 32, 96, 320, 1280]);
});

Deno.test("mobilenetV2() starts the classifier from N(0, 0.01²) with a zero bias", () => {
  const classifier = mobilenet_v2.stages.at(-1)!.layers[0]!;
  assertEquals(classifier.kind === "linear" ? classifier.init : undefined, { rule: "normal", std: 0.01, bias: "zero" });
});

Deno.test("mobilenetV2() refuses a width that leaves a group empty", () => {
  assertThrows(
    () => mobilenetV2(0.05),
    OptionError,
    "Cannot make MobileNetV2: its width is a number from 1/16 upwards, got 0.05. Say 0.5 or 1.",
  );
});
