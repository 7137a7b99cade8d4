import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BackendError, ShapeError } from "../../dsl/errors.ts";
import { Sketch } from "../../runtime/backend/suite/sketch.ts";
import { align, type Lifetime, planMemory } from "../../runtime/backend/wasm/arena.ts";
import { axesOf, gather, layoutOf, scatter, storageOf } from "../../runtime/backend/wasm/layout.ts";
import { copyPieces } from "../../runtime/backend/wasm/lower/pieces.ts";
import { EngineMemory } from "../../runtime/backend/wasm/memory.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import { call, input, value } from "../../runtime/ir/expr.ts";
import { stream } from "../../dsl/random.ts";

Deno.test("planMemory() lets buffers share memory that are never alive together", () => {
  const { offsets, bytes } = planMemory([
    { bytes: 100, first: 0, last: 1 },
    { bytes: 200, first: 1, last: 2 },
    { bytes: 100, first: 2, last: 3 },
  ]);
  assertEquals(offsets, [256, 0, 256]);
  assertEquals(bytes, 384);
});

Deno.test("planMemory() never overlaps buffers that live together, and stays near the largest sum alive", () => {
  const random = stream(1, "lifetimes");
  const lifetimes = Array.from({ length: 300 }, (_, i): Lifetime => {
    const first = random.integer(3 * i, 200);
    return { first, last: first + random.integer(3 * i + 1, 20), bytes: 1 + random.integer(3 * i + 2, 5000) };
  });
  const { offsets, bytes } = planMemory(lifetimes);
  lifetimes.forEach((a, i) =>
    lifetimes.slice(0, i).forEach((b, j) => {
      if (a.first > b.last || b.first > a.last) return;
      assert(offsets[i]! >= offsets[j]! + b.bytes || offsets[j]! >= offsets[i]! + a.bytes);
    })
  );
  const alive = (at: number): number =>
    lifetimes.reduce((sum, l) => sum + (l.first <= at && at <= l.last ? align(l.bytes) : 0), 0);
  const least = Math.max(...Array.from({ length: 220 }, (_, at) => alive(at)));
  // Greedy by size stays within a few per cent on nets; lifetimes at random are harder.
  assert(bytes >= least && bytes < 1.3 * least, `${bytes} for ${least}`);
});

Deno.test("EngineMemory reuses released regions and clears them", () => {
  const memory = new EngineMemory();
  const first = memory.reserve(1000, "test");
  const second = memory.reserve(1000, "test");
  assert(second >= first + 1000);
  memory.floats.fill(7, first / 4, first / 4 + 250);
  memory.release(first);
  assertEquals(memory.reserve(500, "test"), first);
  assertEquals(memory.floats.slice(first / 4, first / 4 + 125), new Float32Array(125));
  assert(memory.reserve(1000, "test") >= second + 1000);
});

Deno.test("scatter() and gather() are inverse, and lanes lie by eight samples with channels innermost", () => {
  const shape = [9, 2, 1, 3];
  const axes = axesOf(shape, "lanes");
  const memory = new Float32Array(storageOf(shape, "lanes"));
  const values = Float32Array.from({ length: 54 }, (_, i) => i + 1);
  scatter(memory, 0, axes, 9, values);
  assertEquals(gather(memory, 0, axes, 9), values);
  // Sample 1, channel 1, pixel 2.
  assertEquals(memory[(2 * 2 + 1) * 8 + 1], values[6 + 3 + 2]);
  // Sample 8 begins the second group of eight.
  assertEquals(memory[3 * 2 * 8], values[8 * 6]);
  assertEquals(gather(memory, 0, axes, 2), values.slice(0, 12));
});

Deno.test("layoutOf() keeps pairs of samples and weights in rows", () => {
  const node = { id: 0, op: "sum", inputs: [], attrs: { axes: [] } } as const;
  assertEquals(layoutOf({ ...node, shape: [4, 3], batch: [0] }), "lanes");
  assertEquals(layoutOf({ ...node, shape: [4, 4], batch: [0, 1] }), "rows");
  assertEquals(layoutOf({ ...node, shape: [3, 4], batch: [1] }), "rows");
  assertEquals(layoutOf({ ...node, shape: [3, 4], batch: [] }), "rows");
});

