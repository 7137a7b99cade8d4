import { assertEquals, assertThrows } from "@std/assert";
import {
  type Arch,
  batchNorm,
  builtinArchs,
  chunkChannels,
  conv,
  defineArch,
  globalPool,
  join,
  type Layer,
  linear,
  padChannels,
  pool,
  product,
  relu,
  ShapeError,
  shuffleChannels,
  sigmoid,
  solo,
  sum,
  summarize,
  upsample,
} from "../../dsl/mod.ts";
import { resolve } from "../../runtime/compile/resolve.ts";
import { sizeOf } from "../../runtime/ir/node.ts";

for (const arch of Object.values<Arch>({ ...builtinArchs })) {
  Deno.test(`summarize() of ${arch.name} has the shapes and counts of the compiler`, () => {
    // Odd sizes tell roundings apart.
    const [shape, classes] = [[3, 75, 66] as const, 7];
    const { spec: { nets }, archs, lower } = parts(arch);
    const plan = resolve({ nets, archs, graph: lower(), classes, shape, batch: 2 });
    const summary = summarize(arch, { input: shape, classes });
    const compiled = Object.entries(plan.spots["student"]!).map(([spot, [, ...rest]]) => [spot, rest]);
    assertEquals(summary.shapes, Object.fromEntries(compiled));
    const count = (kind: "parameter" | "buffer"): number =>
      plan.state["student"]!.filter((entry) => entry.kind === kind).reduce(
        (all, entry) => all + sizeOf(entry.shape),
        0,
      );
    assertEquals([summary.parameters, summary.buffers], [count("parameter"), count("buffer")]);
  });
}

Deno.test("summarize() tells layers in order, those of branches before what brings them together", () => {
  const { layers, multiplyAdds, parameters } = summarize(
    netOf([sum([conv("a", 4), batchNorm("b"), product([], [globalPool, linear("c", 4), sigmoid])], [conv("d", 4)])]),
    { input: [2, 6, 5], classes: 3 },
  );
  assertEquals(
    layers.map(({ stage, layer, depth, shape }) => [stage, layer.kind, depth, shape.join("×")]),
    [
      ["map", "conv", 1, "4×6×5"],
      ["map", "batchNorm", 1, "4×6×5"],
      ["map", "globalPool", 2, "4"],
      ["map", "linear", 2, "4"],
      ["map", "sigmoid", 2, "4"],
      ["map", "product", 1, "4×6×5"],
      ["map", "conv", 1, "4×6×5"],
      ["map", "sum", 0, "4×6×5"],
      ["embedding", "globalPool", 0, "4"],
      ["logits", "linear", 0, "3"],
    ],
  );
  assertEquals(multiplyAdds, 2 * (2 * 9 * 4 * 30) + 16 + 12);
  assertEquals(parameters, 2 * (2 * 9 * 4) + 8 + 20 + 15);
});

Deno.test("summarize() follows layers that move channels, and transposed convolutions", () => {
  const shapes = (...layers: readonly Layer[]): string =>
    summarize(netOf(layers), { input: [6, 9, 4], classes: 3 }).shapes["map"]!.join("×");
  assertEquals(shapes(shuffleChannels(3)), "6×9×4");
  assertEquals(shapes(chunkChannels(1, 3)), "2×9×4");
  assertEquals(shapes(padChannels(1, 2)), "9×9×4");
  assertEquals(shapes(pool("average", 1, { stride: 2 })), "6×5×2");
  assertEquals(shapes(pool("max", 2, { atLeast: 5 })), "6×9×4");
  assertEquals(shapes(pool("max", 2, { atLeast: 4 })), "6×4×2");
  assertEquals(shapes(upsample("up", 5)), "5×18×8");
  assertEquals(shapes(join([], [chunkChannels(0, 2)])), "9×9×4");
});

Deno.test("summarize() refuses images and layers that do not fit, with one sentence each", () => {
  const refused: readonly (readonly [layers: readonly Layer[], message: string])[] = [
    [
      [conv("c", 2, { kernel: 7, pad: 0 })],
      "Cannot apply c of odd: windows of 7×7 need a larger map, got 9×4. Use larger images.",
    ],
    [
      [pool("max", 5)],
      "Cannot apply pool of odd: windows of 5×5 need a larger map, got 9×4. Use larger images.",
    ],
    [
      [shuffleChannels(4)],
      "Cannot apply shuffleChannels of odd: 4 groups share the channels equally, got 6. Say another number.",
    ],
    [
      [chunkChannels(0, 5)],
      "Cannot apply chunkChannels of odd: 5 parts share the channels equally, got 6. Say another number.",
    ],
    [
      [conv("c", 8, { groups: 4 })],
      "Cannot apply c of odd: 4 groups share the channels equally, got 6. Say another number.",
    ],
    [
      [linear("f", 3)],
      "Cannot apply linear layer f of odd: it reads vectors [B, D], got a map. Pool it before.",
    ],
    [
      [globalPool, conv("c", 2)],
      "Cannot apply c of odd: it reads maps [B, C, H, W], got vectors of 6. Put it before pooling.",
    ],
    [
      [sum([conv("c", 6, { stride: 2 })], [])],
      "Cannot bring branches of odd together: their maps have one size, got 5×2, 9×4. Stride them alike.",
    ],
    [
      [sum([globalPool], [])],
      "Cannot bring branches of odd together: their maps have one size, got none, 9×4. Stride them alike.",
    ],
    [
      [product([], [globalPool, linear("f", 5)])],
      "Cannot multiply branches of odd: all of them have one channel count, got 6, 5. Give them the same.",
    ],
  ];
  for (const [layers, message] of refused) {
    assertThrows(() => summarize(netOf(layers), { input: [6, 9, 4], classes: 3 }), ShapeError, message);
  }
  assertThrows(
    () => summarize(netOf([relu]), { input: [3, 0, 4], classes: 3 }),
    ShapeError,
    "Cannot summarize odd: images have channels, height and width, got 3×0×4. Say 3×32×32.",
  );
});

function netOf(layers: readonly Layer[]): Arch {
  return defineArch("odd", [
    { spot: "map", layers },
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [linear("fc", "classes")] },
  ], { spots: ["map"] });
}

function parts(arch: Arch): Pick<ReturnType<typeof solo>, "spec" | "archs" | "lower"> {
  const sentence = solo(arch);
  return { spec: sentence.spec, archs: sentence.archs, lower: () => sentence.lower() };
}
