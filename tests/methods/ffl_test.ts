import { assertEquals, assertThrows } from "@std/assert";
import { branches, cohort, OptionError, resnet32, resnet8, SentenceError } from "../../dsl/mod.ts";
import { ffl, type FflOptions } from "../../methods/mod.ts";
import { compile, parameterCount } from "../../runtime/compile/compile.ts";
import { tiny, train } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, meanRows } from "./arithmetic.ts";
import { assertGolden, siteWith } from "./fixtures.ts";
import { assertTerms, gradients, stepped } from "./stepped.ts";

const said = branches(tiny, 2, { from: "layer2" }).use(ffl());

Deno.test("ffl() minimises cross-entropies and divergences computed by hand", async () => {
  for (const sentence of [said, cohort(tiny, 2).use(ffl())]) {
    const { terms, out, given } = await stepped(sentence);
    const [a, b, fused] = ["peer0", "peer1", "fusion"].map((id) => out(`logits/${id}`)) as [
      number[][],
      number[][],
      number[][],
    ];
    assertTerms(terms, {
      "peer0/ce": crossEntropy(a, given.labels),
      "peer0/ffl": 9 * divergence(a, fused, 3, 1e-7),
      "peer1/ce": crossEntropy(b, given.labels),
      "peer1/ffl": 9 * divergence(b, fused, 3, 1e-7),
      "fusion/ce": crossEntropy(fused, given.labels),
      "fusion/ensemble_kl": 9 * divergence(fused, meanRows([a, b]), 3, 1e-7),
    });
  }
});

Deno.test("ffl() lets the fusion module's losses reach the sub-networks, and cuts every target", async () => {
  assertEquals(await gradients(said), {
    "peer0/ce": "peer0 trunk",
    "peer0/ffl": "peer0 trunk",
    "peer1/ce": "peer1 trunk",
    "peer1/ffl": "peer1 trunk",
    "fusion/ce": "fusion peer0 peer1 trunk",
    "fusion/ensemble_kl": "fusion peer0 peer1 trunk",
  });
});

Deno.test("ffl() never reaches classifiers by the fusion module: it reads maps, and its target is cut", async () => {
  const { terms } = said.lower();
  const only = { ...said.lower(), terms: terms.filter(({ name }) => name.startsWith("fusion/")) };
  const { state } = await stepped({ spec: said.spec, archs: said.archs, lower: () => only });
  assertEquals(Object.keys(state).filter((name) => /fc.*#velocity/.test(name)), [
    "fusion/fc2.weight#velocity",
    "fusion/fc2.bias#velocity",
  ]);
});

Deno.test("ffl() has the published graph and sizes", () => {
  const sentence = branches(resnet32, 2, { from: "layer2" }).use(ffl());
  const graph = sentence.lower();
  assertEquals(graph.aux[0]!.optimizer, { weightDecay: 1e-5 });
  assertEquals(graph.phases, [["trunk", "fusion"]]);
  assertGolden("ffl", graph);
  assertGolden("ffl_network", cohort(resnet8, 2).use(ffl()).lower());
  const { spec: { nets }, archs } = sentence;
  const compiled = compile({ nets, archs, graph, classes: 100, shape: [3, 32, 32], batch: 2 }, train({ batch: 2 }));
  // The released code counts 832,920 and 16,228 parameters.
  const trunk = parameterCount(compiled, "trunk");
  assertEquals(2 * parameterCount(compiled, "peer0") - trunk, 832_920);
  assertEquals(parameterCount(compiled, "fusion"), 16_228);
});

Deno.test("ffl() refuses options out of range or unknown, and a single net", () => {
  assertThrows(
    () => ffl({ weightDecay: -1 }),
    OptionError,
    "Cannot say ffl(): its weightDecay is a finite number, 0 or above, got -1. Leave it out for the default.",
  );
  assertThrows(
    () => ffl({ at: "layer1" } as FflOptions),
    OptionError,
    "Cannot say ffl(): its options are temperature, weight, epsilon, weightDecay, got at. Leave it out.",
  );
  assertThrows(
    () => ffl().lower(siteWith([["peer0", "peer", resnet32]])),
    SentenceError,
    "Cannot lower ffl(): it fuses two sub-networks or more, got 1. ",
  );
});
