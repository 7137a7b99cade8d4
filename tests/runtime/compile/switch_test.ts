import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { BackendError, SentenceError } from "../../../dsl/errors.ts";
import { maxOver, meanAll, mul, square, sub } from "../../../dsl/expr.ts";
import { mergeGraphs, type Switch, type Term } from "../../../dsl/graph.ts";
import { crossEntropy, kl } from "../../../dsl/losses.ts";
import { constant, live, logits, measured, type NetRef, type Value } from "../../../dsl/value.ts";
import type { Compiled } from "../../../runtime/compile/compile.ts";
import type { Session } from "../../../runtime/train/session.ts";
import { changed, compileTiny, feed, inSession, owned, type Sentence, stateOf, tiny, written } from "../fixtures.ts";

const ids = ["a", "b", "c"];

function term(name: string, learners: readonly string[], loss: Term["loss"], weight = 1): Term {
  return { name, learners, loss, weight };
}

/** Three nets that imitate each other at T = 2; the nets named pause where a measured value is above zero. */
function switched(pausing: readonly string[], when: (id: string) => Value<"scalar"> = measured): Sentence {
  const nets = ids.map((id): NetRef => ({ id, view: 0 }));
  const terms = nets.flatMap((net) => [
    term(`${net.id}/ce`, [net.id], crossEntropy(logits(net))),
    ...nets.filter((other) => other !== net).map((other) =>
      term(`${net.id}/from_${other.id}`, [net.id], kl(logits(net), logits(other), { temperature: 2 }))
    ),
  ]);
  return written(
    ids,
    mergeGraphs([{ terms, switches: pausing.map((pauses): Switch => ({ pauses, when: when(pauses) })) }]),
    tiny,
  );
}

/** State before and after one more step, the second of a session, so that momentum is not zero. */
async function second(compiled: Compiled, gates: Readonly<Record<string, number>>): Promise<{
  readonly before: Record<string, ArrayLike<number>>;
  readonly moved: readonly string[];
  readonly after: Awaited<ReturnType<typeof stateOf>>;
  readonly paused: readonly string[];
}> {
  const open = Object.fromEntries(compiled.measured.map((name) => [name, 0]));
  return await inSession(compiled, async (session) => {
    await session.step(feed(compiled, { measured: open }));
    const before = await stateOf(session);
    const { paused } = await session.step(feed(compiled, { seed: 2, measured: { ...open, ...gates } }));
    const after = await stateOf(session);
    return { before, moved: changed(before, after), after, paused };
  });
}

Deno.test("switch: a paused net is bit-identical, momentum and decay included, while its statistics advance", async () => {
  const compiled = compileTiny(switched(["a"]));
  const { before, moved, paused } = await second(compiled, { a: 1 });
  const names = Object.keys(before);
  assertEquals(paused, ["a"]);
  assertEquals(moved.filter((name) => owned(names, "a", "trained").includes(name)), []);
  for (const name of names.filter((name) => !owned(names, "a", "trained").includes(name))) {
    assert(moved.includes(name), `${name} should have moved`);
  }
  const velocity = before["a/fc.weight#velocity"]!;
  assert(Array.from(velocity).some((x) => x !== 0)); // there was momentum to lose
});

Deno.test("switch: what the others do is the same bit for bit, whether a net pauses or not", async () => {
  const compiled = compileTiny(switched(["a"]));
  const [resting, moving] = [await second(compiled, { a: 1 }), await second(compiled, { a: 0 })];
  const without = await second(compileTiny(switched([])), {});
  assertEquals(changed(moving.after, without.after), []);
  assertEquals(moving.paused, []);
  const differ = changed(resting.after, moving.after);
  assertEquals(differ.sort(), owned(Object.keys(resting.after), "a", "trained").sort());
});

Deno.test("switch: n switches make n gated segments, and any of them may pause alone", async () => {
  for (const pausing of [[], ["a"], ["b", "c"], ids]) {
    const compiled = compileTiny(switched(pausing));
    const gated = compiled.step.segments.filter(({ gate }) => gate !== undefined).map(({ name }) => name);
    assertEquals(gated, pausing.map((id) => `update ${id}`));
    assertEquals(compiled.step.segments.map(({ name }) => name), ["forward", ...ids.map((id) => `update ${id}`)]);
  }
  const compiled = compileTiny(switched(ids));
  for (let mask = 0; mask < 8; mask++) {
    const pausing = ids.filter((_, i) => mask & 1 << i);
    const { moved, paused, before } = await second(compiled, Object.fromEntries(pausing.map((id) => [id, 1])));
    assertEquals(paused, pausing);
    for (const id of ids) {
      const own = owned(Object.keys(before), id, "trained");
      assertEquals(moved.filter((name) => own.includes(name)).length, pausing.includes(id) ? 0 : own.length);
    }
  }
});

