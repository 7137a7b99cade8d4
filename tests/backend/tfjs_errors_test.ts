import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BackendError, ShapeError } from "../../dsl/errors.ts";
import type { Backend, Engine, Runner } from "../../runtime/backend/backend.ts";
import { Sketch } from "../../runtime/backend/suite/sketch.ts";
import { findAdapter } from "../../runtime/backend/tfjs/adapter.ts";
import { tfjs } from "../../runtime/backend/tfjs/tfjs.ts";
import { call, input } from "../../runtime/ir/expr.ts";

/** y = x · scale + w on a batch of three. */
async function start(backend: Backend): Promise<{ readonly engine: Engine; readonly runner: Runner }> {
  const sketch = new Sketch(3);
  const [x, w] = [sketch.images("x", [3, 2]), sketch.parameter("net/w", [1, 2])];
  const scale = sketch.reshape(sketch.uniform("scale"), [1, 1]);
  const scaled = sketch.elementwise(call("mul", input(0), input(1)), [x, scale]);
  sketch.output("y", sketch.elementwise(call("add", input(0), input(1)), [scaled, w]));
  const engine = await backend.open(sketch.states.map(({ entry }) => entry));
  await engine.write("net/w", Float32Array.of(10, 20));
  return { engine, runner: await engine.load(sketch.program()) };
}

const feed = { count: 2, inputs: { "images/x": Float32Array.of(1, 2, 3, 4) }, uniforms: { scale: 2 } };

Deno.test("tfjs() says what a run lacks", async () => {
  const { engine, runner } = await start(await tfjs({ engine: "cpu" }));
  const refusals = [
    [{ ...feed, count: 4 }, ShapeError, "a batch has 1 to 3 images, got 4"],
    [{ ...feed, count: 3 }, ShapeError, "input images/x holds 6 numbers for 3 images, got 4"],
    [{ ...feed, inputs: {} }, ShapeError, "input images/x holds 4 numbers for 2 images, got none"],
    [{ ...feed, uniforms: {} }, BackendError, "uniform scale was not set"],
  ] as const;
  for (const [wrong, kind, text] of refusals) await assertRejects(() => runner.run(wrong), kind, text);
  await assertRejects(() => engine.write("net/w", new Float32Array(3)), ShapeError, "it holds 2 numbers, got 3");
  await assertRejects(() => engine.read("net/v"), BackendError, "Cannot use state net/v");
  await assertRejects(() => runner.read("z"), BackendError, "Cannot read z: program case lacks it");
  await engine.close();
});

Deno.test("tfjs() engines of different kinds run at the same time without mixing", async () => {
  const [cpu, wasm] = [await start(await tfjs({ engine: "cpu" })), await start(await tfjs({ engine: "wasm" }))];
  for (let round = 0; round < 5; round++) {
    await Promise.all([cpu.runner.run(feed), wasm.runner.run(feed)]);
    const [a, b] = await Promise.all([wasm.runner.read("y"), cpu.runner.read("y")]);
    assertEquals([...a], [12, 24, 16, 28]);
    assertEquals([...b], [12, 24, 16, 28]);
  }
  await Promise.all([cpu.engine.close(), wasm.engine.close()]);
});

Deno.test("tfjs() hands out numbers that the caller may overwrite", async () => {
  const { engine, runner } = await start(await tfjs({ engine: "cpu" }));
  await runner.run(feed);
  (await engine.read("net/w")).fill(0);
  (await runner.read("y")).fill(0);
  assertEquals([...await engine.read("net/w")], [10, 20]);
  assertEquals([...await runner.read("y")], [12, 24, 16, 28]);
  await engine.close();
});

Deno.test("tfjs() says why there is no GPU", async () => {
  const none = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
  await assertRejects(
    () => tfjs({ engine: "webgpu", gpu: none }),
    BackendError,
    "Cannot start tfjs-webgpu: WebGPU found no adapter. Use the wasm backend",
  );
  const failing = { requestAdapter: () => Promise.reject(new Error("no driver")) } as unknown as GPU;
  await assertRejects(
    () => tfjs({ engine: "webgpu", gpu: failing }),
    BackendError,
    "WebGPU failed to start (no driver)",
  );
});

const adapter = await findAdapter({ allowSoftware: true });
const why = adapter.adapter === undefined ? `, ignored because ${adapter.why}` : "";
const gpuTest = { ignore: adapter.adapter === undefined, sanitizeOps: false, sanitizeResources: false };

Deno.test({
  ...gpuTest,
  name: `tfjs() on WebGPU refuses blocking reads, reports a lost device, and starts again on a new one${why}`,
  fn: async () => {
    const tf = await import("@tensorflow/tfjs-core");
    const lost = await start(await tfjs({ engine: "webgpu", allowSoftware: true }));
    await lost.runner.run(feed);
    assertEquals([...await lost.runner.read("y")], [12, 24, 16, 28]);
    const onDevice = tf.tidy(() => tf.relu(tf.ones([40, 40])));
    assertThrows(() => onDevice.dataSync(), BackendError, "Use `await x.data()`");

    (tf.backend() as unknown as { device: GPUDevice }).device.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const error = await assertRejects(() => lost.runner.run(feed), BackendError, "the GPU device was lost");
    assert(error.message.includes("resume from a checkpoint"), error.message);
    await assertRejects(() => lost.engine.read("net/w"), BackendError, "the GPU device was lost");

    const fresh = await start(await tfjs({ engine: "webgpu", allowSoftware: true }));
    await fresh.runner.run(feed);
    assertEquals([...await fresh.runner.read("y")], [12, 24, 16, 28]);
    await fresh.engine.close();
  },
});
