import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  type LossGraph,
  MissingRoleError,
  OptionError,
  resnet8,
  run,
  solo,
  tap,
  UnknownSpotError,
  VerificationError,
  type Watch,
  wrn_16_1,
  wrn_16_2,
} from "../../dsl/mod.ts";
import { afd } from "../../methods/mod.ts";
import { compileTiny, feed, inSession, plain, type Sentence, stateOf, tiny } from "../runtime/fixtures.ts";
import { mean } from "./arithmetic.ts";
import { assertGolden, learns, ledBy, reach } from "./fixtures.ts";

const pair = cohort(tiny, 2).use(afd({ width: 4 }));
const unlike = cohort([tiny, plain]).use(afd({ width: 4, at: "layer1" }));

Deno.test("afd() has its two phases, discriminators and further optimizers", () => {
  const graph = cohort(resnet8, 2).use(afd()).lower();
  assertEquals(graph.phases, [["peer0", "peer1"], [
    "peer0_adversarial",
    "peer1_adversarial",
    "peer0_discriminator",
    "peer1_discriminator",
  ]]);
  assertEquals(graph.groups?.map(({ id, of }) => [id, of]), [["peer0_adversarial", "peer0"], [
    "peer1_adversarial",
    "peer1",
  ]]);
  assertGolden("afd", graph);
});

Deno.test("afd() gives the further optimizer maps of the net alone, and the discriminator none", () => {
  const graph = pair.lower();
  assertEquals(learns(graph, "peer0"), ["peer0/ce", "peer0/dml"]);
  assertEquals(learns(graph, "peer0_adversarial"), ["peer0/adversarial"]);
  assertEquals(learns(graph, "peer0_discriminator"), ["peer0_discriminator/ls_gan"]);
  assertEquals(reach(lossOf(graph, "peer0/adversarial")), { cut: [], open: ["peer0", "peer0_discriminator"] });
  assertEquals(reach(lossOf(graph, "peer0_discriminator/ls_gan")), {
    cut: ["peer0", "peer1"],
    open: ["peer0_discriminator"],
  });
});

Deno.test("afd() of three nets is a cycle", () => {
  const graph = cohort(tiny, 3).use(afd()).lower();
  const seen = [0, 1, 2].map((i) => reach(lossOf(graph, `peer${i}_discriminator/ls_gan`)).cut);
  assertEquals(seen, [["peer0", "peer2"], ["peer0", "peer1"], ["peer1", "peer2"]]);
});

Deno.test("afd() transfers maps where nets differ in channels, and only there", () => {
  const { aux } = cohort([wrn_16_2, wrn_16_1]).use(afd()).lower();
  const transfers = aux.filter(({ id }) => id.endsWith("_transfer"));
  assertEquals(transfers.map(({ id, group }) => [id, group]), [["peer0_transfer", "peer0"], [
    "peer1_transfer",
    "peer1",
  ]]);
  assertEquals(JSON.stringify(transfers[0]!.stages).includes('"out":64,"kernel":1'), true);
  assertEquals(pair.lower().aux.map(({ id }) => id), ["peer0_discriminator", "peer1_discriminator"]);
});

Deno.test("afd() minimises the squares computed by hand from what the discriminators say", async () => {
  const judged = (net: string, spot: string): Watch => ({
    name: `${net}`,
    value: run("peer0_discriminator", "vector", { to: "score", input: tap({ id: net, view: 0 }, spot) }),
  });
  const graph: LossGraph = { ...pair.lower(), watches: ["peer0", "peer1"].map((net) => judged(net, "layer3")) };
  const compiled = compileTiny({ ...pair, lower: () => graph });
  await inSession(compiled, async (session) => {
    // Without a rate the second phase sees what the first one did.
    const { terms } = await session.step(feed(compiled, { rate: 0 }));
    const scores = async (net: string): Promise<number[]> =>
      Array.from(await session.readStep(`watch/${net}`), (x) => 1 / (1 + Math.exp(-x)));
    const [own, other] = [await scores("peer0"), await scores("peer1")];
    // A mean of five squares, in another order.
    assertAlmostEquals(terms["peer0/adversarial"]!, mean(own.map((d) => (1 - d) ** 2)), 1e-12);
    const expected = mean(own.map((d, i) => (1 - other[i]!) ** 2 + d ** 2));
    assertAlmostEquals(terms["peer0_discriminator/ls_gan"]!, expected, 1e-12);
  });
});

