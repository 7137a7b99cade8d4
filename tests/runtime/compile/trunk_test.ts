import { assert, assertEquals, assertThrows } from "@std/assert";
import { branches, cohort } from "../../../dsl/cohort.ts";
import { CohortError, UnknownNameError, VerificationError } from "../../../dsl/errors.ts";
import { meanAll, square } from "../../../dsl/expr.ts";
import { type LossGraph, mergeGraphs, type Trunk } from "../../../dsl/graph.ts";
import { logits, stop, tap } from "../../../dsl/value.ts";
import { supervision, term } from "../../../dsl/losses.ts";
import { method } from "../../../dsl/method.ts";
import { ffl } from "../../../methods/ffl.ts";
import { okddip } from "../../../methods/okddip.ts";
import { one } from "../../../methods/one.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import { compile, parameterCount } from "../../../runtime/compile/compile.ts";
import { printGraph, printPlan } from "../../../runtime/compile/print.ts";
import type { Numbers } from "../../../runtime/backend/backend.ts";
import {
  assertClose,
  compileTiny,
  feed,
  inSession,
  plain,
  type Sentence,
  shape,
  stateOf,
  stepResults,
  tiny,
  train,
} from "../fixtures.ts";

const two = branches(tiny, 2, { from: "layer2" });

function withGraph(sentence: Sentence, change: (graph: LossGraph) => LossGraph): Sentence {
  return { spec: sentence.spec, archs: sentence.archs, lower: () => change(sentence.lower()) };
}

/** Gradients of one debug step from seed 3. */
function gradientsOf(sentence: Sentence): Promise<Record<string, Numbers>> {
  const compiled = compileTiny(sentence, { debug: true });
  return inSession(compiled, async (session) => {
    const all = await stepResults(session, feed(compiled));
    return Object.fromEntries(
      Object.entries(all).flatMap(([name, values]) => name.startsWith("gradient/") ? [[name.slice(9), values]] : []),
    );
  });
}

Deno.test("compile() keeps a trunk's parameters once, and the branches' own under their names", () => {
  const { parameters } = compileTiny(two);
  const names = parameters.map(({ name }) => name);
  const at = (prefix: string): string[] =>
    names.filter((name) => name.startsWith(prefix)).map((n) => n.slice(prefix.length));
  assertEquals(at("trunk/").filter((name) => name.startsWith("conv")), [
    "conv1.weight",
    "conv2.weight",
    "conv3.weight",
    "conv3.bias",
  ]);
  assertEquals(at("peer0/"), at("peer1/"));
  assertEquals(at("peer0/").filter((name) => /^(conv|fc)/.test(name)), [
    "conv4.weight",
    "conv5.weight",
    "fc.weight",
    "fc.bias",
  ]);
  assertEquals(names.length, new Set(names).size);
});

Deno.test("compile() runs a trunk once forward and once backward, whatever its branches learn", () => {
  const counts = (sentence: Sentence): readonly number[] => {
    const { nodes } = compileTiny(sentence).step;
    return ["conv2d", "conv2dFilter", "conv2dInput"].map((op) => nodes.filter((node) => node.op === op).length);
  };
  // tiny has three convolutions up to layer2 and two behind; the fusion module has two. The first needs no input gradient.
  const four = [3 + 4 * 2, 3 + 4 * 2, 2 + 4 * 2];
  assertEquals(counts(branches(tiny, 4, { from: "layer2" })), four);
  assertEquals(counts(branches(tiny, 4, { from: "layer2" }).use(one({ live: true }))), four);
  assertEquals(counts(branches(tiny, 4, { from: "layer2" }).leader().use(okddip({ reduction: 2 }))), four);
  assertEquals(counts(branches(tiny, 2, { from: "layer2" }).use(ffl())), [3 + 4 + 2, 3 + 4 + 2, 2 + 4 + 2]);
  // Nets of their own, too, go backward once, though they learn from terms of different teams.
  assertEquals(counts(cohort(tiny, 4).leader().use(okddip({ reduction: 2 }))), [20, 20, 16]);
});

