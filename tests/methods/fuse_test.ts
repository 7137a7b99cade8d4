import { assertEquals, assertThrows } from "@std/assert";
import {
  countParameters,
  defineArch,
  lowerFuse,
  MissingRoleError,
  mobilenet_v2_half,
  OptionError,
  resnet20,
  resnet8,
  type Stage,
  UnknownSpotError,
  wrn_16_2_ffsd,
} from "../../dsl/mod.ts";
import { assertGolden, learns, ledBy, reach, siteWith } from "./fixtures.ts";

const site = ledBy(resnet8, 2);

Deno.test("lowerFuse() adds a fusion module, a decoder that is the leader's, and a head", () => {
  const graph = lowerFuse(site);
  assertEquals(graph.aux?.map(({ id, group, optimizer }) => [id, group, optimizer]), [
    ["fusion", "fusion", { weightDecay: 1e-5 }],
    ["decoder", "leader", undefined],
  ]);
  assertEquals(graph.heads?.map(({ name }) => name), ["fusion"]);
  assertGolden("fuse", graph);
});

// Methods sheet, section 1.7: parameters of fusion module and decoder at 100 classes, two common students.
for (
  const [arch, channels, fusion, decoder] of [[resnet20, 64, 16228, 9152], [wrn_16_2_ffsd, 128, 48740, 34688]] as const
) {
  Deno.test(`lowerFuse() has the paper's module sizes for ${arch.name}`, () => {
    const { aux } = lowerFuse(ledBy(arch, 2));
    assertEquals([size(aux![0]!.stages, 2 * channels), size(aux![1]!.stages, channels)], [fusion, decoder]);
  });
}

Deno.test("lowerFuse() teaches the fusion module from cut maps and scores, and the leader from the module", () => {
  const graph = lowerFuse(site);
  assertEquals(learns(graph, "fusion"), ["fusion/ce", "fusion/ensemble_kl"]);
  assertEquals(learns(graph, "leader"), ["leader/fusion_attention", "leader/trans_fusion"]);
  assertEquals([learns(graph, "peer0"), learns(graph, "peer1")], [[], []]);
  assertEquals(graph.terms!.map(({ loss }) => reach(loss)), [
    { cut: ["peer0", "peer1"], open: ["fusion"] },
    { cut: ["peer0", "peer1"], open: ["fusion"] },
    { cut: ["fusion", "peer0", "peer1"], open: ["leader"] },
    { cut: ["peer0", "peer1"], open: ["decoder", "leader"] },
  ]);
});

Deno.test("lowerFuse() without attention has no decoder and no term of the leader", () => {
  const graph = lowerFuse(site, { attention: false });
  assertEquals(graph.aux?.map(({ id }) => id), ["fusion"]);
  assertEquals(learns(graph, "leader"), []);
});

Deno.test("lowerFuse() fuses nets of different widths", () => {
  const mixed = siteWith([
    ["peer0", "peer", resnet8],
    ["peer1", "peer", mobilenet_v2_half],
    ["leader", "leader", wrn_16_2_ffsd],
  ]);
  const { aux } = lowerFuse(mixed);
  assertEquals(size(aux![0]!.stages, 64 + 160), (64 + 160) * (9 + 2 + 128) + 2 * 128 + 100 * 129);
  assertEquals(size(aux![1]!.stages, 128), 128 * (9 + 2) + (64 + 160) * (128 + 2));
});

Deno.test("lowerFuse() fuses at the spot that was said", () => {
  const { terms, aux } = lowerFuse(site, { at: "layer2" });
  assertEquals(size(aux![1]!.stages, 32), 32 * (9 + 2) + 64 * (32 + 2));
  assertEquals(terms![0]!.loss.of[0]!.of[0]!.of[0]!.of[0]!.attrs["to"], "layer2");
});

Deno.test("lowerFuse() refuses too few peers, unknown spots and options out of range", () => {
  assertThrows(
    () => lowerFuse(ledBy(resnet8, 1)),
    MissingRoleError,
    "Cannot lower fuse(): it needs a leader and at least two peers, got 1 peers and a leader. " +
      "Start from cohort(resnet32, 3) and say leader().",
  );
  assertThrows(
    () => lowerFuse(site, { at: "layr2" }),
    UnknownSpotError,
    'Cannot fuse leader: resnet8 has the spots layer1, layer2, layer3, got "layr2". Did you mean "layer2"?',
  );
  assertThrows(
    () => lowerFuse(site, { weight: -1 }),
    OptionError,
    "Cannot say fuse(): its weight is a finite number, 0 or above, got -1. Leave it out for the default.",
  );
});

/** Parameters of a module that reads `inputChannels`, at 100 classes. */
function size(stages: readonly Stage[], inputChannels: number): number {
  return countParameters(defineArch("module", stages, { spots: [] }), { inputChannels, classes: 100 });
}
