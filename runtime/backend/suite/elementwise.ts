/** Conformance of scalar functions and broadcasting. @module */

import type { ScalarFunction } from "../../../dsl/value.ts";
import { arity, call, type Expr, input, value } from "../../ir/expr.ts";
import type { Shape } from "../../ir/node.ts";
import { between, type Case, type Fill, first, integers, makeCase, rounding, type Tolerance } from "./case.ts";
import { Sketch } from "./sketch.ts";

const chosen: Tolerance = { relative: 1e-7, of: "element", reason: "one float32 rounding of each element" };
const once: Tolerance = { relative: 4e-7, of: "element", reason: "division and roots within 2.5 ulp (WGSL)" };
const special = [0, 1, -1, 0.5, -0.5, 2, -2, 1e-3, -1e-3, 1e4, -1e4];
const wide: Fill = first(special, between(-100, 100));
const whole: Fill = integers(-3, 3);
const positive: Fill = first([1, 2, 1e-30, 1e-3, 1e4, 1e30], between(1e-6, 100));

/** Operands and tolerance of each function; ranges end where float32 does. */
const functions = {
  add: { fills: [wide, whole], tolerance: chosen },
  sub: { fills: [wide, whole], tolerance: chosen },
  mul: { fills: [wide, wide], tolerance: chosen },
  div: { fills: [wide, positive], tolerance: once },
  max: { fills: [whole, whole], tolerance: chosen },
  min: { fills: [whole, whole], tolerance: chosen },
  neg: { fills: [wide], tolerance: chosen },
  abs: { fills: [wide], tolerance: chosen },
  sign: { fills: [wide], tolerance: chosen },
  square: { fills: [wide], tolerance: chosen },
  sqrt: { fills: [first([0], positive)], tolerance: once },
  exp: {
    fills: [first([0, 80, -80, 1, -1], between(-80, 80))],
    tolerance: { relative: 3e-5, of: "element", reason: "exp within 3 + 2|x| ulp (WGSL), |x| ≤ 80" },
  },
  log: {
    fills: [positive],
    tolerance: { relative: 1e-6, absolute: 5e-7, of: "element", reason: "log within 2⁻²¹ near one, 3 ulp else (WGSL)" },
  },
  sigmoid: {
    fills: [first([0, 80, -80, 1, -1, 200], between(-80, 80))],
    tolerance: { relative: 3e-5, of: "element", reason: "exp within 3 + 2|x| ulp (WGSL), |x| ≤ 80" },
  },
  softplus: {
    fills: [first([0, 80, -80, 1, -1, 200, -200], between(-20, 20))],
    tolerance: { relative: 2e-6, absolute: 5e-7, of: "element", reason: "log of one plus a small number" },
  },
  gt: { fills: [whole, whole], tolerance: chosen },
  ge: { fills: [whole, whole], tolerance: chosen },
  eq: { fills: [whole, whole], tolerance: chosen },
  select: { fills: [whole, wide, wide], tolerance: chosen },
} satisfies Record<ScalarFunction, { readonly fills: readonly Fill[]; readonly tolerance: Tolerance }>;

/** Each scalar function, and expressions of several. */
export function scalarCases(): Case[] {
  const names = Object.keys(functions) as ScalarFunction[];
  const single = names.map((fn, i): Case => {
    const batch = [3, 8, 1, 9, 16][i % 5]!;
    const sketch = new Sketch(batch);
    const { fills, tolerance } = functions[fn];
    const inputs = fills.map((fill, k) => sketch.images(`x${k}`, [batch, 5, 3, 3], { fill }));
    const expr = call(fn, ...Array.from({ length: arity[fn] }, (_, k) => input(k)));
    sketch.output("y", sketch.elementwise(expr, inputs));
    return makeCase({ topic: "scalar functions", name: fn, sketches: [sketch], runs: [batch], tolerance });
  });
  const [a, b, c, d, e] = [0, 1, 2, 3, 4].map(input) as [Expr, Expr, Expr, Expr, Expr];
  const quadratic = call("mul", value(0.5), call("square", a));
  const expressions: Record<string, readonly [Expr, number]> = {
    "smooth absolute value": [
      call("select", call("gt", call("abs", a), value(1)), call("sub", call("abs", a), value(0.5)), quadratic),
      1,
    ],
    "five operands": [
      call("sub", call("div", call("add", call("mul", a, b), c), call("add", call("square", d), value(1))), e),
      5,
    ],
    "swish and its derivative": [
      call("add", call("mul", a, call("sigmoid", a)), call("mul", b, call("sub", value(1), call("sigmoid", a)))),
      2,
    ],
    "one operand in both places": [call("mul", a, call("max", a, value(0))), 1],
    "nested choices": [call("select", call("gt", a, b), call("select", call("ge", b, c), a, c), call("min", b, c)), 3],
  };
  return [
    ...single,
    ...Object.entries(expressions).map(([name, [expr, operands]], i) => {
      const batch = [9, 3, 16, 8, 1][i]!;
      const sketch = new Sketch(batch);
      const inputs = Array.from({ length: operands }, (_, k) => sketch.images(`x${k}`, [batch, 3, 5, 2]));
      sketch.output("y", sketch.elementwise(expr, inputs));
      return makeCase({ topic: "scalar functions", name, sketches: [sketch], runs: [batch], tolerance: rounding });
    }),
  ];
}