/** Parameters that one step moves where only these groups have a rate. */
async function moves(sentence: Sentence, groups: readonly string[]): Promise<readonly string[]> {
  const compiled = compileTiny(sentence);
  return await inSession(compiled, async (session) => {
    const given = feed(compiled);
    const rates = Object.fromEntries(
      Object.keys(given.rates).map((group) => [group, groups.includes(group) ? 0.1 : 0]),
    );
    const before = await stateOf(session);
    await session.step({ ...given, rates });
    const after = await stateOf(session);
    const parameters = compiled.parameters.filter(({ kind }) => kind === "parameter").map(({ name }) => name);
    return parameters.filter((name) => Array.from(after[name]!).some((x, i) => x !== before[name]![i]));
  });
}

Deno.test("afd() moves exactly the parameters that each loss is about", async () => {
  const names = compileTiny(unlike).parameters.filter(({ kind }) => kind === "parameter").map(({ name }) => name);
  const of = (test: (name: string) => boolean): string[] => names.filter(test);
  assertEquals(await moves(unlike, ["peer0"]), of((name) => name.startsWith("peer0/")));
  const first = ["conv1", "bn1", "conv2", "bn2"];
  assertEquals(
    await moves(unlike, ["peer0_adversarial"]),
    of((name) => name.startsWith("peer0_transfer/") || first.some((layer) => name.startsWith(`peer0/${layer}.`))),
  );
  assertEquals(
    await moves(unlike, ["peer1_discriminator"]),
    of((name) => name.startsWith("peer1_discriminator/")),
  );
});

Deno.test("afd() keeps momentum of the run's optimizer and moments of Adam apart, for parameters it moves", () => {
  const slots = compileTiny(unlike).state.filter(({ kind }) => kind === "slot").map(({ name }) => name);
  const own = (name: string): string[] =>
    slots.filter((slot) => slot.startsWith(`${name}#`)).map((s) => s.split("#")[1]!);
  assertEquals(own("peer0/conv1.weight"), [
    "velocity",
    "peer0_adversarial.first",
    "peer0_adversarial.second",
    "peer0_adversarial.step",
  ]);
  assertEquals(own("peer0/fc.weight"), ["velocity"]);
  assertEquals(own("peer0_discriminator/fc.weight"), ["first", "second", "step"]);
});

Deno.test("a further group shares no phase with another one of its parameters", () => {
  const graph = pair.lower();
  const wrong: LossGraph = { ...graph, phases: [[...graph.phases[0]!, ...graph.phases[1]!]] };
  const error = assertThrows(() => compileTiny({ ...pair, lower: () => wrong }), VerificationError);
  assert(error.message.includes("peer0_adversarial updates peer0 in a phase in which another group does"));
});

Deno.test("explain() lists further optimizers", () => {
  const { text, mermaid } = pair.explain();
  assert(text.includes("peer0_adversarial  of peer0  kind adam, learningRate 0.00002, weightDecay 0.1"), text);
  assert(!mermaid.includes("_adversarial"));
});

Deno.test("afd() refuses what it cannot mean", () => {
  assertThrows(
    () => afd({ width: 0 }),
    OptionError,
    "Cannot say afd(): its width is a finite number above 0, got 0. Leave it out for the default.",
  );
  assertThrows(
    () => afd().lower(ledBy(resnet8, 1)),
    MissingRoleError,
    "Cannot lower afd(): it needs two peers that can take each other's part, got 1. Add members.",
  );
  assertThrows(
    () => cohort(resnet8, 2).use(afd({ at: "layer9" })).lower(),
    UnknownSpotError,
    'Cannot lower afd(): peer0 has a map at its spot, got "layer9" in resnet8. Known: layer1, layer2, layer3.',
  );
  // @ts-expect-error: a net alone has no peers
  assertThrows(() => solo(resnet8).use(afd()), MissingRoleError, "this method needs a peer, and the sentence has none");
});

function lossOf({ terms }: LossGraph, name: string): LossGraph["terms"][number]["loss"] {
  return terms.find((term) => term.name === name)!.loss;
}
