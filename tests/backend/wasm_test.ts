import { assert, assertEquals } from "@std/assert";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { backendSuite, type Case, runCase } from "../../runtime/backend/suite.ts";
import { Sketch } from "../../runtime/backend/suite/sketch.ts";
import { hasRelaxedSimd, hasSimd } from "../../runtime/backend/wasm/features.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import { call, input, value } from "../../runtime/ir/expr.ts";

const cases: readonly Case[] = backendSuite();

/** Everything a case leaves behind on a fresh engine, bit for bit. */
async function bits(subject: Case, backend = wasm()): Promise<readonly string[]> {
  const engine = await backend.open(subject.state);
  const found: string[] = [];
  for (const [name, values] of Object.entries(subject.initial)) await engine.write(name, values);
  const runners = await Promise.all(subject.programs.map((program) => engine.load(program)));
  for (const { program, feed } of subject.runs) {
    await runners[program]!.run(feed);
    for (const name of Object.keys(subject.programs[program]!.outputs)) {
      found.push(`${name} ${new Uint32Array((await runners[program]!.read(name) as Float32Array).buffer)}`);
    }
  }
  for (const { name } of subject.state) found.push(`${name} ${await engine.read(name)}`);
  await engine.close();
  return found;
}

Deno.test("wasm() names the features it uses", () => {
  assert(hasSimd());
  assertEquals(wasm({ relaxed: false, threads: 1 }).description, "wasm: SIMD, 1 thread");
  const relaxed = hasRelaxedSimd() ? " with relaxed multiply-add" : "";
  assertEquals(wasm({ threads: 2 }).description, `wasm: SIMD${relaxed}, 2 threads`);
});

Deno.test("wasm() passes the conformance suite without relaxed SIMD", async () => {
  for (const subject of cases) {
    const { failures } = await runCase(subject, wasm({ relaxed: false }), reference());
    assertEquals(failures, []);
  }
});

Deno.test("wasm() passes the conformance suite with turbo kernels, which need no flag to be right", async () => {
  const backend = wasm({ turbo: true, threads: 1 });
  assert(backend.description.includes("turbo kernels"));
  for (const subject of cases) {
    const { failures } = await runCase(subject, backend, reference());
    assertEquals(failures, []);
  }
});

Deno.test("wasm() gives the same bits in every run of the same numbers", async () => {
  const chosen = cases.filter(({ topic }) => topic === "training step" || topic === "conv2dFilter" || topic === "sum");
  for (const subject of chosen) assertEquals(await bits(subject), await bits(subject));
});

Deno.test("wasm() gives the same bits after the engine has optimised its kernels", async () => {
  const sketch = new Sketch(16);
  const x = sketch.images("x", [16, 8, 16, 16]);
  const w = sketch.parameter("w", [8, 8, 3, 3]);
  const attrs = { stride: [1, 1], pad: [1, 1], groups: 1 } as const;
  const y = sketch.conv2d(x, w, attrs);
  const z = sketch.elementwise(call("sigmoid", input(0)), [y]);
  sketch.output("dw", sketch.conv2dFilter(x, z, attrs, [3, 3])).output("z", z);
  const engine = await wasm().open(sketch.program().state);
  await engine.write("w", Float32Array.from({ length: 576 }, (_, i) => Math.sin(i)));
  const runner = await engine.load(sketch.program());
  const inputs = { "images/x": Float32Array.from({ length: 16 * 2048 }, (_, i) => Math.cos(i * i)) };
  const results: (readonly unknown[])[] = [];
  for (let i = 0; i < 60; i++) {
    await runner.run({ count: 15, inputs: { "images/x": inputs["images/x"].subarray(0, 15 * 2048) }, uniforms: {} });
    if (i === 0 || i === 59) results.push([await runner.read("dw"), await runner.read("z")]);
  }
  assertEquals(results[1], results[0]);
  await engine.close();
});

Deno.test("a sum over the batch does not depend on what the absent samples hold", async () => {
  const sketch = new Sketch(24);
  const x = sketch.images("x", [24, 3, 2, 2]);
  const g = sketch.images("g", [24, 3, 2, 2]);
  sketch.output("stats", sketch.add("batchStats", [x], {}, [2, 3], []));
  sketch.output("dw", sketch.conv2dFilter(x, g, { stride: [1, 1], pad: [1, 1], groups: 1 }, [3, 3]));
  const engine = await wasm().open([]);
  const runner = await engine.load(sketch.program());
  const feed = (count: number, of: (i: number) => number): Promise<void> => {
    const numbers = Float32Array.from({ length: count * 12 }, (_, i) => of(i));
    return runner.run({ count, inputs: { "images/x": numbers, "images/g": numbers }, uniforms: {} });
  };
  const results: unknown[] = [];
  for (const left of [() => 0, () => NaN, () => Infinity]) {
    await feed(24, left);
    await feed(13, (i) => Math.sin(i));
    results.push([await runner.read("stats"), await runner.read("dw")]);
  }
  assertEquals(results[1], results[0]);
  assertEquals(results[2], results[0]);
  await engine.close();
});

Deno.test("what a skipped segment computed last stays readable", async () => {
  const sketch = new Sketch(8);
  const pause = sketch.uniform("pause");
  const x = sketch.images("x", [8, 4]);
  const gate = sketch.elementwise(input(0), [pause]);
  sketch.segment("teacher", gate);
  const hidden = sketch.elementwise(call("mul", input(0), value(3)), [x]);
  const kept = sketch.sum(hidden, [0]);
  sketch.segment("student");
  let chain = x;
  for (let i = 0; i < 6; i++) chain = sketch.elementwise(call("add", input(0), value(1)), [chain]);
  sketch.output("kept", kept).output("used", sketch.elementwise(call("add", input(0), input(1)), [hidden, chain]));
  const engine = await wasm().open([]);
  const runner = await engine.load(sketch.program());
  const run = (number: number, pause: number): Promise<void> =>
    runner.run({ count: 8, inputs: { "images/x": new Float32Array(32).fill(number) }, uniforms: { pause } });
  await run(1, 0);
  assertEquals([...await runner.read("kept")], [24, 24, 24, 24]);
  await run(5, 1);
  assertEquals(runner.skipped(), ["teacher"]);
  assertEquals([...await runner.read("kept")], [24, 24, 24, 24]);
  assertEquals((await runner.read("used"))[0], 3 + 11);
  await engine.close();
});

Deno.test("constants that JSON does not tell apart have kernels of their own", async () => {
  const backend = wasm();
  const results: number[] = [];
  for (const constant of [Infinity, -Infinity, -0, 0]) {
    const sketch = new Sketch(1);
    const divided = { fn: "div", of: [value(1), { fn: "add", of: [input(0), value(constant)] }] } as const;
    sketch.output("y", sketch.elementwise(divided, [sketch.images("x", [1, 1])]));
    const engine = await backend.open([]);
    const runner = await engine.load(sketch.program());
    await runner.run({ count: 1, inputs: { "images/x": Float32Array.of(-0) }, uniforms: {} });
    results.push((await runner.read("y"))[0]!);
    await engine.close();
  }
  assertEquals(results, [0, -0, -Infinity, Infinity]);
});