const sum3 = call("add", call("mul", input(0), input(1)), input(0));

/** Every broadcasting pattern; B is the batch. */
export function broadcastCases(): Case[] {
  const made = (name: string, batch: number, draw: (sketch: Sketch) => void): Case => {
    const sketch = new Sketch(batch);
    draw(sketch);
    const runs = batch > 2 ? [batch - 1, batch] : [batch];
    return makeCase({ topic: "broadcasting", name, sketches: [sketch], runs, tolerance: rounding });
  };
  const operand = (sketch: Sketch, name: string, shape: Shape): number =>
    shape[0] === 1 && sketch.batch !== 1 ? sketch.parameter(name, shape) : sketch.images(name, shape);
  const pairs: ((b: number) => readonly [Shape, Shape])[] = [
    (b) => [[b, 5, 3, 3], [1, 5, 1, 1]],
    (b) => [[b, 5, 3, 3], [b, 1, 3, 3]],
    (b) => [[b, 5, 3, 3], [b, 5, 1, 1]],
    (b) => [[b, 5, 3, 3], [b, 1, 1, 1]],
    (b) => [[b, 5, 3, 3], [1, 1, 1, 1]],
    (b) => [[b, 5, 3, 3], [1, 5, 3, 3]],
    (b) => [[b, 5, 3, 3], [1, 1, 3, 3]],
    (b) => [[b, 5, 1, 1], [1, 1, 3, 2]],
    (b) => [[b, 1, 1, 3], [b, 2, 3, 1]],
    (b) => [[b, 7], [b, 1]],
    (b) => [[b, 7], [1, 7]],
    (b) => [[b, 7], [1, 1]],
    (b) => [[b, 1], [1, 7]],
    (b) => [[b, 5, 1], [1, 5, 3]],
    (b) => [[b, 5, 3], [b, 1, 3]],
    (b) => [[b], [b]],
  ];
  const cases = pairs.flatMap((pair, i) => {
    const batches = i < 5 ? [8, 3] : [[9, 1, 16, 3, 8][i % 5]!];
    return batches.map((batch) => {
      const shapes = pair(batch);
      const text = pair(NaN).map((s) => `[${s.map((n) => Number.isNaN(n) ? "B" : n)}]`).join(" with ");
      return made(`${text}, B = ${batch}`, batch, (sketch) => {
        const [x, y] = [operand(sketch, "x", shapes[0]), operand(sketch, "y", shapes[1])];
        sketch.output("xy", sketch.elementwise(sum3, [x, y])).output("yx", sketch.elementwise(sum3, [y, x]));
      });
    });
  });
  return [
    ...cases,
    made("weights of a convolution, without a batch", 3, (sketch) => {
      const [w, v] = [sketch.parameter("w", [5, 3, 3, 3]), sketch.parameter("v", [5, 1, 1, 1])];
      sketch.output("wv", sketch.elementwise(sum3, [w, v]));
    }),
    made("scalars", 3, (sketch) => {
      const [p, q] = [sketch.parameter("p", []), sketch.constant(0.75, [])];
      sketch.output("pq", sketch.elementwise(sum3, [p, q]));
    }),
    ...[3, 8].map((batch) =>
      made(`a result larger than every operand, B = ${batch}`, batch, (sketch) => {
        const copy = input(0);
        const c = sketch.parameter("c", [1, 5, 1, 1]);
        const s = sketch.images("s", [batch, 1, 1, 1]);
        sketch.output("from channels", sketch.elementwise(copy, [c], [batch, 5, 3, 2], [0]));
        sketch.output("from samples", sketch.elementwise(copy, [s], [batch, 5, 3, 2]));
        const one = sketch.constant(2, [1, 1, 1, 1]);
        sketch.output("from one number", sketch.elementwise(call("exp", copy), [one], [batch, 2, 1, 3], [0]));
      })
    ),
    ...[3, 9].map((batch) =>
      made(`pairs of samples [B,1] with [1,B], B = ${batch}`, batch, (sketch) => {
        const x = sketch.images("x", [batch, 1]);
        const turned = sketch.permute(x, [1, 0]);
        sketch.output("difference", sketch.elementwise(call("sub", input(0), input(1)), [x, turned]));
      })
    ),
  ];
}