Deno.test("copyPieces() reaches every element once, whatever the groups of both sides", () => {
  for (const size of [1, 3, 4, 7, 8, 11, 12, 16, 21]) {
    for (const [from, to] of [[1, 1], [8, 1], [1, 8], [8, 4], [4, 8], [1, 4]] as const) {
      const moved = new Map<number, number>();
      const pieces = copyPieces([{ size, stride: 10 * from, split: from }], [{ size, stride: 3 * to, split: to }]);
      for (const piece of pieces) {
        const step = (axis: number, source: number, target: number): void => {
          const loop = piece.axes[axis];
          if (loop === undefined) return void moved.set(source, target);
          for (let i = 0; i < loop.size; i++) step(axis + 1, source + i * loop.from, target + i * loop.to);
        };
        step(0, piece.from, piece.to);
      }
      const place = (i: number, stride: number, split: number): number => Math.floor(i / split) * stride + (i % split);
      const expected = Array.from({ length: size }, (_, i) => [place(i, 10 * from, from), place(i, 3 * to, to)]);
      assertEquals([...moved].sort(([a], [b]) => a - b), expected.sort(([a], [b]) => a! - b!));
    }
  }
});

Deno.test("Engine.load() says how much memory a program needs when 4 GiB are too little", async () => {
  const sketch = new Sketch(4096, "training step");
  const x = sketch.images("x", [4096, 16, 128, 128]);
  sketch.output("y", sketch.elementwise(call("add", input(0), value(1)), [x]));
  const engine = await wasm().open([]);
  await assertRejects(
    () => engine.load(sketch.program()),
    BackendError,
    "Cannot load training step for batches of 4096: WebAssembly memory holds at most 4.00 GiB, got a need of 8.00 GiB. " +
      "Use a smaller batch.",
  );
  await engine.close();
});

Deno.test("Engine.load() refuses state it was opened without", async () => {
  const sketch = new Sketch(1);
  sketch.output("w", sketch.parameter("net/w", [2]));
  const engine = await wasm().open([]);
  const text = "Cannot use state net/w: the engine was opened without it.";
  await assertRejects(() => engine.load(sketch.program()), BackendError, text);
  await engine.close();
});

Deno.test("Runner.run() refuses wrong counts, missing uniforms, short inputs, and to run when closed", async () => {
  const sketch = new Sketch(4, "tiny step");
  const x = sketch.images("x", [4, 2]);
  const scale = sketch.reshape(sketch.uniform("scale"), [1, 1]);
  sketch.output("y", sketch.elementwise(call("mul", input(0), input(1)), [x, scale]));
  const engine = await wasm().open([]);
  const runner = await engine.load(sketch.program());
  const inputs = { "images/x": new Float32Array(4) };
  const run = (count: number, uniforms: Record<string, number>): () => Promise<void> => () =>
    runner.run({ count, inputs, uniforms });
  assertThrows(run(5, { scale: 1 }), BackendError, "Cannot run tiny step: a step takes 1 to 4 images, got 5.");
  assertThrows(run(0, { scale: 1 }), BackendError, "a step takes 1 to 4 images, got 0.");
  assertThrows(run(2, {}), BackendError, "Cannot run tiny step: uniform scale was not set.");
  const short = "Cannot run tiny step: input images/x holds 6 numbers for 3 images, got 4.";
  assertThrows(run(3, { scale: 1 }), ShapeError, short);
  await run(2, { scale: 2 })();
  assertThrows(() => runner.read("z"), BackendError, "Cannot read z: program tiny step lacks it.");
  runner.close();
  assertThrows(run(2, { scale: 2 }), BackendError, "Cannot run tiny step: it is closed.");
  assertThrows(() => runner.read("y"), BackendError, "Cannot read y: program tiny step is closed.");
  await engine.close();
  assertThrows(() => engine.read("w"), BackendError, "Cannot use state w: the engine is closed.");
});

Deno.test("programs work beyond 2 GiB, where addresses have the sign bit", async () => {
  const sketch = new Sketch(9);
  const x = sketch.images("x", [9, 5, 3, 3], { poisoned: true });
  const w = sketch.parameter("w", [4, 5, 3, 3]);
  const attrs = { stride: [1, 1], pad: [1, 1], groups: 1 } as const;
  sketch.output("y", sketch.conv2d(x, w, attrs)).output("sum", sketch.sum(x, [0, 2, 3]));
  const numbers = Float32Array.from({ length: 405 }, (_, i) => Math.sin(i + 1));
  const results: unknown[] = [];
  for (const shape of [[16], [2 ** 29 + 2 ** 20]]) {
    // The large tensor is never touched, so no memory is spent on it.
    const engine = await wasm().open([{ name: "large", kind: "buffer", shape }, ...sketch.program().state]);
    await engine.write("w", numbers.slice(0, 180));
    const runner = await engine.load(sketch.program());
    await runner.run({ count: 9, inputs: { "images/x": numbers }, uniforms: {} });
    results.push([await runner.read("y"), await runner.read("sum"), await engine.read("w")]);
    await engine.close();
  }
  assertEquals(results[1], results[0]);
});
