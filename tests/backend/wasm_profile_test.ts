import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { featuresOf, wasmOf } from "../../cli/bench/machine.ts";
import { prepare } from "../../cli/bench/measure.ts";
import { stepSentence } from "../../cli/bench/step.ts";
import { resnet8 } from "../../mod.ts";
import { explainConvolutions } from "../../runtime/backend/wasm/explain.ts";
import type { Stage } from "../../runtime/backend/wasm/lower/schedule.ts";
import { Profiler } from "../../runtime/backend/wasm/profile.ts";
import { barrierTime, scheduleTime } from "../../runtime/backend/wasm/profile_threads.ts";
import { initialValues } from "../../runtime/train/init.ts";
import { feedOf, Session } from "../../runtime/train/session.ts";

Deno.test("Profiler times every call of a run, and computes what the engine computes", async () => {
  const { compiled, feed } = prepare(stepSentence(resnet8), 8, 10);
  const { step, state, parameters, plan: { graph } } = compiled;
  const outputs = graph.terms.map(({ name }) => `term/${name}`);
  const profiler = await Profiler.open(step, {
    features: featuresOf(false),
    state,
    initial: new Map(parameters.map((entry) => [entry.name, initialValues(entry, 0)])),
    outputs,
  });
  const session = await Session.open(compiled, wasmOf(1, false));
  try {
    await session.initialize(0);
    // A round is two steps.
    for (const _ of [1, 2]) {
      profiler.round(feedOf(feed));
      await session.step(feed);
      const { terms } = await session.step(feed);
      assertEquals(outputs.map((name) => profiler.read(name, 8)[0]), Object.values(terms));
    }
  } finally {
    await session.close();
  }
  const { calls } = profiler;
  assert(calls.every(({ ms }) => ms.length === 2 && ms.every((time) => time >= 0)));
  assert(calls.some(({ name, segment }) => name === "winogradFilter" && segment.startsWith("update")));
  profiler.reset();
  assert(profiler.calls.every(({ ms }) => ms.length === 0));
});

Deno.test("scheduleTime() waits for the slowest thread of each stage, and gives slices their share", () => {
  const task = (key: string, runs: Stage[number]["runs"]): Stage[number] => ({
    step: { kernel: { key, build: () => assert(false) as never }, operands: [] },
    runs,
  });
  const stages = [
    [task("slow 1", "slice"), task("fast 1", 1)],
    [task("fast 2", "each"), task("slow 2", 0)],
  ];
  const timeOf = (key: string): number => key.startsWith("slow") ? 10 : 1;
  const plan = (threads: number, batch: number) =>
    ({ program: { batch }, segments: [{ name: "s", stages }], threads }) as unknown as Parameters<
      typeof scheduleTime
    >[0];
  // Eight chunks: 5 + 1 on thread 1; 1 + 10 on thread 0.
  assertEquals(scheduleTime(plan(2, 64), timeOf), { ms: 17, barriers: 2 });
  // Three chunks on two threads: one and two.
  assertAlmostEquals(scheduleTime(plan(2, 24), timeOf).ms, 10 * 2 / 3 + 1 + 11);
  assertEquals(scheduleTime(plan(1, 64), timeOf).barriers, 0);
});

Deno.test("barrierTime() is nothing on one thread, and a short time on two", async () => {
  assertEquals(await barrierTime(featuresOf(false), 1), 0);
  const ms = await barrierTime(featuresOf(false), 2);
  assert(ms > 0 && ms < 10, String(ms));
});

Deno.test("explainConvolutions() tells the kernels of each shape and the ratio they are chosen by", () => {
  const { step } = prepare(stepSentence(resnet8), 8, 10).compiled;
  const choices = explainConvolutions(step, { relaxed: false });
  const [stem, first, strided] = choices;
  assertEquals([stem!.input.channels, stem!.count, stem!.choices.input], [3, 1, undefined]);
  assertEquals(stem!.choices.forward?.method, (stem!.choices.forward?.ratio ?? NaN) < 1 ? "Winograd" : "direct");
  assertEquals([first!.input, first!.output], [{ channels: 16, height: 32, width: 32 }, {
    channels: 16,
    height: 32,
    width: 32,
  }]);
  const { forward, input, filter } = first!.choices;
  assertEquals([forward, input, filter].map((choice) => choice?.method), ["Winograd", "Winograd", "Winograd"]);
  assert([forward, input, filter].every((choice) => choice!.ratio! < 1 && choice!.kernels.length > 0));
  assertEquals([strided!.attrs.stride, strided!.choices.filter?.method, strided!.choices.filter?.ratio], [
    [2, 2],
    "direct",
    undefined,
  ]);
});
