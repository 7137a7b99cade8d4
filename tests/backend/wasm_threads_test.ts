import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BackendError } from "../../dsl/errors.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { backendSuite, runCase } from "../../runtime/backend/suite.ts";
import { Sketch } from "../../runtime/backend/suite/sketch.ts";
import type { SegmentFunction } from "../../runtime/backend/wasm/assemble.ts";
import { Func } from "../../runtime/backend/wasm/assembler/func.ts";
import { eq } from "../../runtime/backend/wasm/assembler/i32.ts";
import { encodeModule } from "../../runtime/backend/wasm/assembler/module.ts";
import { EngineMemory } from "../../runtime/backend/wasm/memory.ts";
import { planProgram } from "../../runtime/backend/wasm/plan.ts";
import { barrier } from "../../runtime/backend/wasm/threads/barrier.ts";
import { controlBytes } from "../../runtime/backend/wasm/threads/control.ts";
import { Team } from "../../runtime/backend/wasm/threads/team.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import type { Engine } from "../../runtime/backend/backend.ts";
import type { Compiled } from "../../runtime/compile/compile.ts";
import { call, input, value } from "../../runtime/ir/expr.ts";
import { Session } from "../../runtime/train/session.ts";
import { alone, compiledFor, feedOf, fused } from "./wasm_threads_fixtures.ts";

/** Every tensor of state after steps with these numbers of images, bit by bit. */
async function trained(compiled: Compiled, counts: readonly number[], threads: number): Promise<readonly string[]> {
  const session = await Session.open(compiled, wasm({ threads }));
  try {
    await session.initialize(7);
    for (const [step, count] of counts.entries()) await session.step(feedOf(compiled, count, step));
    const bits: string[] = [];
    for (const { name } of compiled.state) {
      bits.push(`${name} ${new Uint32Array((await session.read(name) as Float32Array).buffer)}`);
    }
    return bits;
  } finally {
    await session.close();
  }
}

for (const [name, sentence] of Object.entries({ "ResNet-8": alone, "an FFSD cohort of three": fused })) {
  Deno.test(`wasm() trains ${name} to the same bits on 1, 2, 3 and 8 threads, short batches included`, async () => {
    const compiled = compiledFor(sentence, 64);
    // 64 images are eight chunks of one block; 17, 9 and 2 leave most threads without any.
    const counts = [64, 64, 57, 17, 9, 2, 64];
    const one = await trained(compiled, counts, 1);
    for (const threads of [2, 3, 8]) assertEquals(await trained(compiled, counts, threads), one);
  });
}

Deno.test("wasm() trains to the same bits where there are fewer chunks than threads", async () => {
  for (const batch of [3, 12, 20]) {
    const compiled = compiledFor(alone, batch);
    const counts = [batch, batch - 1, 2];
    assertEquals(await trained(compiled, counts, 8), await trained(compiled, counts, 1));
  }
});

Deno.test("wasm() passes the conformance suite on three threads", async () => {
  for (const subject of backendSuite()) {
    const { failures } = await runCase(subject, wasm({ threads: 3 }), reference());
    assertEquals(failures, []);
  }
});

/** A team whose program is one segment: a barrier, thread `trapping` traps, a barrier. */
async function trappingTeam(threads: number, trapping: number): Promise<{ readonly team: Team; run(): void }> {
  const memory = new EngineMemory(true);
  const control = memory.reserve(controlBytes, "test");
  const features = { relaxed: false };
  const segment = new Func("segment0", features);
  const [thread] = segment.params("thread", "count");
  segment.call(0, []);
  segment.if(eq(thread, trapping), () => segment.trap());
  segment.call(0, []);
  const functions = [barrier(features, control, threads), segment].map((func, exported) => ({
    name: func.name,
    parameters: func.parameters,
    body: func.body(),
    exported: exported === 1,
  }));
  const module = await WebAssembly.compile(encodeModule(functions, true));
  const team = await Team.start({ threads, memory: memory.memory, control });
  const program = await team.load(module);
  const { exports } = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
  const own = (): void => (exports["segment0"] as SegmentFunction)(0, 1);
  return { team, run: () => team.run({ program, segment: 0, count: 1, threads }, own) };
}

Deno.test("Team.run() ends on every thread when one fails, and failure() tells which and why", async () => {
  for (const trapping of [0, 1, 2]) {
    const { team, run } = await trappingTeam(3, trapping);
    assertThrows(run, WebAssembly.RuntimeError, "unreachable");
    assert(team.failed);
    assertEquals(await team.failure(), `thread ${trapping + 1} of 3: RuntimeError: unreachable`);
    team.close();
  }
});

