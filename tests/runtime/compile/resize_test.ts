import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { connector } from "../../../dsl/connectors.ts";
import { ShapeError } from "../../../dsl/errors.ts";
import { diagonalOf, mul, poolTo, resizeTo, smoothL1, sumAll } from "../../../dsl/expr.ts";
import type { Value } from "../../../dsl/value.ts";
import { linearWarmUp } from "../../../dsl/verbs/options.ts";
import { connectorGeometry } from "../../../runtime/compile/connector.ts";
import { initialValues } from "../../../runtime/train/init.ts";
import { weightIn } from "../../../runtime/train/schedule.ts";
import type { Tensor } from "../../methods/evaluate.ts";
import { given, probe } from "../../methods/probe.ts";

const [x, like, w] = [given("x", "map"), given("like", "map"), given("w", "map")];

/** Elements of a value, read through the gradient of its product with `w`. */
async function elements(
  value: Value,
  shape: readonly number[],
  fed: Readonly<Record<string, Tensor>>,
): Promise<number[]> {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new Array<number>(size).fill(1);
  const { gradients } = await probe(sumAll(mul(value, w)), { ...fed, w: { shape, data } });
  return [...gradients["w"]!];
}

function ramp(...shape: readonly number[]): Tensor {
  return { shape, data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i) };
}

Deno.test("poolTo() averages windows that overlap where sizes do not divide", async () => {
  // Rows 0–1, 1–3, 3–4 of 5 and columns 0–1 and 1–2 of 3: means of i = 3 · row + column.
  const made = await elements(poolTo(x, like), [1, 1, 3, 2], { x: ramp(1, 1, 5, 3), like: ramp(1, 1, 3, 2) });
  const rows = [0.5, 2, 3.5];
  assertEquals(made.map((value) => Number(value.toFixed(9))), rows.flatMap((row) => [3 * row + 0.5, 3 * row + 1.5]));
});

Deno.test("poolTo() leaves a side that is as small already", async () => {
  const made = await elements(poolTo(x, 2), [1, 1, 2, 1], { x: ramp(1, 1, 4, 1) });
  assertEquals(made, [0.5, 2.5]);
  assertEquals(await elements(poolTo(x, 9), [1, 1, 2, 2], { x: ramp(1, 1, 2, 2) }), [0, 1, 2, 3]);
});

Deno.test("poolTo() spreads gradients over its windows", async () => {
  const { gradients } = await probe(sumAll(poolTo(x, 2)), { x: ramp(1, 1, 3, 1) });
  // Both windows hold the middle row, each with half of it.
  assertEquals(gradients["x"], [0.5, 1, 0.5]);
});

Deno.test("resizeTo() repeats places by a whole number, or picks the nearest", async () => {
  const larger = await elements(resizeTo(x, like), [1, 1, 4, 2], { x: ramp(1, 1, 2, 1), like: ramp(1, 1, 4, 2) });
  assertEquals(larger, [0, 0, 0, 0, 1, 1, 1, 1]);
  const odd = await elements(resizeTo(x, like), [1, 1, 3, 1], { x: ramp(1, 1, 2, 1), like: ramp(1, 1, 3, 1) });
  assertEquals(odd, [0, 0, 1]);
  const smaller = await elements(resizeTo(x, like), [1, 1, 2, 1], { x: ramp(1, 1, 4, 1), like: ramp(1, 1, 2, 1) });
  assertEquals(smaller, [0, 2]);
});

Deno.test("diagonalOf() has ones where column − row is the offset", async () => {
  const rows = { x: ramp(3, 1, 1, 1) };
  assertEquals(await elements(diagonalOf(x), [3, 3], rows), [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  assertEquals(await elements(diagonalOf(x, 1), [3, 3], rows), [0, 1, 0, 0, 0, 1, 0, 0, 0]);
});

Deno.test("smoothL1() is a parabola near zero and a line far from it", async () => {
  const data = [-3, -1, -0.5, 0, 0.5, 3];
  const { loss, gradients } = await probe(sumAll(smoothL1(x)), { x: { shape: [6, 1, 1, 1], data } });
  assertAlmostEquals(loss, 2.5 + 0.5 + 0.125 + 0 + 0.125 + 2.5, 1e-12);
  assertEquals(gradients["x"]!.map((slope) => slope + 0), [-1, -1, -0.5, 0, 0.5, 1]);
});

Deno.test("connectors have the geometry of the benchmark's regressors", () => {
  const spot = { net: "teacher", spot: "layer2" };
  const of = (from: number, to: number): unknown => {
    const { transposed, kernel, stride, pad } = connectorGeometry([from, from], [to, to], spot);
    return [transposed, kernel, stride, pad];
  };
  assertEquals(of(8, 8), [false, 1, 1, 0]);
  assertEquals(of(8, 4), [false, 3, 2, 1]);
  assertEquals(of(4, 8), [true, 4, 2, 1]);
  assertEquals(of(8, 3), [false, 6, 1, 0]);
  assertEquals(of(3, 7), [true, 3, 2, 0]);
  assertEquals(connector("conv", 4, spot).bias, true);
  assertThrows(
    () => connectorGeometry([4, 4], undefined, spot),
    ShapeError,
    'Cannot connect to teacher: it needs a map there, got none at "layer2". Say another spot.',
  );
  assertThrows(
    () => connectorGeometry([4, 3], [8, 8], spot),
    ShapeError,
    'Cannot connect to teacher at "layer2": both maps are square, got 4×3 and 8×8. Use square images.',
  );
});

Deno.test("a linear warm-up rises by equal steps and stays", () => {
  const weights = [1, 5, 20, 30].map((epoch) => weightIn(linearWarmUp(4, 20), epoch, {}));
  assertEquals(weights, [0.2, 1, 4, 4]);
});

Deno.test("initialValues() fills a constant, and uniformly by the slope of the activation", () => {
  const entry = { name: "a/w", kind: "parameter", shape: [3, 4], fanIn: 4 } as const;
  assertEquals(
    [...initialValues({ ...entry, init: { rule: "constant", value: 2 } }, 1)],
    new Array<number>(12).fill(2),
  );
  const drawn = initialValues({ ...entry, shape: [1000, 4], init: { rule: "heUniform", slope: 1 } }, 1);
  const most = Math.max(...drawn.map(Math.abs));
  assertEquals([most <= Math.sqrt(3 / 4), most > 0.85], [true, true]);
});
