import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Arch, defineArch } from "../../../dsl/arch.ts";
import { cohort } from "../../../dsl/cohort.ts";
import { mergeGraphs } from "../../../dsl/graph.ts";
import { conv, globalPool, join, linear, pool, relu, relu6, sigmoid } from "../../../dsl/layers.ts";
import { crossEntropy } from "../../../dsl/losses.ts";
import { logits, measured } from "../../../dsl/value.ts";
import { GraphBuilder } from "../../../runtime/ir/builder.ts";
import { printGraph, printNodes, printPlan, printProgram } from "../../../runtime/compile/print.ts";
import { assertGolden } from "../../dsl/golden.ts";
import { compileTiny, tiny, written } from "../fixtures.ts";

/** Small enough to be read: one convolution and a classifier. */
const small: Arch<"small", "map"> = defineArch("small", [
  { spot: "map", layers: [conv("conv", 2, { stride: 2 }), relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["map"] });

Deno.test("printGraph() shows FFSD's loss graph as in its golden file", async () => {
  await assertGolden("ffsd_graph.txt", printGraph(cohort(tiny, 3).leader().fuse().selfDistill().lower()));
});

Deno.test("printPlan() shows FFSD's plan as in its golden file", async () => {
  await assertGolden("ffsd_plan.txt", printPlan(compileTiny(cohort(tiny, 3).leader().fuse().selfDistill()).plan));
});

Deno.test("printProgram() shows mutual learning's step as in its golden file", async () => {
  await assertGolden("mutual_program.txt", printProgram(compileTiny(cohort(small, 2).mutual()).step));
});

Deno.test("printNodes() shows the tensor graph of an evaluation as in its golden file", async () => {
  await assertGolden("evaluation_nodes.txt", printNodes(compileTiny(cohort(small, 2).mutual()).evaluation.nodes));
});

Deno.test("printProgram() names gates, Adam's constants and late statistics", () => {
  const terms = [{ name: "a/ce", learners: ["a"], loss: crossEntropy(logits({ id: "a", view: 0 })), weight: 1 }];
  const sentence = written(["a"], mergeGraphs([{ terms, switches: [{ pauses: "a", when: measured("gate") }] }]));
  const { step } = compileTiny(sentence, { train: { optimizer: { kind: "adam" } } });
  const text = printProgram(step);
  assert(/segment update a, skipped if %\d+ > 0\n/.test(text), text);
  assertStringIncludes(text, ", rate/a, betas 0.9 0.999, epsilon 1e-8, decay 0.0001\n");
});

Deno.test("printNodes() has words for every constant of a primitive", () => {
  const b = new GraphBuilder();
  const x = b.input("images/0", [4, 2, 5, 5]);
  const row = b.reshape(x, [4, 50]);
  const windows = { kernel: [2, 2], stride: [2, 1], pad: [0, 0] } as const;
  const nodes = [
    b.kthSmallest(row, 16),
    b.concat([x, x], 1),
    b.slice(x, 2, 1, 3),
    b.padAxis(x, 3, 1, 2),
    b.permute(x, [1, 0, 2, 3]),
    b.matmul(row, row, true),
    b.pool("maxPool", x, windows),
    b.conv2d(x, b.parameter("w", [2, 1, 3, 1]), { stride: [1, 1], pad: [1, 0], groups: 2 }),
  ];
  const lines = printNodes(b.nodes).split("\n");
  assertEquals(nodes.map((id) => lines[id]), [
    "%2 = kthSmallest [B,1] %1 k 16",
    "%3 = concat [B,4,5,5] %0 %0 axis 1",
    "%4 = slice [B,2,3,5] %0 axis 2 from 1 size 3",
    "%5 = padAxis [B,2,5,8] %0 axis 3 before 1 after 2",
    "%6 = permute [2,B,5,5] %0 axes 1,0,2,3",
    "%7 = matmul [50,50] %1 %1 transpose first",
    "%8 = maxPool [B,2,2,4] %0 window 2 stride 2×1 pad 0",
    "%10 = conv2d [B,2,5,5] %0 %9 stride 1 pad 1×0 groups 2",
  ]);
});

Deno.test("printGraph() has words for every layer of a module, ramps, measured weights and views", () => {
  const layers = [
    conv("c", "same", { groups: "depthwise" }),
    relu6,
    sigmoid,
    pool("max", 3, { stride: 2, pad: 1 }),
    join([relu], []),
    globalPool,
    linear("l", "classes"),
  ];
  const text = printGraph(mergeGraphs([{
    terms: [
      {
        name: "m/a",
        learners: ["a", "m"],
        loss: crossEntropy(logits({ id: "a", view: 1 })),
        weight: { measured: "w" },
      },
      {
        name: "m/b",
        learners: ["m"],
        loss: crossEntropy(logits({ id: "m", view: 0 })),
        weight: { ramp: "sigmoid", to: 10, epochs: 5, from: 1 },
        spot: "map",
      },
    ],
    aux: [{
      id: "m",
      group: "a",
      stages: [{ spot: "logits", layers }],
      optimizer: { kind: "adam", learningRate: 0.1 },
    }],
    switches: [{ pauses: "a", when: measured("g") }],
    watches: [{ name: "distance", value: measured("d") }],
  }]));
  assertEquals(
    text,
    `values
  %0 = run a to logits view 1
  %1 = labels: logits
  %2 = crossEntropy: sample %0 %1
  %3 = run m to logits
  %4 = crossEntropy: sample %3 %1
  %5 = measured: scalar name g
  %6 = measured: scalar name d
terms
  m/a = measured w · %2 → a, m
  m/b = 10 after a ramp of 5 epochs from 1 · %4 → m at map
modules
  m of a (kind adam, learningRate 0.1)
    logits: c 3×3 → same groups depthwise, relu6, sigmoid, max pool 3 stride 2, join(relu | input), globalPool, l → classes
switches
  a pauses where %5 > 0
watches
  distance = %6
phases
  1: a, m
`,
  );
});
