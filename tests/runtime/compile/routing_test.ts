import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../dsl/errors.ts";
import { add, flatten, greater, matmul, mul, perSample, square, sumAll, sumPerSample } from "../../../dsl/expr.ts";
import { type Aux, emptyGraph, type LossGraph } from "../../../dsl/graph.ts";
import { batchNorm, conv, linear, relu } from "../../../dsl/layers.ts";
import { term } from "../../../dsl/losses.ts";
import { measured, noise, route, run, tap, unroute, type Value } from "../../../dsl/value.ts";
import type { Backend, Numbers } from "../../../runtime/backend/backend.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import type { Compiled } from "../../../runtime/compile/compile.ts";
import { drawNoise } from "../../../runtime/train/noise.ts";
import type { StepFeed } from "../../../runtime/train/session.ts";
import {
  assertClose,
  changed,
  compileTiny,
  feed,
  inSession,
  plain,
  stateOf,
  stepResults,
  tiny,
  written,
} from "../fixtures.ts";

const net = { id: "a", view: 0 };
const mask = sumPerSample(greater(noise("mask", 1), 0.5));

const bridge: Aux = {
  id: "bridge",
  group: "bridge",
  stages: [{ spot: "out", layers: [conv("conv", 4), batchNorm("bn"), relu] }],
};

/** A loss of a map: through convolution and batch norm, and of the relations of all pairs. */
function lossOf(map: Value<"map">): Value<"scalar"> {
  const rows = flatten(run("bridge", "map", { to: "out", input: map }));
  return add(sumAll(perSample(square(rows))), mul(sumAll(square(matmul(rows, rows, { transposeB: true }))), 0.01));
}

/** The plain net, whose maps do not depend on other samples, with the bridge; with `loss` for both. */
function sentence(loss: Value<"scalar">, rest: Partial<LossGraph> = {}) {
  const terms = [term("a/loss", ["a", "bridge"], loss)];
  const graph: LossGraph = { ...emptyGraph, terms, aux: [bridge], phases: [["a", "bridge"]], ...rest };
  return written(["a"], graph, plain);
}

const routed = sentence(lossOf(route(tap(net, "layer1"), mask)));
const whole = sentence(lossOf(tap(net, "layer1")));

/** A step of the samples whose bit is set, as numbers of the mask. */
function choosing(given: StepFeed, chosen: readonly number[]): StepFeed {
  const bits = Float32Array.from({ length: given.count }, (_, i) => (chosen.includes(i) ? 0.9 : 0.1));
  return { ...given, inputs: { "noise/uniform/mask": bits } };
}

/** A step of the chosen samples alone. */
function alone(given: StepFeed, chosen: readonly number[]): StepFeed {
  const size = given.images[0]!.length / given.count;
  const images = Float32Array.from(chosen.flatMap((i) => [...given.images[0]!.subarray(i * size, (i + 1) * size)]));
  const labels = Uint16Array.from(chosen, (i) => given.labels[i]!);
  return { ...given, count: chosen.length, images: [images], labels, inputs: {} };
}

function ofTraining(all: Readonly<Record<string, Numbers>>): Record<string, Numbers> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("logits/")));
}

async function results(compiled: Compiled, given: StepFeed, backend: Backend): Promise<Record<string, Numbers>> {
  return ofTraining(await inSession(compiled, (session) => stepResults(session, given), { backend }));
}

for (const [name, open, tolerance] of [["reference", reference, 1e-10], ["wasm", wasm, 2e-4]] as const) {
  Deno.test(`a routed loss, its gradients and batch statistics are those of the samples chosen, on ${name}`, async () => {
    for (const batch of [5, 19]) {
      const [some, all] = [routed, whole].map((said) => compileTiny(said, { batch, debug: true }));
      const given = feed(some!, { count: batch });
      for (const chosen of [[3], [0, 2, 4], [...Array(batch).keys()]]) {
        const [ours, theirs] = [
          await results(some!, choosing(given, chosen), await open()),
          await results(all!, alone(given, chosen), await open()),
        ];
        assertClose(ours, theirs, tolerance, `${chosen} of ${batch}`);
      }
    }
  });
}

Deno.test("a sub-batch of nobody moves no running statistics and stays finite", async () => {
  const compiled = compileTiny(routed);
  await inSession(compiled, async (session) => {
    const before = await stateOf(session);
    const { terms } = await session.step(choosing(feed(compiled), []));
    const after = await stateOf(session);
    assert(Number.isFinite(terms["a/loss"]));
    assertEquals(changed(before, after).filter((name) => name.includes("running_")), []);
    for (const values of Object.values(after)) assert(Float64Array.from(values).every(Number.isFinite));
  });
});

Deno.test("sub-batches give the same bits on one thread and on two", async () => {
  const compiled = compileTiny(routed, { batch: 80 });
  const given = choosing(feed(compiled), [...Array(80).keys()].filter((i) => i % 3 > 0));
  const [one, two] = await Promise.all(
    [1, 2].map(async (threads) => results(compiled, given, await wasm({ threads }))),
  );
  assertEquals(changed(one!, two!), []);
});