Deno.test("Team.run() meets all threads at every barrier, call after call", async () => {
  const { team, run } = await trappingTeam(4, -1);
  for (let i = 0; i < 500; i++) run();
  assertEquals(team.failed, false);
  team.close();
  team.close();
});

Deno.test("Team.start() tells why a worker did not start", async () => {
  const memory = new EngineMemory(true);
  const control = memory.reserve(controlBytes, "test");
  const source = 'throw new Error("no luck");';
  const start = (): Promise<Team> => Team.start({ threads: 2, memory: memory.memory, control, source });
  const { message } = await assertRejects(start, BackendError, "Cannot use 2 threads: every worker has to start, got ");
  assert(message.endsWith("Error: no luck. Use threads: 1, which needs none."), message);
});

Deno.test("wasm() refuses a number of threads that is no whole number from 1 to 8", () => {
  for (const threads of [0, 9, 1.5, NaN]) {
    const text = `Cannot use wasm: threads are a whole number from 1 to 8, got ${threads}. Leave the option out.`;
    assertThrows(() => wasm({ threads }), BackendError, text);
  }
});

Deno.test("threads keep what a skipped segment computed last, and skip it together", async () => {
  const sketch = new Sketch(24);
  const x = sketch.images("x", [24, 4]);
  const gate = sketch.elementwise(input(0), [sketch.uniform("pause")]);
  sketch.segment("teacher", gate);
  const hidden = sketch.elementwise(call("mul", input(0), value(3)), [x]);
  sketch.output("kept", sketch.sum(hidden, [0]));
  sketch.segment("student");
  sketch.output("used", sketch.elementwise(call("add", input(0), input(1)), [hidden, x]));
  const engine = await wasm({ threads: 3 }).open([]);
  const runner = await engine.load(sketch.program());
  const run = (number: number, pause: number): Promise<void> =>
    runner.run({ count: 24, inputs: { "images/x": new Float32Array(96).fill(number) }, uniforms: { pause } });
  await run(1, 0);
  assertEquals([...await runner.read("kept")], [72, 72, 72, 72]);
  await run(5, 1);
  assertEquals(runner.skipped(), ["teacher"]);
  assertEquals([...await runner.read("kept")], [72, 72, 72, 72]);
  assertEquals(new Set(await runner.read("used")), new Set([3 + 5]));
  await engine.close();
});

/** A program that doubles its images. */
function doubling(batch: number, size = 4): Sketch {
  const sketch = new Sketch(batch, "doubling");
  const x = sketch.images("x", [batch, size]);
  sketch.output("y", sketch.elementwise(call("add", input(0), input(0)), [x]));
  return sketch;
}

Deno.test("an engine with threads runs several programs in turn, and loads and closes them between runs", async () => {
  const engine = await wasm({ threads: 4 }).open([]);
  const load = (batch: number): ReturnType<Engine["load"]> => engine.load(doubling(batch).program());
  const run = async (runner: Awaited<ReturnType<typeof load>>, count: number): Promise<void> => {
    const images = Float32Array.from({ length: 4 * count }, (_, i) => i);
    await runner.run({ count, inputs: { "images/x": images }, uniforms: {} });
    assertEquals(await runner.read("y"), images.map((number) => 2 * number));
  };
  // 64 images have four threads a part, 16 have two, 8 have one.
  const [wide, narrow, single] = await Promise.all([load(64), load(16), load(8)]);
  for (let i = 0; i < 20; i++) {
    await run(wide, 64 - i);
    await run(narrow, 16 - i % 16);
    await run(single, 8);
    const pending = load(32);
    await run(wide, 9);
    const late = await pending;
    await run(late, 31);
    late.close();
  }
  await engine.close();
  await assertRejects(() => load(8), BackendError, "Cannot load doubling: the engine is closed.");
});

Deno.test("Engine.load() names the batch that fits, and that batch fits", async () => {
  const engine = await wasm({ threads: 2 }).open([]);
  const error = await assertRejects(() => engine.load(doubling(4096, 2 ** 18).program()), BackendError);
  const [, batch] = /Use a smaller batch\. It fits with (\d+) images\.$/.exec(error.message) ?? [];
  assert(Number(batch) > 1900 && Number(batch) < 2048, error.message);
  const { lowered, bytes } = planProgram(
    doubling(Number(batch), 2 ** 18).program(),
    2,
    () => ({ address: 0, size: 0 }),
    { relaxed: true },
  );
  assert(bytes < 2 ** 32 && lowered.buffers.length > 0);
  await assertRejects(
    () => engine.load(doubling(8, 2 ** 28).program()),
    BackendError,
    "Use a smaller batch. Not even 8 images fit.",
  );
  await engine.close();
});
