import { assertEquals, assertThrows } from "@std/assert";
import { channelsAt, countParameters, OptionError, parameterShapes, resnet } from "../../dsl/mod.ts";
import * as archs from "../../dsl/archs/resnet.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch classes at 100 classes: parameters, tensors, hash of names and shapes.
const recorded = {
  resnet8: [83892, 29, "89a23e14"],
  resnet14: [181108, 47, "116bb5ab"],
  resnet20: [278324, 65, "1bf0189c"],
  resnet32: [472756, 101, "49e7daa4"],
  resnet56: [861620, 173, "ddadf814"],
  resnet110: [1736564, 335, "afcecbe3"],
  resnet8x4: [1233540, 32, "3afa4138"],
  resnet32x4: [7433860, 104, "84c36f88"],
} as const;

for (const [name, expected] of Object.entries(recorded)) {
  Deno.test(`${name} has the tensors of its PyTorch class, in order`, () => {
    assertEquals(fingerprint(archs[name as keyof typeof recorded]), expected);
  });
}

Deno.test("resnet44 has the published parameter count", () => {
  assertEquals(countParameters(archs.resnet44, { classes: 100 }), 667188);
});

Deno.test("resnet() of bottlenecks has the tensors of OKDDip's ResNet-110", () => {
  assertEquals(fingerprint(resnet(110, { block: "bottleneck", blocks: 12 })), [1170868, 338, "1048907f"]);
});

Deno.test("resnet() has the channels that its spots promise", () => {
  assertEquals(channelsAt(archs.resnet20), {
    stem: 16,
    layer1_pre: 16,
    layer1: 16,
    layer2_pre: 32,
    layer2: 32,
    layer3_pre: 64,
    layer3: 64,
    embedding: 64,
    logits: NaN,
  });
  assertEquals(channelsAt(archs.resnet8x4).layer1, 64);
});

Deno.test("resnet() with shortcut A subsamples, and pads channels of zeros on either side", () => {
  const [block] = archs.resnet20_a.stages.find(({ spot }) => spot === "layer2_pre")!.layers;
  assertEquals(block?.kind === "sum" ? block.branches[1] : undefined, [
    { kind: "pool", mode: "average", kernel: 1, stride: 2, pad: 0 },
    { kind: "padChannels", before: 8, after: 8 },
  ]);
  // The first stage of a wide net has more channels than its stem, at the same size.
  const [wide] = archs.resnet8x4_a.stages.find(({ spot }) => spot === "layer1_pre")!.layers;
  assertEquals(wide?.kind === "sum" ? wide.branches[1] : undefined, [{ kind: "padChannels", before: 16, after: 16 }]);
});

Deno.test("resnet() with shortcut A has the tensors of its PyTorch class: no projections, a classifier called linear", () => {
  const names = parameterShapes(archs.resnet20_a, { classes: 10 }).map(({ name }) => name);
  assertEquals(names.length, 59);
  assertEquals(names.filter((name) => /downsample|shortcut/.test(name)), []);
  assertEquals(names.slice(-2), ["linear.weight", "linear.bias"]);
});

Deno.test("resnet() reads any number of channels", () => {
  assertEquals(parameterShapes(archs.resnet8, { inputChannels: 1, classes: 10 })[0], {
    name: "conv1.weight",
    shape: [16, 1, 3, 3],
  });
});

Deno.test("resnet() names a net by what is special about it", () => {
  assertEquals(resnet(20).name, "resnet20");
  assertEquals(resnet(20, { widths: [32, 64, 128, 256] }).name, "resnet20x4");
  assertEquals(resnet(8, { widths: [8, 8, 16, 32] }).name, "resnet8_8_8_16_32");
  assertEquals(resnet(110, { block: "bottleneck", blocks: 12 }).name, "resnet110_bottleneck_12");
  assertEquals(resnet(8, { widths: [8, 8, 16, 32], name: "thin" }).name, "thin");
  assertEquals(resnet(8, { widths: [32, 64, 128, 256], shortcut: "A" }).name, "resnet8x4_a");
});

Deno.test("resnet() starts convolutions from He-out and the classifier from the default", () => {
  const [stem] = archs.resnet8.stages[0]!.layers;
  const [classifier] = archs.resnet8.stages.at(-1)!.layers;
  assertEquals(stem?.kind === "conv" ? stem.init : undefined, { rule: "heOut" });
  assertEquals(classifier?.kind === "linear" ? classifier.init : undefined, { rule: "default" });
});

Deno.test("resnet() with shortcut A starts all weights from N(0, 2 / fanIn)", () => {
  const [stem] = archs.resnet8_a.stages[0]!.layers;
  const [classifier] = archs.resnet8_a.stages.at(-1)!.layers;
  assertEquals(stem?.kind === "conv" ? stem.init : undefined, { rule: "heIn" });
  assertEquals(classifier?.kind === "linear" ? classifier.init : undefined, { rule: "heIn" });
});

Deno.test("resnet() refuses depths, widths, shortcuts, blocks and block counts that are none", () => {
  assertThrows(
    () => resnet(8, { shortcut: "C" as "A" }),
    OptionError,
    "Cannot make a residual net: its shortcut is A or B, got C. Say one of them.",
  );
  assertThrows(
    () => resnet(8, { block: "narrow" as "basic" }),
    OptionError,
    "Cannot make a residual net: its block is basic or bottleneck, got narrow. Say one of them.",
  );
  assertThrows(
    () => resnet(8, { shortcut: "A", widths: [16, 16, 8, 64] }),
    OptionError,
    "Cannot make a residual net: shortcut A only adds channels, got stages of 16, 16, 8, 64. Say shortcut B.",
  );
  assertThrows(
    () => resnet(10),
    OptionError,
    "Cannot make a residual net: its depth is 6n + 2 with n ≥ 1, got 10. Say 8, 14, 20, 32, 44, 56 or 110.",
  );
  assertThrows(
    () => resnet(8, { widths: [16, 16, 32, 0] }),
    OptionError,
    "Cannot make a residual net: its widths are four positive integers, got [16, 16, 32, 0]. Say [16, 16, 32, 64].",
  );
  assertThrows(
    () => resnet(8, { blocks: 0.5 }),
    OptionError,
    "Cannot make a residual net: a stage has a positive number of blocks, got 0.5. Leave it out.",
  );
});