Deno.test("segments of a sub-batch run over its number of samples, between those of the batch", () => {
  const { step } = compileTiny(routed);
  const counted = step.segments.filter(({ count }) => count !== undefined);
  assertEquals(new Set(counted.map(({ count }) => count)).size, 1);
  for (const { nodes } of counted) {
    for (const node of nodes.map((id) => step.nodes[id]!)) assert(!["compact", "expand"].includes(node.op));
  }
  assertEquals(step.segments.at(-1)!.count, undefined);
});

Deno.test("a paused group skips all parts of its update, sub-batches included", async () => {
  const pause = measured("pause");
  const said = sentence(lossOf(route(tap(net, "layer1"), mask)), {
    switches: ["a", "bridge"].map((pauses) => ({ pauses, when: pause })),
  });
  const compiled = compileTiny(said);
  assert(compiled.step.segments.filter(({ gate, count }) => gate !== undefined && count !== undefined).length > 0);
  await inSession(compiled, async (session) => {
    for (const stopped of [1, 0]) {
      const before = await stateOf(session);
      const given = choosing(feed(compiled, { measured: { pause: stopped } }), [0, 3]);
      const { paused } = await session.step(given);
      const moved = changed(before, await stateOf(session)).filter((name) => !name.includes("running_"));
      assertEquals([paused, moved.length > 0], stopped === 1 ? [["a", "bridge"], false] : [[], true]);
    }
  });
});

Deno.test("samples of several batches do not meet", () => {
  const [one, other] = [tap(net, "layer1"), route(tap(net, "layer1"), mask)];
  const mixed = sentence(sumAll(add(one, other)), { aux: [] });
  assertThrows(
    () =>
      compileTiny({
        ...mixed,
        lower: () => ({ ...mixed.lower(), terms: [term("a/loss", ["a"], sumAll(add(one, other)))], phases: [["a"]] }),
      }),
    ShapeError,
    "Cannot combine samples of several batches: all are routed by one mask, or none, got [5,3,3,3] and [5,3,3,3].",
  );
});

Deno.test("unroute() puts samples back in their places", async () => {
  const map = tap(net, "layer1");
  const watches = [{ name: "map", value: map }, { name: "back", value: unroute(route(map, mask), mask) }];
  const compiled = compileTiny(sentence(lossOf(map), { watches }));
  await inSession(compiled, async (session) => {
    await session.step(choosing(feed(compiled), [1, 4]));
    const [values, back] = [await session.readStep("watch/map"), await session.readStep("watch/back")];
    const size = values.length / 5;
    back.forEach((x, i) => assertEquals(x, [1, 4].includes(Math.floor(i / size)) ? values[i] : 0));
  });
});

Deno.test("a settled run has the statistics that the step leaves behind", async () => {
  const settled = run("a", "logits", { mode: "settled" });
  for (const first of [true, false]) {
    const own = term("a/own", ["a"], perSample(square(run("a", "logits"))));
    const terms = first ? [term("a/settled", ["a"], perSample(square(settled))), own] : [own];
    const graph: LossGraph = { ...emptyGraph, terms, phases: [["a"]], watches: [{ name: "settled", value: settled }] };
    const compiled = compileTiny(written(["a"], graph, tiny));
    await inSession(compiled, async (session) => {
      const given = feed(compiled, { rate: 0 });
      await session.step(given);
      const watched = await session.readStep("watch/settled");
      const scores = await session.evaluate(given.images[0]!, given.count);
      assertClose({ a: watched }, { a: scores["a"]! }, 1e-12);
    });
  }
});

Deno.test("noise depends on seed, epoch, step and name, and not on the number of samples", () => {
  const graph: LossGraph = {
    ...emptyGraph,
    terms: [term("a/loss", ["a"], perSample(mul(run("a", "vector", { to: "embedding" }), noise("n", 4, "normal"))))],
    phases: [["a"]],
  };
  const { nodes } = compileTiny(written(["a"], graph, tiny)).step;
  const draw = (seed: number, epoch: number, step: number, count = 5): number[] =>
    Array.from(drawNoise(nodes, { seed, epoch, step }, count)["noise/normal/n"]!);
  const first = draw(1, 2, 3);
  assertEquals(first, draw(1, 2, 3));
  assertEquals(first.slice(0, 8), draw(1, 2, 3, 2));
  for (const other of [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)]) assert(other.every((x, i) => x !== first[i]));
});

Deno.test("a group learns at a share of the run's learning rate", () => {
  const optimizer = { learningRateFactor: 0.5, weightDecay: 1e-3 };
  const head: Aux = { id: "policy", group: "agent", stages: [{ spot: "out", layers: [linear("net", 2)] }], optimizer };
  const loss = sumAll(square(run("policy", "vector", { to: "out", input: run("a", "vector", { to: "embedding" }) })));
  const graph: LossGraph = {
    ...emptyGraph,
    terms: [term("a/loss", ["a"], sumAll(run("a", "logits"))), term("agent/loss", ["agent"], loss)],
    aux: [head],
    phases: [["agent", "a"]],
  };
  const { optimizers } = compileTiny(written(["a"], graph, tiny), { train: { optimizer: { learningRate: 0.08 } } });
  assertEquals([optimizers["agent"]!.learningRate, optimizers["a"]!.learningRate], [0.04, 0.08]);
  assertEquals(optimizers["agent"]!.weightDecay, 1e-3);
});
