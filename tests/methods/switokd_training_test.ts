import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { synthetic } from "../../datasets/synthetic.ts";
import { teacher } from "../../dsl/cohort.ts";
import { topology } from "../../dsl/topology.ts";
import { BackendError } from "../../dsl/errors.ts";
import { switokd } from "../../methods/switokd.ts";
import type { Compiled } from "../../runtime/compile/compile.ts";
import { fit, type FitEvent } from "../../runtime/train/fit.ts";
import type { Session, StepFeed } from "../../runtime/train/session.ts";
import {
  changed,
  compileTiny,
  feed,
  inSession,
  owned,
  type Sentence,
  type Setting,
  stateOf,
  tiny,
  train,
} from "../runtime/fixtures.ts";
import { crossEntropy, divergence, mean, type Row, rows, softmax, total } from "./arithmetic.ts";

// Sums of some dozen numbers in float64, in another order.
const TOLERANCE = 1e-11;

const pair = teacher(tiny).student(tiny).use(switokd());
const twoTeachers = topology({ teacher1: tiny, teacher2: tiny, student: tiny })
  .teach("teacher1 <-> student", "teacher2 <-> student", "teacher1 <-> teacher2").switch("teacher1", "teacher2");
const twoStudents = topology({ teacher: tiny, student1: tiny, student2: tiny })
  .teach("teacher <-> student1", "teacher <-> student2", "student1 <-> student2");

/** G, d_s, d_t, ε, δ and the mode, by hand. */
function modeOf(t: readonly Row[], s: readonly Row[], labels: ArrayLike<number>): Record<string, number> {
  const probabilities = (scores: readonly Row[]): number[][] => scores.map((row) => softmax(row));
  const hot = t.map((row, b) => row.map((_, k) => Number(labels[b] === k)));
  const apart = (a: readonly Row[], b: readonly Row[]): number =>
    mean(a.map((row, i) => total(row.map((x, k) => Math.abs(x - b[i]![k]!)))));
  const [p, q] = [probabilities(t), probabilities(s)];
  const [gap, student, master] = [apart(q, p), apart(q, hot), apart(p, hot)];
  const epsilon = Math.exp(-master / (master + student));
  const threshold = student - epsilon * master;
  const expert = Number(gap > threshold && master < student);
  return { gap, threshold, epsilon, student_error: student, teacher_error: master, expert };
}

/** Makes class scores larger, so that nets are far apart. */
async function loud(session: Session): Promise<void> {
  for (const { name } of session.compiled.parameters.filter(({ name }) => name.endsWith("fc.weight"))) {
    await session.write(name, Float64Array.from(await session.read(name), (x) => 12 * x));
  }
}

interface Seen {
  readonly terms: Readonly<Record<string, number>>;
  readonly watched: Readonly<Record<string, number>>;
  readonly paused: readonly string[];
  readonly scores: (net: string) => Row[];
  readonly given: StepFeed;
  readonly moved: readonly string[];
  readonly names: readonly string[];
  readonly session: Session;
}

/** One step after one that filled the slots, with images of this seed. */
async function seen(compiled: Compiled, seed: number, look: (step: Seen) => void | Promise<void>): Promise<void> {
  await inSession(compiled, async (session) => {
    await loud(session);
    await session.step(feed(compiled, { seed: 1, rate: 0.01 }));
    const before = await stateOf(session);
    // Fewer images than the batch has room for: padding counts for nothing.
    const given = feed(compiled, { seed, count: 4, rate: 0.01 });
    const { terms, watched, paused } = await session.step(given);
    const scores = new Map<string, Row[]>();
    for (const { id } of compiled.plan.modules) scores.set(id, rows(await session.readStep(`logits/${id}`), 4));
    const moved = changed(before, await stateOf(session));
    await look({
      terms,
      watched,
      paused,
      scores: (net) => scores.get(net)!,
      given,
      moved,
      names: Object.keys(before),
      session,
    });
  });
}

/** Looks at steps of several seeds; tells how often each mode came. */
async function overSeeds(sentence: Sentence, look: (step: Seen) => void | Promise<void>, setting: Setting = {}) {
  const compiled = compileTiny(sentence, setting);
  const modes = new Map<string, number>();
  for (let seed = 2; seed < 14; seed++) {
    await seen(compiled, seed, async (step) => {
      const mode = Object.entries(step.watched).filter(([name]) => name.endsWith("/expert")).map(([, x]) => x).join("");
      modes.set(mode, (modes.get(mode) ?? 0) + 1);
      await look(step);
    });
  }
  return modes;
}

function assertNear(actual: number | undefined, expected: number, what: string): void {
  assertAlmostEquals(actual!, expected, TOLERANCE * Math.max(1, Math.abs(expected)), what);
}

Deno.test("switokd() measures and minimises what is computed by hand, and pauses in expert mode", async () => {
  const modes = await overSeeds(pair, ({ terms, watched, paused, scores, given }) => {
    const [t, s] = [scores("teacher"), scores("student")];
    const expected = modeOf(t, s, given.labels);
    for (const [name, value] of Object.entries(expected)) assertNear(watched[`teacher->student/${name}`], value, name);
    assertEquals(paused, expected["expert"] === 1 ? ["teacher"] : []);
    assertNear(terms["teacher/ce"], crossEntropy(t, given.labels), "teacher/ce");
    assertNear(terms["student/ce"], crossEntropy(s, given.labels), "student/ce");
    assertNear(terms["teacher/dml"], divergence(t, s), "teacher/dml");
    assertNear(terms["student/dml"], divergence(s, t), "student/dml");
  });
  assertEquals([...modes.keys()].sort(), ["0", "1"]);
});