Deno.test("compile() evaluates every branch through the one trunk", async () => {
  const compiled = compileTiny(two);
  assertEquals(Object.keys(compiled.evaluation.outputs), ["logits/peer0", "logits/peer1"]);
  assertEquals(compiled.evaluation.nodes.filter(({ op }) => op === "conv2d").length, 7);
  await inSession(compiled, async (session) => {
    const { images, count } = feed(compiled);
    const scores = await session.evaluate(images[0]!, count);
    assert(scores.peer0!.some((x, i) => x !== scores.peer1![i]), "branches differ");
  });
});

Deno.test("a trunk's gradient is the sum over its branches, and a branch's that of the net alone", async () => {
  const both = await gradientsOf(two);
  const of = (id: string): Promise<Record<string, Numbers>> =>
    gradientsOf(
      withGraph(two, (graph) => ({ ...graph, terms: graph.terms.filter(({ name }) => name === `${id}/ce`) })),
    );
  const [first, second] = [await of("peer0"), await of("peer1")];
  for (const [name, values] of Object.entries(both)) {
    const sum = Float64Array.from(values, (_, i) => (first[name]?.[i] ?? 0) + (second[name]?.[i] ?? 0));
    assertClose({ [name]: values }, { [name]: sum }, 1e-12); // one sum in another order
  }
  assertEquals(Object.keys(first).some((name) => name.startsWith("peer1/")), false);
});

Deno.test("a branch computes what the same net computes alone", async () => {
  const joined = compileTiny(two, { debug: true });
  const apart = compileTiny(cohort(tiny, 2), { debug: true });
  const shared = await inSession(joined, async (session) => ({
    before: await stateOf(session),
    after: await stepResults(session, feed(joined)),
  }));
  const alone = await inSession(apart, async (session) => {
    for (const { name } of apart.parameters) {
      const [net, ...rest] = name.split("/");
      await session.write(name, Float32Array.from(shared.before[name] ?? shared.before[["trunk", ...rest].join("/")]!));
      assert(net === "peer0" || net === "peer1");
    }
    return await stepResults(session, feed(apart));
  });
  for (const name of ["logits/peer0", "logits/peer1", "term/peer0/ce", "gradient/peer1/fc.weight"]) {
    assertClose({ [name]: shared.after[name]! }, { [name]: alone[name]! }, 1e-12);
  }
  // Running statistics of the trunk advance once, as those of one net.
  const mean = "bn1.running_mean";
  assertClose({ mean: shared.after[`trunk/${mean}`]! }, { mean: alone[`peer0/${mean}`]! }, 1e-12);
});

Deno.test("a scaled trunk has smaller gradients, its branches the same ones", async () => {
  const plainly = await gradientsOf(two);
  const scaled = await gradientsOf(branches(tiny, 2, { from: "layer2", rescale: true }));
  const expected = Object.fromEntries(
    Object.entries(plainly).map(([name, values]) => [
      name,
      name.startsWith("trunk/") ? Float64Array.from(values, (x) => x / 2) : values,
    ]),
  );
  assertClose(scaled, expected, 1e-12);
});

Deno.test("a spot inside the trunk is the same map for every branch, and teaches the trunk alone", async () => {
  const [a, b] = ["peer0", "peer1"].map((id) => ({ id, view: 0 }));
  const sentence = withGraph(two, (graph) => ({
    ...graph,
    terms: [...graph.terms, term("trunk/flat", ["trunk"], meanAll(square(tap(a!, "layer1"))))],
    watches: [
      { name: "first", value: tap(a!, "layer1") },
      { name: "second", value: tap(b!, "layer1") },
      { name: "cut", value: stop(logits(b!)) },
    ],
  }));
  const { outputs } = compileTiny(sentence).step;
  assertEquals(outputs["watch/first"], outputs["watch/second"]);
  const before = await gradientsOf(two);
  const after = await gradientsOf(sentence);
  const moved = Object.keys(before).filter((name) => before[name]!.some((x, i) => x !== after[name]![i]));
  assertEquals(moved.every((name) => name.startsWith("trunk/")) && moved.length > 0, true);
});

