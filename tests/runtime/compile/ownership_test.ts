import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { cohort, teacher } from "../../../dsl/cohort.ts";
import { add, meanAll, mul, square } from "../../../dsl/expr.ts";
import { mergeGraphs, type Term } from "../../../dsl/graph.ts";
import { crossEntropy, kl } from "../../../dsl/losses.ts";
import { live, logits, run, scaleGradient, stop, tap, type Value } from "../../../dsl/value.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import { kd } from "../../../methods/kd.ts";
import type { Numbers } from "../../../runtime/backend/backend.ts";
import type { Compiled } from "../../../runtime/compile/compile.ts";
import type { Session } from "../../../runtime/train/session.ts";
import {
  assertClose,
  changed,
  compileTiny,
  feed,
  inSession,
  owned,
  plain,
  type Sentence,
  stateOf,
  tiny,
  written,
} from "../fixtures.ts";

type Numbered = Readonly<Record<string, Numbers>>;

const [a, b, c] = [{ id: "a", view: 0 }, { id: "b", view: 0 }, { id: "c", view: 0 }];

function term(name: string, learners: readonly string[], loss: Term["loss"], weight = 1): Term {
  return { name, learners, loss, weight };
}

/** Gradients of one step from seed 3, by parameter. */
async function gradientsOf(session: Session): Promise<Record<string, Numbers>> {
  const found: Record<string, Numbers> = {};
  for (const output of Object.keys(session.compiled.step.outputs)) {
    if (output.startsWith("gradient/")) found[output.slice(9)] = await session.readStep(output);
  }
  return found;
}

/** Groups that own a gradient with a number other than zero. */
function reached(compiled: Compiled, gradients: Numbered): string[] {
  const groups = new Map(compiled.plan.modules.map(({ id, group }) => [id, group]));
  const hit = Object.entries(gradients)
    .filter(([, numbers]) => numbers.some((x) => x !== 0))
    .map(([name]) => groups.get(name.split("/")[0]!)!);
  return [...new Set(hit)].sort();
}

/** For every term alone (all other weights 0), the groups that its gradient reaches. */
async function reach(sentence: Sentence): Promise<Record<string, string[]>> {
  const compiled = compileTiny(sentence, { debug: true });
  const given = feed(compiled, { rate: 0 });
  const found: Record<string, string[]> = {};
  for (const name of Object.keys(given.weights)) {
    const weights = Object.fromEntries(Object.keys(given.weights).map((other) => [other, Number(other === name)]));
    found[name] = await inSession(compiled, async (session) => {
      await session.step({ ...given, weights });
      return reached(compiled, await gradientsOf(session));
    });
  }
  return found;
}

Deno.test("mutual() teaches each net by its own terms alone", async () => {
  assertEquals(await reach(cohort(tiny, 3).mutual()), {
    "peer0/ce": ["peer0"],
    "peer0/dml": ["peer0"],
    "peer1/ce": ["peer1"],
    "peer1/dml": ["peer1"],
    "peer2/ce": ["peer2"],
    "peer2/dml": ["peer2"],
  });
});

Deno.test("mutual() with live targets teaches the imitated nets too", async () => {
  assertEquals(await reach(cohort(tiny, 2).mutual({ live: true })), {
    "peer0/ce": ["peer0"],
    "peer0/dml": ["peer0", "peer1"],
    "peer1/ce": ["peer1"],
    "peer1/dml": ["peer0", "peer1"],
  });
});

Deno.test("leader() with fuse() and selfDistill(): every group learns from its own terms and nothing else", async () => {
  const table = {
    "peer0/ce": ["peer0"],
    "peer0/dml": ["peer0"],
    "peer1/ce": ["peer1"],
    "peer1/dml": ["peer1"],
    "peer1/diversity": ["peer1"],
    "peer1/self_distillation": ["peer1"],
    "fusion/ce": ["fusion"],
    "fusion/ensemble_kl": ["fusion"],
    "leader/ce": ["leader"],
    "leader/ensemble_kl": ["leader"],
    "leader/fusion_attention": ["leader"],
    "leader/trans_fusion": ["leader"],
    "leader/self_distillation": ["leader"],
    "sd1/feature": ["sd1"],
    "sd1/attention": ["sd1"],
    "sd_leader/feature": ["sd_leader"],
    "sd_leader/attention": ["sd_leader"],
  };
  assertEquals(await reach(cohort(tiny, 3).leader().fuse().selfDistill()), table);
  assertEquals(await reach(cohort(tiny, 3).leader().use(ffsd())), table);
});

