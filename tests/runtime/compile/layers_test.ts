import { assertEquals, assertThrows } from "@std/assert";
import { runProbe } from "../../../cli/parity/probe.ts";
import { type Arch, defineArch, type Stage } from "../../../dsl/arch.ts";
import { shufflenet_v2 } from "../../../dsl/archs/mod.ts";
import { cohort } from "../../../dsl/cohort.ts";
import { ShapeError } from "../../../dsl/errors.ts";
import {
  batchNorm,
  chunkChannels,
  conv,
  globalPool,
  join,
  type Layer,
  linear,
  padChannels,
  pool,
  product,
  relu,
  relu6,
  shuffleChannels,
  sigmoid,
  sum,
  upsample,
} from "../../../dsl/layers.ts";
import { run } from "../../../dsl/value.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import type { Backend } from "../../../runtime/backend/backend.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import { compileProbe } from "../../../runtime/compile/probe.ts";
import { assertClose, compileTiny, feed, inSession, stepResults } from "../fixtures.ts";
import { poisoned } from "../poison.ts";

const backends: readonly Backend[] = [reference(), wasm({ threads: 1 })];

/** What layers without parameters make of one image of `shape` that holds 0, 1, 2, … */
async function through(
  layers: readonly Layer[],
  shape: readonly [number, number, number],
  backend: Backend,
): Promise<readonly number[]> {
  const size = shape.reduce((a, b) => a * b);
  const { outputs } = await runProbe(
    {
      modules: [{ id: "net", stages: [{ spot: "out", layers }] }],
      inputs: {},
      classes: 2,
      batch: 1,
      shape,
      outputs: { out: run("net", "tensor", { to: "out" }) },
    },
    { "images/0": Float32Array.from({ length: size }, (_, i) => i) },
    new Map(),
    backend,
  );
  return [...outputs.get("output/out")!];
}

