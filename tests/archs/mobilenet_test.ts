import { assertEquals, assertThrows } from "@std/assert";
import {
  channelsAt,
  mobilenet_v1,
  mobilenet_v2,
  mobilenet_v2_half,
  mobilenet_v2_torchvision,
  mobilenet_v2_torchvision_1_4,
  mobilenetV2,
  mobilenetV2Torchvision,
  OptionError,
  parameterShapes,
  preActivation,
} from "../../dsl/mod.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch classes at 100 classes: parameters, tensors, hash of names and shapes.
Deno.test("mobilenet_v2 has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(mobilenet_v2), [2353060, 161, "0ddeff61"]);
});

Deno.test("mobilenet_v2_half has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(mobilenet_v2_half), [812836, 161, "7c11babe"]);
});

Deno.test("mobilenet_v1 has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(mobilenet_v1), [3309476, 83, "07372043"]);
});

Deno.test("mobilenet_v1 has spots behind its last convolution of each width, cut in front of the ReLU", () => {
  const channels = channelsAt(mobilenet_v1);
  assertEquals(mobilenet_v1.spots.map((spot) => channels[spot]), [128, 256, 512, 1024]);
  assertEquals(mobilenet_v1.spots.map((spot) => preActivation(mobilenet_v1, spot)), [
    "layer1_pre",
    "layer2_pre",
    "layer3_pre",
    "layer4_pre",
  ]);
});

Deno.test("mobilenet_v2_torchvision calls its tensors as torchvision does", () => {
  const names = parameterShapes(mobilenet_v2_torchvision, { classes: 10 }).map(({ name }) => name);
  const weights = (prefix: string): readonly string[] =>
    names.filter((name) => name.startsWith(prefix) && name.endsWith("weight")).map((name) => name.slice(prefix.length));
  assertEquals(names.length, 158);
  assertEquals(weights("features.0."), ["0.weight", "1.weight"]);
  assertEquals(weights("features.1.conv."), ["0.0.weight", "0.1.weight", "1.weight", "2.weight"]);
  assertEquals(weights("features.17.conv."), [
    "0.0.weight",
    "0.1.weight",
    "1.0.weight",
    "1.1.weight",
    "2.weight",
    "3.weight",
  ]);
  assertEquals(weights("features.18."), ["0.weight", "1.weight"]);
  assertEquals(names.slice(-2), ["classifier.1.weight", "classifier.1.bias"]);
});

Deno.test("mobilenetV2Torchvision() rounds channels to multiples of 8, never by more than a tenth below", () => {
  const { stem, layer1, layer2, layer3, layer4, embedding } = channelsAt(mobilenet_v2_torchvision_1_4);
  assertEquals([stem, layer1, layer2, layer3, layer4, embedding], [48, 32, 48, 136, 448, 1792]);
  const half = channelsAt(mobilenetV2Torchvision(0.5, "half"));
  assertEquals([half.stem, half.layer1, half.layer4, half.embedding], [16, 16, 160, 1280]);
});

Deno.test("mobilenetV2Torchvision() has ReLU6, and spots that are their own pre-activations", () => {
  const kinds = mobilenet_v2_torchvision.stages[0]!.layers.map(({ kind }) => kind);
  assertEquals(kinds, ["conv", "batchNorm", "relu6"]);
  assertEquals(preActivation(mobilenet_v2_torchvision, "layer1"), "layer1");
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