Deno.test("wasm takes the same step as reference on branches with gate, attention and fusion", async () => {
  for (
    const sentence of [
      branches(tiny, 3, { from: "layer2", rescale: true }).use(one({ live: true })),
      branches(tiny, 3, { from: "layer1" }).leader(plain).use(okddip({ reduction: 2 })),
      branches(tiny, 2, { from: "layer2" }).use(ffl()),
    ]
  ) {
    const compiled = compileTiny(sentence, { batch: 9 });
    const backend = await wasm({ threads: 1 });
    for (const count of [2, 5, 9]) {
      const given = feed(compiled, { count });
      const exact = await inSession(compiled, (session) => session.step(given));
      const single = await inSession(compiled, (session) => session.step(given), { backend });
      for (const [name, value] of Object.entries(exact.terms)) {
        // Float32 sums of a few hundred numbers.
        assert(Math.abs(single.terms[name]! - value) <= 2e-5 * Math.max(1, Math.abs(value)), `${count} ${name}`);
      }
    }
  }
});

Deno.test("parameterCount() of a branch is that of the deployed net", () => {
  const compiled = compileTiny(two);
  const alone = compileTiny(cohort(tiny, 2));
  assertEquals(parameterCount(compiled, "peer0"), parameterCount(alone, "peer0"));
  const total = compiled.parameters.filter(({ kind }) => kind === "parameter").reduce(
    (sum, entry) => sum + entry.shape.reduce((product, size) => product * size, 1),
    0,
  );
  assertEquals(2 * parameterCount(compiled, "peer0") - parameterCount(compiled, "trunk"), total);
});

Deno.test("a stage before the main training knows the trunk, and its branches learn as one group", () => {
  const early = method("early", {}, { needs: { peer: [] } }, ({ peers }) => ({
    stages: [{ name: "early", epochs: 1, graph: mergeGraphs([{ terms: peers.map((peer) => supervision(peer)) }]) }],
  }));
  const [stage] = branches(tiny, 2, { from: "layer2" }).use(early).lower().stages!;
  assertEquals(stage!.graph.terms.map(({ learners }) => learners), [["trunk"], ["trunk"]]);
  const compiled = compileTiny(withGraph(two, () => stage!.graph));
  assertEquals(compiled.parameters.map(({ name }) => name), compileTiny(two).parameters.map(({ name }) => name));
});

Deno.test("one setting of an optimizer belongs to the trunk, none to a branch", () => {
  const slow = compileTiny(two, { train: { groups: { trunk: { learningRate: 0.01 } } } });
  assertEquals(slow.optimizers["trunk"]!.learningRate, 0.01);
  assertThrows(
    () => compileTiny(two, { train: { groups: { peer0: { learningRate: 1 } } } }),
    UnknownNameError,
    '"peer0"',
  );
});

Deno.test("resolve() refuses a trunk of different nets, verifyGraph() a branch of two trunks", () => {
  const [first] = two.lower().trunks!;
  const mixed = { spec: cohort([tiny, plain]).spec, archs: { tiny, plain }, lower: () => two.lower() };
  const at = (from: string): Sentence => withGraph(mixed, (graph) => ({ ...graph, trunks: [{ ...first!, from }] }));
  assertThrows(
    () => compileTiny(at("layer1")),
    CohortError,
    "Cannot build trunk: peer0, peer1 share its stages, got different ones. Give them one architecture.",
  );
  const twice = withGraph(
    two,
    (graph) => ({ ...graph, trunks: [first!, { ...first!, id: "other" } as unknown as Trunk] }),
  );
  assertThrows(() => compileTiny(twice), VerificationError, "peer0 is a branch of two trunks");
});

Deno.test("printGraph() and printPlan() name the trunk", () => {
  const sentence = branches(tiny, 2, { from: "layer2", rescale: true });
  assert(printGraph(sentence.lower()).includes("trunks\n  trunk of peer0, peer1 up to layer2, gradients × 0.5\n"));
  const { spec: { nets }, archs } = sentence;
  const { plan } = compile({ nets, archs, graph: sentence.lower(), classes: 3, shape, batch: 4 }, train());
  const text = printPlan(plan);
  assert(text.includes("trunks\n  trunk up to layer2\n"), text);
  assert(text.includes("phase 1: trunk (peer0, peer1, trunk)"), text);
  assertEquals(mergeGraphs([{ terms: [supervision({ id: "a", view: 0 })] }]).trunks, undefined);
});
