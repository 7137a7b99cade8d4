import { assertEquals } from "@std/assert";
import { type Arch, type Layer, preActivation, shufflenet_v1, shufflenet_v2 } from "../../dsl/mod.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch classes at 100 classes: parameters, tensors, hash of names and shapes.
Deno.test("shufflenet_v1 has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(shufflenet_v1), [949258, 149, "0add26b8"]);
});

Deno.test("shufflenet_v2 has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(shufflenet_v2), [1355528, 170, "25e7ec79"]);
});

Deno.test("shufflenet_v1 shuffles by the groups of the convolution before, and not the first block of the net", () => {
  const shuffles = layersOf(shufflenet_v1).filter(({ kind }) => kind === "shuffleChannels");
  assertEquals(shuffles.map((layer) => layer.kind === "shuffleChannels" && layer.groups), Array(15).fill(3));
});

Deno.test("shufflenet_v2 shuffles the halves of every block", () => {
  const shuffles = layersOf(shufflenet_v2).filter(({ kind }) => kind === "shuffleChannels");
  assertEquals(shuffles.map((layer) => layer.kind === "shuffleChannels" && layer.groups), Array(16).fill(2));
});

for (const [arch, behind] of [[shufflenet_v1, ["relu"]], [shufflenet_v2, ["relu", "shuffleChannels"]]] as const) {
  Deno.test(`${arch.name} cuts its stages in front of the last ReLU`, () => {
    for (const spot of arch.spots) {
      const at = arch.stages.findIndex((stage) => stage.spot === spot);
      assertEquals(arch.stages[at]!.layers.map(({ kind }) => kind), [...behind]);
      assertEquals(arch.stages[at - 1]!.spot, preActivation(arch, spot));
    }
  });
}

function layersOf(arch: Arch): readonly Layer[] {
  const flat = (layers: readonly Layer[]): readonly Layer[] =>
    layers.flatMap((layer) => "branches" in layer ? layer.branches.flatMap(flat) : [layer]);
  return arch.stages.flatMap(({ layers }) => flat(layers));
}
