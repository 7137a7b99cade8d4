import { assertEquals, assertThrows } from "@std/assert";
import { type Arch, channelsAt, type Layer, OptionError, preActivation, wrn, type WrnVariant } from "../../dsl/mod.ts";
import * as archs from "../../dsl/archs/wide_resnet.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch classes at 100 classes: parameters, tensors, hash of names and shapes.
const recorded = {
  wrn_16_1: [180916, 43, "8057c7ed"],
  wrn_16_2: [703284, 44, "5ff98fb9"],
  wrn_28_10: [36536884, 80, "a1c3a998"],
  wrn_40_1: [569780, 115, "a7012e85"],
  wrn_40_2: [2255156, 116, "e63f3d91"],
  wrn_16_2_ffsd: [704420, 60, "e2e63c25"],
  wrn_28_10_ffsd: [36546980, 108, "18f28a2e"],
  wrn_40_2_ffsd: [2258084, 156, "f61bb84d"],
  wrn_16_1_switokd: [181476, 58, "ac8ab6fe"],
  wrn_16_2_switokd: [704420, 60, "e2e63c25"],
  wrn_16_8_switokd: [11012036, 60, "a4370e74"],
  wrn_16_10_switokd: [17179940, 60, "2623ed56"],
} as const;

for (const [name, expected] of Object.entries(recorded)) {
  Deno.test(`${name} has the tensors of its PyTorch class, in order`, () => {
    assertEquals(fingerprint(archs[name as keyof typeof recorded]), expected);
  });
}

Deno.test("wrn() strides the first 3×3 for RepDistiller and the second for the others", () => {
  const strides = (arch: Arch): (number | undefined)[] => {
    const convs = layersOf(arch, "layer2").filter((layer) => layer.kind === "conv");
    return ["conv1", "conv2"].map((name) => convs.find((layer) => layer.name.endsWith(`.0.${name}`))?.stride);
  };
  assertEquals(strides(wrn(16, 2)), [2, 1]);
  assertEquals(strides(wrn(16, 2, { variant: "ffsd" })), [1, 2]);
  assertEquals(strides(wrn(16, 2, { variant: "switokd" })), [1, 2]);
});

Deno.test("wrn() gives the last batch norm of FFSD and SwitOKD a momentum of 0.9, and no other", () => {
  for (const [variant, last] of [["repdistiller", 0.1], ["ffsd", 0.9], ["switokd", 0.9]] as const) {
    const arch = make(variant);
    const norms = arch.stages.flatMap(({ spot }) => layersOf(arch, spot)).filter(({ kind }) => kind === "batchNorm");
    const momenta = norms.map((layer) => layer.kind === "batchNorm" ? layer.momentum : NaN);
    assertEquals(momenta, [...new Array<number>(momenta.length - 1).fill(0.1), last]);
  }
});

Deno.test("wrn() taps residual sums for RepDistiller, and the last ReLU for the others", () => {
  assertEquals(wrn(16, 2).spots, ["layer1", "layer2", "layer3"]);
  assertEquals(wrn(16, 2).stages[3]!.layers.at(-1)!.kind, "sum");
  assertEquals(wrn(16, 2, { variant: "ffsd" }).spots, ["layer1", "layer2", "relu1"]);
  assertEquals(channelsAt(wrn(16, 2, { variant: "ffsd" }))["relu1"], 128);
});

Deno.test("wrn() has its pre-activations behind the batch norm that follows a spot", () => {
  const plain = wrn(16, 2);
  for (const spot of plain.spots) {
    const at = plain.stages.findIndex((stage) => stage.spot === spot);
    assertEquals(plain.stages[at + 1]!.spot, preActivation(plain, spot));
    assertEquals(plain.stages[at + 1]!.layers.map(({ kind }) => kind), ["batchNorm"]);
    assertEquals(plain.stages[at + 2]!.layers[0]!.kind, "relu");
  }
  const biased = wrn(16, 2, { variant: "ffsd" });
  assertEquals(biased.spots.map((spot) => preActivation(biased, spot)), ["layer1", "layer2", "relu1_pre"]);
});

Deno.test("wrn() starts each variant by its authors' rule", () => {
  const rules = (variant: WrnVariant): unknown[] => {
    const arch = make(variant);
    const classifier = arch.stages.at(-1)!.layers[0]!;
    const stem = arch.stages[0]!.layers[0]!;
    return [stem, classifier].map((layer) => layer.kind === "conv" || layer.kind === "linear" ? layer.init : undefined);
  };
  assertEquals(rules("repdistiller"), [{ rule: "heOut" }, { rule: "default", bias: "zero" }]);
  assertEquals(rules("ffsd"), [{ rule: "heOut" }, { rule: "default" }]);
  assertEquals(rules("switokd"), [{ rule: "xavierUniform", gain: Math.SQRT2, bias: "zero" }, { rule: "default" }]);
});

Deno.test("wrn() refuses depths, factors and variants that are none", () => {
  assertThrows(
    () => wrn(18, 2),
    OptionError,
    "Cannot make a wide residual net: its depth is 6n + 4 with n ≥ 1, got 18. Say 10, 16, 28 or 40.",
  );
  assertThrows(
    () => wrn(16, 0),
    OptionError,
    "Cannot make a wide residual net: its factor k is a positive integer, got 0. Say 1, 2, 8 or 10.",
  );
  assertThrows(
    () => wrn(16, 2, { variant: "torch" as "ffsd" }),
    OptionError,
    "Cannot make a wide residual net: its variant is repdistiller, ffsd or switokd, got torch. Say one of them.",
  );
});

function make(variant: WrnVariant): Arch {
  return variant === "repdistiller" ? wrn(16, 2) : wrn(16, 2, { variant });
}

function layersOf(arch: Arch, spot: string): readonly Layer[] {
  const flat = (layers: readonly Layer[]): readonly Layer[] =>
    layers.flatMap((layer) => "branches" in layer ? layer.branches.flatMap(flat) : [layer]);
  return flat(arch.stages.find((stage) => stage.spot === spot)!.layers);
}
