import { assertEquals, assertThrows } from "@std/assert";
import { OptionError, preActivation, summarize, vgg, vgg11, vgg13, vgg16, vgg19, vgg8 } from "../../dsl/mod.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch classes at 100 classes: parameters, tensors, hash of names and shapes.
const recorded = [
  [vgg8, [3965028, 22, "71803417"]],
  [vgg11, [9277284, 34, "3a506acc"]],
  [vgg13, [9462180, 42, "80f96391"]],
  [vgg16, [14774436, 54, "a962f3c6"]],
  [vgg19, [20086692, 66, "62bfb0d5"]],
] as const;

for (const [arch, expected] of recorded) {
  Deno.test(`${arch.name} has the tensors of its PyTorch class, in order`, () => {
    assertEquals(fingerprint(arch), [...expected]);
  });
}

Deno.test("vgg() pools in front of its last block only where the map is 8×8 or larger", () => {
  const last = (pixels: number): readonly number[] =>
    summarize(vgg8, { input: [3, pixels, pixels], classes: 10 }).shapes["block4"]!;
  assertEquals([16, 32, 56, 64, 96].map((pixels) => last(pixels)[1]), [2, 4, 7, 4, 6]);
});

Deno.test("vgg() cuts its blocks in front of the last ReLU", () => {
  for (const spot of vgg13.spots) {
    const at = vgg13.stages.findIndex((stage) => stage.spot === spot);
    assertEquals(vgg13.stages[at]!.layers.map(({ kind }) => kind), ["relu"]);
    assertEquals(vgg13.stages[at - 1]!.spot, preActivation(vgg13, spot));
    assertEquals(vgg13.stages[at - 1]!.layers.at(-1)!.kind, "batchNorm");
  }
});

Deno.test("vgg() starts convolutions from He-out, the classifier from N(0, 0.01²), biases from zero", () => {
  const [stem] = vgg8.stages[0]!.layers;
  const [classifier] = vgg8.stages.at(-1)!.layers;
  assertEquals(stem?.kind === "conv" ? stem.init : undefined, { rule: "heOut", bias: "zero" });
  assertEquals(classifier?.kind === "linear" ? classifier.init : undefined, {
    rule: "normal",
    std: 0.01,
    bias: "zero",
  });
});

Deno.test("vgg() refuses depths that are none", () => {
  assertThrows(
    () => vgg(12 as 11),
    OptionError,
    "Cannot make VGG: its depth is 8, 11, 13, 16 or 19, got 12. Say one of them.",
  );
});