Deno.test("leader() learns through its decoder, whose parameters are its own", async () => {
  const compiled = compileTiny(cohort(tiny, 3).leader().fuse(), { debug: true });
  const given = feed(compiled);
  const weights = {
    ...Object.fromEntries(Object.keys(given.weights).map((name) => [name, 0])),
    "leader/trans_fusion": 1,
  };
  const gradients = await inSession(compiled, async (session) => {
    await session.step({ ...given, weights });
    return await gradientsOf(session);
  });
  const names = Object.keys(gradients).filter((name) => gradients[name]!.some((x) => x !== 0));
  assert(
    names.some((name) => name.startsWith("decoder/")) && names.some((name) => name.startsWith("leader/")),
    `${names}`,
  );
  assertEquals(compiled.plan.modules.find(({ id }) => id === "decoder")!.group, "leader");
});

/** Groups whose gradients change in some bit when the parameters of one module are moved. */
async function influence(sentence: Sentence, modules: readonly string[]): Promise<Record<string, string[]>> {
  const compiled = compileTiny(sentence, { debug: true });
  const given = feed(compiled);
  const groups = new Map(compiled.plan.modules.map(({ id, group }) => [id, group]));
  const after = (module?: string): Promise<Numbered> =>
    inSession(compiled, async (session) => {
      for (const { name, kind } of compiled.parameters) {
        if (kind !== "parameter" || name.split("/")[0] !== module) continue;
        await session.write(name, (await session.read(name)).map((x) => 1.25 * x + 0.01));
      }
      await session.step(given);
      return await gradientsOf(session);
    });
  const before = await after();
  const found: Record<string, string[]> = {};
  for (const module of modules) {
    const moved = changed(before, await after(module)).map((name) => groups.get(name.split("/")[0]!)!);
    found[module] = [...new Set(moved)].sort();
  }
  return found;
}

Deno.test("ffsd() passes knowledge along its arrows only: the leader teaches nobody, fusion does not reach peers", async () => {
  const modules = ["peer0", "peer1", "leader", "fusion", "decoder", "sd1", "sd_leader"];
  assertEquals(await influence(cohort(tiny, 3).leader().use(ffsd()), modules), {
    peer0: ["fusion", "leader", "peer0", "peer1"],
    peer1: ["fusion", "leader", "peer0", "peer1", "sd1"],
    leader: ["leader", "sd_leader"],
    fusion: ["fusion", "leader"],
    decoder: ["leader"],
    sd1: ["peer1", "sd1"],
    sd_leader: ["leader", "sd_leader"],
  });
});

Deno.test("kd() leaves a frozen teacher bit-identical, running statistics included", async () => {
  const compiled = compileTiny(teacher(tiny).student(tiny).use(kd()), { debug: true });
  assertEquals(compiled.optimizers.teacher, undefined);
  assertEquals(compiled.state.filter(({ name }) => name.startsWith("teacher/") && name.includes("#")), []);
  await inSession(compiled, async (session) => {
    const before = await stateOf(session);
    for (let seed = 0; seed < 3; seed++) await session.step(feed(compiled, { seed }));
    const names = Object.keys(before);
    const moved = changed(before, await stateOf(session));
    assertEquals(moved.filter((name) => name.startsWith("teacher/")), []);
    assertEquals(moved.sort(), names.filter((name) => name.startsWith("student/")).sort());
    assertEquals(reached(compiled, await gradientsOf(session)), ["student"]);
  });
});

/** Sum of the terms that name a learner. */
function objective(compiled: Compiled, terms: Readonly<Record<string, number>>, learner: string): number {
  const own = compiled.plan.graph.terms.filter(({ learners }) => learners.includes(learner));
  return own.reduce((sum, { name }) => sum + terms[name]!, 0);
}

