import { assert, assertEquals } from "@std/assert";
import { Sketch } from "../../runtime/backend/suite/sketch.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import { call, input, scalar } from "../../runtime/ir/expr.ts";

type Name = "exp" | "log" | "sigmoid" | "softplus";

/** What the backend computes for these numbers. */
async function compute(fn: Name, numbers: Float32Array, relaxed?: boolean): Promise<Float32Array> {
  const sketch = new Sketch(8);
  const row = Math.ceil(numbers.length / 8);
  sketch.output("y", sketch.elementwise(call(fn, input(0)), [sketch.images("x", [8, row])]));
  const padded = new Float32Array(8 * row);
  padded.set(numbers);
  const engine = await wasm(relaxed === undefined ? {} : { relaxed }).open([]);
  const runner = await engine.load(sketch.program());
  await runner.run({ count: 8, inputs: { "images/x": padded }, uniforms: {} });
  const result = (await runner.read("y") as Float32Array).slice(0, numbers.length);
  await engine.close();
  return result;
}

/** Numbers from `low` to `high`, evenly. */
function sweep(low: number, high: number, count = 80_000): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => low + (high - low) * i / (count - 1));
}

/** Largest relative error; below the smallest normal number, error in units of the smallest one. */
async function worst(fn: Name, numbers: Float32Array, relaxed?: boolean): Promise<number> {
  const ours = await compute(fn, numbers, relaxed);
  let largest = 0;
  numbers.forEach((x, i) => {
    const exact = scalar[fn](x);
    if (Math.abs(exact) < 2 ** -126) assert(Math.abs(ours[i]! - exact) <= 2 ** -148, `${fn}(${x}) is ${ours[i]}`);
    else if (Math.fround(exact) !== ours[i]) largest = Math.max(largest, Math.abs(ours[i]! - exact) / Math.abs(exact));
  });
  return largest;
}

// Two roundings of 2⁻²⁴ = 6e-8 each beside the polynomials' own 2e-7 (Cephes).
const tolerance = 3e-7;

for (const relaxed of [true, false]) {
  const how = relaxed ? "with relaxed SIMD" : "without relaxed SIMD";
  const machine = relaxed ? undefined : false;

  Deno.test(`exp is accurate to ${tolerance} over its whole range, ${how}`, async () => {
    assert(await worst("exp", sweep(-103, 88.72), machine) < tolerance);
    assert(await worst("exp", sweep(-1e-3, 1e-3), machine) < tolerance);
  });

  Deno.test(`log is accurate to ${tolerance} from subnormal numbers to the largest, ${how}`, async () => {
    assert(await worst("log", sweep(0.5, 2), machine) < tolerance);
    assert(await worst("log", sweep(1e-3, 1e4), machine) < tolerance);
    const powers = Float32Array.from({ length: 5000 }, (_, i) => 2 ** (-149 + 277 * i / 4999));
    assert(await worst("log", powers, machine) < tolerance);
  });

  Deno.test(`sigmoid is accurate to ${tolerance} in both tails, ${how}`, async () => {
    assert(await worst("sigmoid", sweep(-103, 103), machine) < tolerance);
    assert(await worst("sigmoid", sweep(-2, 2), machine) < tolerance);
  });

  Deno.test(`softplus is accurate to ${tolerance} in both tails, ${how}`, async () => {
    assert(await worst("softplus", sweep(-103, 103), machine) < tolerance);
    assert(await worst("softplus", sweep(-2, 2), machine) < tolerance);
  });
}

Deno.test("exp, log, sigmoid and softplus keep infinities, zero and NaN", async () => {
  const special = Float32Array.of(0, -0, Infinity, -Infinity, NaN, -1, 1e30, -1e30);
  assertEquals([...await compute("exp", special)].map(rounded), [
    1,
    1,
    Infinity,
    0,
    NaN,
    rounded(1 / Math.E),
    Infinity,
    0,
  ]);
  assertEquals([...await compute("log", special)].map(rounded), [
    -Infinity,
    -Infinity,
    Infinity,
    NaN,
    NaN,
    NaN,
    rounded(30 * Math.LN10),
    NaN,
  ]);
  assertEquals([...await compute("sigmoid", special)].map(rounded), [
    0.5,
    0.5,
    1,
    0,
    NaN,
    rounded(1 / (1 + Math.E)),
    1,
    0,
  ]);
  assertEquals([...await compute("softplus", special)].map(rounded), [
    rounded(Math.LN2),
    rounded(Math.LN2),
    Infinity,
    0,
    NaN,
    rounded(Math.log1p(1 / Math.E)),
    Math.fround(1e30),
    0,
  ]);
});

/** To five digits: the last bits are tested above. */
function rounded(x: number): number {
  return Number.isFinite(x) && Math.abs(x) < 1e9 ? Math.round(x * 1e5) / 1e5 : x;
}