for (const backend of backends) {
  Deno.test(`${backend.name}: shuffleChannels() lets the runs of channels take turns`, async () => {
    // Six channels of two numbers: 0 1, 2 3, …, 10 11.
    const turns = (groups: number): Promise<readonly number[]> =>
      through([shuffleChannels(groups)], [6, 1, 2], backend);
    assertEquals(await turns(2), [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
    assertEquals(await turns(3), [0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]);
    assertEquals(await turns(1), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  Deno.test(`${backend.name}: chunkChannels(), padChannels() and windows of one place move numbers`, async () => {
    assertEquals(await through([chunkChannels(1, 3)], [6, 1, 2], backend), [4, 5, 6, 7]);
    assertEquals(await through([padChannels(1, 2)], [1, 1, 2], backend), [0, 0, 0, 1, 0, 0, 0, 0]);
    assertEquals(await through([padChannels(0, 0)], [1, 1, 2], backend), [0, 1]);
    assertEquals(await through([pool("average", 1, { stride: 2 })], [1, 3, 4], backend), [0, 2, 8, 10]);
  });

  Deno.test(`${backend.name}: pool() lets maps below its smallest size pass`, async () => {
    const layers = [pool("max", 2, { atLeast: 3 })];
    assertEquals(await through(layers, [1, 3, 3], backend), [4]);
    assertEquals(await through(layers, [1, 2, 3], backend), [0, 1, 2, 3, 4, 5]);
  });

  Deno.test(`${backend.name}: product() multiplies maps, and every place by a vector`, async () => {
    assertEquals(await through([product([], [])], [1, 2, 2], backend), [0, 1, 4, 9]);
    // Means of the channels are 0.5 and 2.5.
    assertEquals(await through([product([], [globalPool])], [2, 1, 2], backend), [0, 0.5, 5, 7.5]);
    assertEquals(await through([product([globalPool], [])], [2, 1, 2], backend), [0, 0.5, 5, 7.5]);
  });
}

Deno.test("shapes that layers cannot use are refused in one sentence", () => {
  const refused: readonly (readonly [layers: readonly Layer[], message: string])[] = [
    [
      [shuffleChannels(4)],
      "Cannot apply channel shuffle: 4 parts share the channels equally, got 6. Say another number.",
    ],
    [
      [chunkChannels(0, 5)],
      "Cannot apply channel split: 5 parts share the channels equally, got 6. Say another number.",
    ],
    [
      [product([], [conv("c", 3)])],
      "Cannot multiply branches: they have one shape, or are vectors of its channels, got [2,6,4,4] and [2,3,4,4].",
    ],
  ];
  for (const [layers, message] of refused) {
    const outputs = { out: run("net", "tensor", { to: "out" }) };
    const modules = [{ id: "net", stages: [{ spot: "out", layers }] }];
    const input = { modules, inputs: {}, classes: 2, batch: 2, shape: [6, 4, 4] as const, outputs };
    assertThrows(() => compileProbe(input), ShapeError, message);
  }
});

Deno.test("upsample() reaches a tap of the same size with stride 1, larger ones with stride 2, along each axis", () => {
  const shapeLike = (height: number, width: number): readonly number[] => {
    const stages: readonly Stage[] = [{ spot: "out", layers: [upsample("up", 2, { net: "other", spot: "map" })] }];
    const probe = compileProbe({
      modules: [{ id: "net", stages }],
      inputs: {},
      classes: 2,
      batch: 2,
      shape: [3, 4, 4],
      spots: { other: { map: [2, 1, height, width] } },
      outputs: { out: run("net", "tensor", { to: "out" }) },
    });
    return probe.shapes["output/out"]!;
  };
  for (const [height, width] of [[4, 4], [8, 7], [9, 9], [4, 8], [9, 7]] as const) {
    assertEquals(shapeLike(height, width), [2, 2, height, width]);
  }
  for (const [height, width] of [[4, 11], [3, 8], [6, 6]] as const) {
    assertThrows(
      () => shapeLike(height, width),
      ShapeError,
      `Cannot enlarge 4×4 to other at "map": the map there has its size or about twice that, got ${height}×${width}.`,
    );
  }
});

/** Every layer that moves or multiplies channels, with spots of 6×6, 3×3 and 3×3. */
const mixed: Arch<"mixed", "layer1" | "layer2" | "layer3"> = defineArch("mixed", [
  {
    spot: "layer1",
    layers: [
      conv("conv1", 4),
      batchNorm("bn1"),
      relu6,
      join([chunkChannels(0, 2)], [chunkChannels(1, 2), conv("conv2", 2), batchNorm("bn2"), relu]),
      shuffleChannels(2),
    ],
  },
  {
    spot: "layer2",
    layers: [
      sum(
        [conv("conv3", 6, { stride: 2 }), batchNorm("bn3")],
        [pool("average", 1, { stride: 2 }), padChannels(1, 1)],
      ),
      relu,
    ],
  },
  {
    spot: "layer3",
    layers: [
      pool("max", 2, { atLeast: 4 }),
      product([], [globalPool, linear("fc1", 2), relu, linear("fc2", 6), sigmoid]),
      conv("conv4", 4, { groups: 2 }),
      batchNorm("bn4"),
      relu,
    ],
  },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["layer1", "layer2", "layer3"] });

/** Spots of 5×5 and 2×2: the pool drops a row and a column, which FFSD's upsampling has to bring back. */
const odd: Arch<"odd", "layer1" | "layer2"> = defineArch("odd", [
  { spot: "layer1", layers: [conv("conv1", 4, { kernel: 2, pad: 0 }), batchNorm("bn1"), relu] },
  { spot: "layer2", layers: [pool("max", 2), conv("conv2", 6), batchNorm("bn2"), relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["layer1", "layer2"] });

// Chains of a dozen float32 layers and batch norms of 18 to 324 numbers: rounding of 6e-8 grows about a thousandfold.
const FLOAT32 = 1e-4;

for (
  const [what, arch] of [
    ["that moves and multiplies channels", mixed],
    ["whose pool drops a row", odd],
  ] as const
) {
  Deno.test(`wasm takes the same step as reference in FFSD of a net ${what}`, async () => {
    const sentence = cohort(arch as Arch, 3).leader().use(ffsd());
    const large = compileTiny(sentence, { batch: 9, debug: true });
    for (const count of [2, 8, 9]) {
      const exact = compileTiny(sentence, { batch: count, debug: true });
      const given = feed(large, { count });
      const ours = await inSession(large, (session) => stepResults(session, given), { backend: wasm() });
      const theirs = await inSession(exact, (session) => stepResults(session, given));
      assertClose(ours, theirs, FLOAT32, `${count} images:`, 0.1); // a bias before batch norm has gradients of rounding
    }
  });
}

Deno.test("wasm lets no padding leak through layers that move and multiply channels", async () => {
  const clean = compileTiny(cohort(mixed, 3).leader().use(ffsd()), { batch: 9 });
  const hostile = { ...clean, step: poisoned(clean.step, 1) };
  const given = feed(clean, { count: 5 });
  const masked = { ...given, images: [...given.images, new Float32Array(5).fill(1)] };
  const expected = await inSession(clean, (session) => stepResults(session, given), { backend: wasm() });
  const found = await inSession(hostile, (session) => stepResults(session, masked), { backend: wasm() });
  assertClose(found, expected, FLOAT32);
});

Deno.test("shufflenet_v2: the half that passes has nothing below zero, so one ReLU serves both", async () => {
  const stages = shufflenet_v2.stages.slice(0, shufflenet_v2.stages.findIndex(({ spot }) => spot === "layer1") + 1);
  const pre = stages.at(-2)!;
  const half: Stage = { spot: "half", layers: [chunkChannels(0, 2)] };
  const inputs = { modules: [{ id: "net", stages: [...stages.slice(0, -1), half] }], inputs: {}, classes: 2, batch: 2 };
  const state = new Map<string, Float32Array>();
  const shape = [3, 8, 8] as const;
  const outputs = { half: run("net", "tensor", { to: "half" }) };
  for (const { name, shape: sizes } of compileProbe({ ...inputs, shape, outputs }).parameters) {
    const length = sizes.reduce((a, b) => a * b, 1);
    state.set(name, Float32Array.from({ length }, (_, i) => name.endsWith("var") ? 1 : Math.sin(i + name.length)));
  }
  const images = Float32Array.from({ length: 2 * 3 * 64 }, (_, i) => Math.cos(i));
  const { outputs: made } = await runProbe({ ...inputs, shape, outputs }, { "images/0": images }, state, reference());
  const values = made.get("output/half")!;
  assertEquals([pre.spot, values.every((x) => x >= 0), values.some((x) => x > 0)], ["layer1_pre", true, true]);
});