/** Compares gradients with central differences of the learners' own terms, in a few elements of every parameter. */
async function assertSlopes(sentence: Sentence, skip: (name: string) => boolean = () => false): Promise<void> {
  const compiled = compileTiny(sentence, { debug: true, train: { optimizer: { momentum: 0, weightDecay: 0 } } });
  const given = feed(compiled, { rate: 0 });
  const groups = new Map(compiled.plan.modules.map(({ id, group }) => [id, group]));
  await inSession(compiled, async (session) => {
    const saved = await stateOf(session);
    const reset = async (): Promise<void> => {
      for (const [name, numbers] of Object.entries(saved)) await session.write(name, numbers);
    };
    await session.step(given);
    const gradients = await gradientsOf(session);
    for (const [name, gradient] of Object.entries(gradients)) {
      if (skip(name)) continue;
      for (const i of new Set([0, gradient.length - 1])) {
        // Small enough that no ReLU changes its side here; rounding of losses up to 1e4 then costs 1e-12 / 1e-7.
        const step = 1e-7;
        const at = async (by: number): Promise<number> => {
          await reset();
          await session.write(name, saved[name]!.with(i, saved[name]![i]! + by));
          return objective(compiled, (await session.step(given)).terms, groups.get(name.split("/")[0]!)!);
        };
        const slope = (await at(step) - await at(-step)) / (2 * step);
        const largest = Float64Array.from(gradient).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
        assertAlmostEquals(gradient[i]!, slope, 2e-5 * largest, `${name}[${i}]`);
      }
    }
  });
}

Deno.test("compile() gives each group of FFSD the slope of its own terms, by finite differences", async () => {
  await assertSlopes(cohort(tiny, 3).leader().use(ffsd()));
});

Deno.test("compile() gives mutual() the slope of its terms, live targets included", async () => {
  await assertSlopes(cohort(plain, 3).mutual({ temperature: 3, epsilon: 1e-7 }));
  const both = mergeGraphs([{
    terms: [
      term("all/kl", ["a", "b"], kl(logits(a), live(logits(b)), { temperature: 2 })),
      term("b/ce", ["b"], crossEntropy(logits(b))),
    ],
  }]);
  await assertSlopes(written(["a", "b"], both, plain));
});

Deno.test("scaleGradient() multiplies the gradient and leaves the value, stop() cuts it", async () => {
  const of = (loss: Term["loss"]): Sentence =>
    written(
      ["a"],
      mergeGraphs([{ terms: [term("a/l", ["a"], loss), term("a/ce", ["a"], crossEntropy(logits(a)), 0)] }]),
    );
  const results = async (loss: Term["loss"]): Promise<{ value: number; gradients: Numbered }> => {
    const compiled = compileTiny(of(loss), { debug: true });
    return await inSession(compiled, async (session) => {
      const { terms } = await session.step(feed(compiled));
      return { value: terms["a/l"]!, gradients: await gradientsOf(session) };
    });
  };
  const [whole, half, cut] = [
    await results(meanAll(square(logits(a)))),
    await results(meanAll(square(scaleGradient(logits(a), -0.5)))),
    await results(meanAll(square(stop(logits(a))))),
  ];
  assertEquals([half.value, cut.value], [whole.value, whole.value]);
  const times = (factor: number): Numbered =>
    Object.fromEntries(Object.entries(whole.gradients).map(([name, g]) => [name, g.map((x) => factor * x)]));
  assertClose(half.gradients, times(-0.5), 1e-14);
  assertClose(cut.gradients, times(0), 0);
});

/** Gradients of the first step at a learning rate. */
function gradientsAt(sentence: Sentence, rate: number): Promise<Numbered> {
  const compiled = compileTiny(sentence, { debug: true });
  return inSession(compiled, async (session) => {
    await session.step(feed(compiled, { rate }));
    return await gradientsOf(session);
  });
}

/** b's loss runs b's map through c, whose parameters change together with a's, before b's turn. */
function entangled(): Sentence {
  const grafted = run("c", "logits", { from: "layer1", input: tap(b, "layer1") });
  const graph = mergeGraphs([{
    terms: [
      term("a/live", ["a", "c"], kl(logits(a), live(logits(c)))),
      term("b/graft", ["b"], crossEntropy(grafted)),
      term("c/ce", ["c"], crossEntropy(logits(c))),
    ],
    phases: [["a", "b", "c"]],
  }]);
  return written(["a", "b", "c"], graph, plain);
}

Deno.test("compile() takes every gradient of a phase before any update of that phase", async () => {
  const sentences = [
    cohort(tiny, 3).leader().use(ffsd()),
    cohort(tiny, 3).mutual({ live: true }),
    entangled(),
  ];
  for (const sentence of sentences) assertEquals(await gradientsAt(sentence, 0.5), await gradientsAt(sentence, 0));
});

Deno.test("compile() takes gradients through running statistics as the step found them", async () => {
  const loss = add(crossEntropy(logits(a)), crossEntropy(run("a", "logits", { mode: "eval" })));
  const sentence = written(["a"], mergeGraphs([{ terms: [term("a/both", ["a"], loss)] }]));
  await assertSlopes(sentence);
});

