import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  type LossGraph,
  OptionError,
  resnet8,
  run,
  SentenceError,
  tap,
  type Value,
  type Watch,
  wrn_16_1,
  wrn_16_2,
} from "../../dsl/mod.ts";
import { amln } from "../../methods/mod.ts";
import { compileTiny, feed, inSession, plain, tiny } from "../runtime/fixtures.ts";
import { mean, type Row, rows } from "./arithmetic.ts";
import { assertGolden, learns, reach } from "./fixtures.ts";

const pair = cohort(tiny, 2).use(amln({ width: 4 }));

Deno.test("amln() has its graph, with three losses at every block", () => {
  const graph = cohort(resnet8, 2).use(amln()).lower();
  assertEquals(learns(graph, "peer0"), [
    "peer0/ce",
    "peer0/dml",
    "peer0/adversarial_layer1",
    "peer0/alignment_layer1",
    "peer0/adversarial_layer2",
    "peer0/alignment_layer2",
    "peer0/adversarial_layer3",
    "peer0/alignment_layer3",
  ]);
  assertEquals(learns(graph, "peer1_discriminator_layer2"), ["peer1_discriminator_layer2/gan"]);
  assertEquals(graph.phases[0]!.slice(0, 3), ["peer0", "peer1", "peer0_discriminator_layer1"]);
  assertGolden("amln", graph);
});

Deno.test("amln() lets gradient into a net from its own losses alone", () => {
  const graph = pair.lower();
  assertEquals(reach(lossOf(graph, "peer0/adversarial_layer2")), {
    cut: [],
    open: ["peer0", "peer0_discriminator_layer2"],
  });
  assertEquals(reach(lossOf(graph, "peer0/alignment_layer2")), {
    cut: ["peer1"],
    open: ["peer0", "peer0_alignment_layer2"],
  });
  assertEquals(reach(lossOf(graph, "peer0_discriminator_layer2/gan")), {
    cut: ["peer0", "peer1"],
    open: ["peer0_discriminator_layer2"],
  });
});

for (const form of ["leastSquares", "crossEntropy"] as const) {
  Deno.test(`amln() minimises what is computed by hand from its modules' outputs: ${form}`, async () => {
    const maps = ["peer0", "peer1"].map((net) => tap({ id: net, view: 0 }, "layer2"));
    const watches: readonly Watch[] = [
      ...maps.map((input, i): Watch => ({
        name: `score${i}`,
        value: run("peer0_discriminator_layer2", "vector", { to: "score", input }),
      })),
      { name: "said", value: run("peer0_alignment_layer2", "vector", { to: "embedding", input: maps[0]! }) },
      { name: "last", value: tap({ id: "peer1", view: 0 }, "layer3") },
    ];
    const graph: LossGraph = { ...cohort(tiny, 2).use(amln({ width: 4, adversarial: form })).lower(), watches };
    const compiled = compileTiny({ ...pair, lower: () => graph });
    await inSession(compiled, async (session) => {
      const { terms } = await session.step(feed(compiled));
      const read = async (name: string): Promise<Row[]> => rows(await session.readStep(`watch/${name}`), 5);
      const sigmoid = ([x]: Row): number => 1 / (1 + Math.exp(-x!));
      const [own, other] = [(await read("score0")).map(sigmoid), (await read("score1")).map(sigmoid)];
      const far = (d: number): number => form === "leastSquares" ? (1 - d) ** 2 : -Math.log(d);
      // Means of a few numbers, in another order.
      assertAlmostEquals(terms["peer0/adversarial_layer2"]!, mean(own.map(far)), 1e-12);
      const gan = mean(own.map((d, i) => far(other[i]!) + far(1 - d)));
      assertAlmostEquals(terms["peer0_discriminator_layer2/gan"]!, gan, 1e-12);
      const pooled = (await read("last")).map((map) => rows(map, 4).map(mean));
      const aligned = mean((await read("said")).map((row, b) => mean(row.map((x, c) => (x - pooled[b]![c]!) ** 2))));
      assertAlmostEquals(terms["peer0/alignment_layer2"]!, aligned, 1e-12);
    });
  });
}

Deno.test("amln() matches channels where nets differ", () => {
  const { aux } = cohort([wrn_16_2, wrn_16_1]).use(amln()).lower();
  const matching = aux.filter(({ id }) => id.includes("_matching_")).map(({ id, group }) => [id, group]);
  assertEquals(matching.slice(0, 2), [["peer0_matching_layer1", "peer0"], ["peer0_matching_layer2", "peer0"]]);
  assertEquals(pair.lower().aux.filter(({ id }) => id.includes("_matching_")), []);
});

Deno.test("amln() trains every module it declares", () => {
  const compiled = compileTiny(cohort([tiny, tiny]).use(amln({ width: 4 })));
  const slots = new Set(compiled.state.map(({ name }) => name));
  for (const { name, kind } of compiled.parameters) {
    if (kind === "parameter") assertEquals([name, slots.has(`${name}#velocity`)], [name, true]);
  }
});

Deno.test("amln() refuses what it cannot mean", () => {
  assertThrows(
    () => amln({ adversarial: "wgan" as "leastSquares" }),
    OptionError,
    "Cannot say amln(): its adversarial is one of leastSquares, crossEntropy, got wgan. Say one of them.",
  );
  assertThrows(
    () => cohort([tiny, plain]).use(amln()).lower(),
    SentenceError,
    "Cannot lower amln(): it compares two peers block by block, got peer0 with 3 spots, peer1 with 2 spots. " +
      "Use two nets with equally many spots.",
  );
});

function lossOf({ terms }: LossGraph, name: string): Value {
  return terms.find((term) => term.name === name)!.loss;
}