for (const kind of ["sgd", "adam"] as const) {
  Deno.test(`switokd() leaves a paused teacher's weights and ${kind}'s state bit for bit; its statistics move`, async () => {
    const modes = await overSeeds(pair, async ({ paused, moved, names, session, watched }) => {
      const own = owned(names, "teacher", "trained");
      assert(own.some((name) => name.includes("#")), "there are slots");
      assertEquals(moved.filter((name) => own.includes(name)).length, paused.length > 0 ? 0 : own.length);
      assertEquals(paused.length, watched["teacher->student/expert"]);
      for (const name of [...owned(names, "teacher", "statistics"), ...owned(names, "student", "trained")]) {
        assert(moved.includes(name), `${name} should have moved`);
      }
      if (paused.length === 0) return;
      await assertRejects(async () => await session.readStep("gradient/teacher/fc.weight"), BackendError);
      assert(Array.from(await session.readStep("gradient/student/fc.weight")).some((x) => x !== 0));
    }, { debug: true, train: { optimizer: { kind } } });
    assertEquals([...modes.keys()].sort(), ["0", "1"]);
  });
}

Deno.test("switokd() with two teachers pauses each on its own", async () => {
  const modes = await overSeeds(twoTeachers, ({ terms, watched, paused, scores, given, moved, names }) => {
    const [a, b, s] = [scores("teacher1"), scores("teacher2"), scores("student")];
    for (const [id, t] of [["teacher1", a], ["teacher2", b]] as const) {
      const { expert } = modeOf(t, s, given.labels);
      assertEquals([watched[`${id}->student/expert`], paused.includes(id)], [expert, expert === 1]);
      const own = owned(names, id, "trained");
      assertEquals(moved.filter((name) => own.includes(name)).length, expert === 1 ? 0 : own.length);
    }
    assertNear(terms["teacher1/dml"], divergence(a, b) + divergence(a, s), "teacher1/dml");
    assertNear(terms["student/dml"], divergence(s, a) + divergence(s, b), "student/dml");
  });
  assert(modes.size > 2, [...modes.keys()].join());
});

Deno.test("switokd() with two students drops those it has run away from, and pauses where that is both", async () => {
  const modes = await overSeeds(twoStudents.use(switokd()), ({ terms, paused, scores, given }) => {
    const [t, a, b] = [scores("teacher"), scores("student1"), scores("student2")];
    const [first, second] = [a, b].map((s) => 1 - modeOf(t, s, given.labels)["expert"]!) as [number, number];
    assertEquals(paused, first + second === 0 ? ["teacher"] : []);
    assertNear(terms["teacher/ce"], crossEntropy(t, given.labels), "teacher/ce");
    assertNear(terms["teacher/dml"], first * divergence(t, a) + second * divergence(t, b), "teacher/dml");
    assertNear(terms["student1/dml"], divergence(a, t) + divergence(a, b), "student1/dml");
  });
  assert(modes.has("11") && modes.size > 2, [...modes.keys()].join());
});

Deno.test("switokd() as released lets momentum and weight decay move a teacher whose losses are 0", async () => {
  const sentence = twoStudents.use(switokd({ asReleased: true }));
  const modes = await overSeeds(sentence, async ({ terms, watched, paused, moved, names, session }) => {
    assertEquals(paused, []);
    if (watched["teacher->student1/expert"] !== 1 || watched["teacher->student2/expert"] !== 1) return;
    assertEquals([terms["teacher/ce"], terms["teacher/dml"]], [0, 0]);
    assertEquals(new Set(await session.readStep("gradient/teacher/fc.weight")), new Set([0]));
    const own = owned(names, "teacher", "trained");
    assertEquals(moved.filter((name) => own.includes(name)).length, own.length);
  }, { debug: true });
  assert(modes.has("11"), [...modes.keys()].join());
});

Deno.test("fit() tells the numbers of every batch and the share of expert batches of every epoch", async () => {
  const setting = { batch: 4, train: { epochs: 2, schedule: { milestones: [1] } } };
  const compiled = compileTiny(pair, setting);
  const data = await synthetic({ classes: 3, shape: [3, 6, 6], train: 16, test: 4 }).open();
  const steps: Extract<FitEvent, { kind: "step" }>[] = [];
  await inSession(compiled, async (session) => {
    const { history } = await fit({
      session,
      data,
      train: train(setting),
      report: (event) => event.kind === "step" && steps.push(event),
    });
    for (const { epoch, watched, paused } of history) {
      const own = steps.filter((step) => step.epoch === epoch).map((step) => step.watched);
      assertEquals(own.length, 4);
      for (const name of compiled.plan.graph.watches.map(({ name }) => name)) {
        assertAlmostEquals(watched![name]!, mean(own.map((values) => values[name]!)), TOLERANCE);
      }
      assertEquals(watched!["teacher->student/expert"], paused["teacher"]);
    }
  });
});