Deno.test("mutual() one after the other: the second net sees the first one's new weights", async () => {
  const sentence = (order: "sequential" | "simultaneous"): Compiled =>
    compileTiny(cohort(tiny, 2).mutual({ order }), { debug: true });
  const [sequential, simultaneous] = [sentence("sequential"), sentence("simultaneous")];
  assertEquals(sequential.step.segments.map(({ name }) => name), [
    "forward 1",
    "update peer0",
    "forward 2",
    "update peer1",
  ]);
  const given = feed(sequential);
  await inSession(sequential, async (session) => {
    const before = await stateOf(session);
    const { terms } = await session.step(given);
    const after = await stateOf(session);
    const gradients = await gradientsOf(session);
    await inSession(simultaneous, async (other) => {
      const first = await other.step(given);
      for (const name of ["peer0/ce", "peer0/dml", "peer1/ce"]) assertEquals(terms[name], first.terms[name], name);
      assertNotEquals(terms["peer1/dml"], first.terms["peer1/dml"]);
      // Back to the start, but with the first net's weights as they are after its update.
      for (const { name, kind } of simultaneous.state) {
        const fresh = name.startsWith("peer0/") && kind === "parameter";
        await other.write(name, fresh ? after[name]! : before[name]!);
      }
      const second = await other.step(given);
      assertEquals(second.terms["peer1/dml"], terms["peer1/dml"]);
      const theirs = await gradientsOf(other);
      for (const name of Object.keys(gradients).filter((key) => key.startsWith("peer1/"))) {
        assertClose({ [name]: gradients[name]! }, { [name]: theirs[name]! }, 1e-12);
      }
    });
    // Its second forward in train mode advances the first net's statistics a second time, as in PyTorch.
    const statistic = owned(Object.keys(before), "peer0", "statistics").filter((name) => name.includes("bn1"));
    assertEquals(changed(before, after).filter((name) => statistic.includes(name)), statistic);
  });
});

Deno.test("compile() keeps three nets in a row apart: each phase sees all updates before it", async () => {
  const compiled = compileTiny(cohort(tiny, 3).mutual({ order: "sequential" }), { debug: true });
  const [moving, resting] = [feed(compiled, { rate: 0.3 }), feed(compiled, { rate: 0 })];
  const terms = (given: typeof moving) =>
    inSession(compiled, (session) => session.step(given)).then(({ terms }) => terms);
  const [after, still] = [await terms(moving), await terms(resting)];
  const differ = Object.keys(after).filter((name) => after[name] !== still[name]);
  assertEquals(differ.sort(), ["peer1/dml", "peer2/dml"]);
});

Deno.test("compile() runs a head's module in the phase in which it learns, and only there", () => {
  const { step } = compileTiny(cohort(tiny, 3).leader().fuse().mutual({ order: "sequential" }));
  assertEquals(advances(step, "fusion/bn1.running_mean"), ["forward 2"]);
});

Deno.test("compile() advances the statistics of a net that runs in two phases from one to the next", () => {
  const loss = (map: Value<"map">): Value<"sample"> => crossEntropy(run("c", "logits", { from: "layer1", input: map }));
  const graph = mergeGraphs([{
    terms: [term("a/graft", ["a"], loss(tap(a, "layer1"))), term("c/graft", ["c"], loss(stop(tap(a, "layer1"))))],
    phases: [["a"], ["c"]],
  }]);
  const { step, state } = compileTiny(written(["a", "c"], graph));
  const again = state.filter(({ name, kind }) => kind === "buffer" && advances(step, name).length === 2);
  assert(again.some(({ name }) => name.startsWith("c/")), JSON.stringify(again));
});

/** Segments that write a statistic. */
function advances({ segments }: Compiled["step"], state: string): string[] {
  return segments.filter(({ effects }) => effects.some((effect) => effect.kind === "assign" && effect.state === state))
    .map(({ name }) => name);
}

Deno.test("compile() trains a module that runs on images of its own and on another net's map", async () => {
  const graph = mergeGraphs([{
    terms: [
      term("a/ce", ["a"], crossEntropy(logits(a))),
      term("a/graft", ["a"], crossEntropy(run("c", "logits", { from: "layer1", input: tap(a, "layer1") }))),
      term("c/ce", ["c"], mul(crossEntropy(logits(c)), 2)),
    ],
  }]);
  assertEquals(await reach(written(["a", "c"], graph)), { "a/ce": ["a"], "a/graft": ["a"], "c/ce": ["c"] });
});