Deno.test("switch: it pauses above zero and neither at zero nor at NaN", async () => {
  const compiled = compileTiny(switched(["a"]));
  const paused = async (gate: number): Promise<boolean> => (await second(compiled, { a: gate })).paused.includes("a");
  assertEquals([await paused(1e-6), await paused(0), await paused(-1), await paused(NaN)], [true, false, false, false]);
});

Deno.test("switch: a condition is computed from this step's values", async () => {
  const distance = (id: string): Value<"scalar"> => {
    const [own, other] = [logits({ id, view: 0 }), logits({ id: id === "a" ? "b" : "a", view: 0 })];
    return sub(meanAll(square(sub(own, other))), measured("threshold"));
  };
  const compiled = compileTiny(switched(["a"], distance));
  const pauses = (threshold: number): Promise<readonly string[]> =>
    inSession(compiled, async (session) => (await session.step(feed(compiled, { measured: { threshold } }))).paused);
  const apart = await inSession(compiled, async (session: Session) => {
    await session.step(feed(compiled, { measured: { threshold: 0 } }));
    const [x, y] = [await session.readStep("logits/a"), await session.readStep("logits/b")];
    return Array.from(x, (z, i) => (z - y[i]!) ** 2).reduce((sum, d) => sum + d, 0) / x.length;
  });
  assertNotEquals(apart, 0);
  assertEquals(await pauses(0.99 * apart), ["a"]);
  assertEquals(await pauses(1.01 * apart), []);
});

Deno.test("switch: gradients of a paused net are not readable, the others' are", async () => {
  const compiled = compileTiny(switched(["a"]), { debug: true });
  await inSession(compiled, async (session) => {
    await session.step(feed(compiled, { measured: { a: 0 } }));
    assertEquals((await session.readStep("gradient/a/fc.bias")).length, 3);
    await session.step(feed(compiled, { measured: { a: 1 } }));
    assertEquals((await session.readStep("gradient/b/fc.bias")).length, 3);
    await assertRejects(
      async () => await session.readStep("gradient/a/fc.bias"),
      BackendError,
      "its segment did not run in this step.",
    );
  });
});

Deno.test("switch: nets that learn from one loss pause together or not at all", async () => {
  const [a, b] = [{ id: "a", view: 0 }, { id: "b", view: 0 }];
  const pair = (switches: readonly Switch[]): Sentence =>
    written(
      ["a", "b"],
      mergeGraphs([{ terms: [term("all/kl", ["a", "b"], kl(logits(a), live(logits(b))))], switches }]),
    );
  assertThrows(
    () => compileTiny(pair([{ pauses: "a", when: measured("gate") }])),
    SentenceError,
    "Cannot pause a and b apart: they learn from one loss together. Cut its targets, or pause all of them on one condition.",
  );
  const when = measured("gate");
  const compiled = compileTiny(pair([{ pauses: "a", when }, { pauses: "b", when }]));
  const { paused, moved } = await second(compiled, { gate: 1 });
  assertEquals(paused, ["a", "b"]);
  assert(moved.every((name) => name.includes("running_")));
});

Deno.test("switch: a backward pass that two nets need runs although one of them pauses", async () => {
  // Where the maximum lies is found once for the gradients of both.
  const [a, b] = [{ id: "a", view: 0 }, { id: "b", view: 0 }];
  const loss = meanAll(maxOver(mul(logits(a), logits(b)), [1]));
  const sentence = written(
    ["a", "b"],
    mergeGraphs([{
      terms: [term("a/l", ["a"], loss), term("b/l", ["b"], loss)],
      switches: [{ pauses: "a", when: measured("a") }],
    }]),
  );
  const compiled = compileTiny(sentence);
  const { paused, moved, before } = await second(compiled, { a: 1 });
  assertEquals(paused, ["a"]);
  const own = owned(Object.keys(before), "a", "trained");
  assertEquals(moved.filter((name) => own.includes(name)), []);
  assert(moved.includes("b/fc.weight"));
});

Deno.test("switch: a net that always pauses keeps its initial weights", async () => {
  const compiled = compileTiny(switched(["b"], () => constant(1)));
  const { paused } = await second(compiled, {});
  assertEquals(paused, ["b"]);
});
