import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { VerificationError } from "../../../dsl/errors.ts";
import { stream } from "../../../dsl/random.ts";
import type { ScalarFunction } from "../../../dsl/value.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { differentiate } from "../../../runtime/compile/differentiate.ts";
import { segment } from "../../../runtime/compile/segments.ts";
import { GraphBuilder } from "../../../runtime/ir/builder.ts";
import { arity, call, derivative, evaluate, input, value } from "../../../runtime/ir/expr.ts";
import { type Primitive, type Shape, sizeOf } from "../../../runtime/ir/node.ts";
import type { StateEntry } from "../../../runtime/ir/program.ts";
import { vjp } from "../../../runtime/ir/vjp.ts";

/** One differentiable function of named parameters. */
interface Check {
  readonly name: string;
  readonly parameters: Readonly<Record<string, Shape>>;
  /** Samples; the rows of the first parameter unless said. */
  readonly batch?: number;
  readonly result: (b: GraphBuilder, ...of: number[]) => number;
  /** Value of element `index`; standard normal unless said. */
  readonly fill?: (normal: number, index: number) => number;
}

// Central differences in float64 with h = 1e-5: truncation h² and rounding 1e-16 / h both stay below 1e-9.
const STEP = 1e-5;
const TOLERANCE = 1e-8;

/** A loss Σ c · result with fixed random c, its gradient by the rules, and the primitives it contains. */
async function gradients(check: Check): Promise<{
  readonly loss: (values: Readonly<Record<string, Float64Array>>) => Promise<number>;
  readonly rules: Readonly<Record<string, Float64Array>>;
  readonly values: Readonly<Record<string, Float64Array>>;
  readonly ops: ReadonlySet<Primitive>;
}> {
  const b = new GraphBuilder();
  const names = Object.keys(check.parameters);
  const leaves = names.map((name) => b.parameter(name, check.parameters[name]!));
  const result = check.result(b, ...leaves);
  const shape = b.shape(result);
  const product = b.map("mul", result, b.buffer("weights", shape));
  const loss = b.reshape(b.sum(product, shape.map((_, axis) => axis)), []);
  const found = differentiate(b, loss, new Set(leaves));
  const outputs: Record<string, number> = { loss };
  names.forEach((name, i) => outputs[`gradient/${name}`] = found.get(leaves[i]!)!);
  const state: StateEntry[] = [
    ...names.map((name): StateEntry => ({ name, kind: "parameter", shape: check.parameters[name]! })),
    { name: "weights", kind: "buffer", shape },
  ];
  const rows = check.batch ?? check.parameters[names[0]!]![0] ?? 1;
  const work = { forward: Object.values(outputs), assigns: [], groups: [] };
  const program = segment(b, check.name, rows, [work], state, outputs);
  const engine = await reference().open(state);
  const runner = await engine.load(program);
  const draw = (name: string, size: Shape): Float64Array => {
    const random = stream(3, check.name, name);
    const fill = check.fill ?? ((normal: number) => normal);
    return Float64Array.from({ length: sizeOf(size) }, (_, i) => fill(random.normal(i), i));
  };
  const values = Object.fromEntries(names.map((name) => [name, draw(name, check.parameters[name]!)]));
  const random = stream(4, check.name);
  await engine.write("weights", Float64Array.from({ length: sizeOf(shape) }, (_, i) => random.normal(i)));
  const run = async (at: Readonly<Record<string, Float64Array>>): Promise<number> => {
    for (const name of names) await engine.write(name, at[name]!);
    await runner.run({ count: rows, inputs: { rank: Float32Array.from({ length: rows }, (_, i) => i) }, uniforms: {} });
    return (await runner.read("loss"))[0]!;
  };
  await run(values);
  const rules: Record<string, Float64Array> = {};
  for (const name of names) rules[name] = Float64Array.from(await runner.read(`gradient/${name}`));
  const ops = new Set(program.nodes.map((node) => node.op));
  return { loss: run, rules, values, ops };
}

async function assertGradient(check: Check): Promise<ReadonlySet<Primitive>> {
  const { loss, rules, values, ops } = await gradients(check);
  for (const [name, at] of Object.entries(values)) {
    for (let i = 0; i < at.length; i++) {
      const moved = (by: number): Readonly<Record<string, Float64Array>> => ({
        ...values,
        [name]: at.with(i, at[i]! + by),
      });
      const slope = (await loss(moved(STEP)) - await loss(moved(-STEP))) / (2 * STEP);
      const size = Math.max(1, Math.abs(slope));
      assertAlmostEquals(rules[name]![i]!, slope, TOLERANCE * size, `${check.name}: ∂/∂${name}[${i}]`);
    }
  }
  return ops;
}

const apart = (normal: number, index: number): number => index * 0.37 % 5 + 0.01 * normal;
const square = (size: number): readonly [number, number] => [size, size];
const conv = (stride: number, pad: number, groups: number) => ({ stride: square(stride), pad: square(pad), groups });

function convolutions(): { name: string; x: Shape; w: Shape; attrs: ReturnType<typeof conv> }[] {
  return [
    { name: "3×3, padded", x: [2, 3, 5, 4], w: [4, 3, 3, 3], attrs: conv(1, 1, 1) },
    { name: "3×3, stride 2, odd map", x: [2, 2, 7, 5], w: [3, 2, 3, 3], attrs: conv(2, 1, 1) },
    { name: "stride 2, even map with a row left over", x: [1, 2, 6, 6], w: [2, 2, 3, 3], attrs: conv(2, 0, 1) },
    { name: "1×1, stride 2", x: [2, 3, 5, 5], w: [2, 3, 1, 1], attrs: conv(2, 0, 1) },
    { name: "groups", x: [2, 4, 4, 4], w: [6, 2, 3, 3], attrs: conv(1, 1, 2) },
    { name: "depthwise", x: [2, 3, 4, 5], w: [3, 1, 3, 3], attrs: conv(1, 1, 3) },
    { name: "depthwise, stride 2", x: [1, 3, 5, 5], w: [3, 1, 3, 3], attrs: conv(2, 1, 3) },
    {
      name: "unequal strides and pads",
      x: [1, 2, 5, 6],
      w: [2, 2, 2, 3],
      attrs: { stride: [1, 2], pad: [0, 2], groups: 1 },
    },
  ];
}

/** Shape of a convolution's result. */
function convolved(x: Shape, w: Shape, attrs: ReturnType<typeof conv>): Shape {
  const b = new GraphBuilder();
  return b.shape(b.conv2d(b.parameter("x", x), b.parameter("w", w), attrs));
}

const plane = (shape: Shape): readonly [number, number] => [shape[2]!, shape[3]!];
const windows = { kernel: square(2), stride: square(2), pad: square(0) };
const overlapping = { kernel: square(3), stride: square(2), pad: square(1) };

/** Samples times the mean of their squares, within the sub-batch that a mask chooses, and back in their places. */
const routed: readonly Check[] = [[], [3], [1, 2, 4], [0, 1, 2, 3, 4]].map((chosen) => ({
  name: `samples ${chosen.length === 0 ? "none" : chosen} of five as a sub-batch`,
  parameters: { x: [1, 2, 3] },
  batch: 5,
  result: (b, x) => {
    const rank = b.input("rank", [5]);
    const mixed = call("mul", call("add", input(0), input(1)), call("add", input(0), value(0.5)));
    const samples = b.elementwise(mixed, [x!, b.reshape(rank, [5, 1, 1])]);
    const isChosen = chosen.map((i) => call("eq", input(0), value(i)));
    const mask = b.elementwise(isChosen.reduce((a, c) => call("add", a, c), call("gt", value(0), input(0))), [rank]);
    const near = b.compact(samples, mask);
    const mean = b.map("div", b.reshape(b.sum(b.map("square", near), [0, 1, 2]), []), b.countOf(near));
    return b.expand(b.map("mul", near, mean), mask);
  },
}));

/** A memory of five rows of two kinds. */
function memory(b: GraphBuilder): number {
  return b.concat([b.constant(0.3, [2, 4]), b.constant(-1.2, [3, 4])], 0);
}

/** Two of its rows for each of three samples. */
function index(b: GraphBuilder): number {
  return b.concat([b.constant(1, [3, 1]), b.constant(4, [3, 1])], 1);
}

/** What is known of each primitive's rule: checks, or why there is none. */
const checks = {
  parameter: "leaf",
  buffer: "leaf",
  input: "leaf",
  uniform: "leaf",
  constant: "leaf",
  oneHot: "reads class indices: nothing flows",
  weigh: "weights a target, which is cut: nothing flows",
  maxPoolInput: "refused",
  batchNormSums: "refused",
  batchNormInput: "refused",
  elementwise: [
    {
      name: "elementwise, three operands broadcast over different axes",
      parameters: { x: [3, 2, 4], y: [1, 2, 1], z: [3, 1, 4] },
      result: (b, x, y, z) =>
        b.elementwise(call("mul", call("add", input(0), input(1)), call("exp", input(2))), [x!, y!, z!]),
    },
    {
      name: "elementwise, one operand twice",
      parameters: { x: [2, 3] },
      result: (b, x) => b.map("mul", x!, b.map("exp", x!)),
    },
    {
      name: "elementwise, one number beside a tensor",
      parameters: { x: [2, 3], scale: [] },
      result: (b, x, scale) => b.map("mul", x!, scale!),
    },
  ],
  sum: [
    { name: "sum of inner axes", parameters: { x: [2, 3, 4] }, result: (b, x) => b.sum(x!, [1, 2]) },
    { name: "sum of an outer axis", parameters: { x: [3, 2] }, result: (b, x) => b.sum(x!, [0]) },
  ],
  reduceMax: [
    { name: "reduceMax", parameters: { x: [3, 4, 2] }, result: (b, x) => b.reduceMax(x!, [1, 2]) },
  ],
  matmul: [false, true].flatMap((ta) =>
    [false, true].flatMap((tb): Check[] => [
      {
        name: `matmul${ta ? " ᵀ" : ""}${tb ? " by ᵀ" : ""}`,
        parameters: { x: ta ? [3, 2] : [2, 3], y: tb ? [4, 3] : [3, 4] },
        result: (b, x, y) => b.matmul(x!, y!, ta, tb),
      },
      {
        name: `stacked matmul${ta ? " ᵀ" : ""}${tb ? " by ᵀ" : ""}`,
        parameters: { x: ta ? [2, 3, 2] : [2, 2, 3], y: tb ? [2, 4, 3] : [2, 3, 4] },
        result: (b, x, y) => b.matmul(x!, y!, ta, tb),
      },
    ])
  ),
  conv2d: convolutions().map(({ name, x, w, attrs }): Check => ({
    name: `conv2d ${name}`,
    parameters: { x, w },
    result: (b, x, w) => b.conv2d(x!, w!, attrs),
  })),
  conv2dInput: convolutions().map(({ name, x, w, attrs }): Check => ({
    name: `conv2dInput ${name}`,
    parameters: { g: convolved(x, w, attrs), w },
    result: (b, g, w) => b.conv2dInput(g!, w!, attrs, plane(x)),
  })),
  conv2dFilter: convolutions().map(({ name, x, w, attrs }): Check => ({
    name: `conv2dFilter ${name}`,
    parameters: { x, g: convolved(x, w, attrs) },
    result: (b, x, g) => b.conv2dFilter(x!, g!, attrs, plane(w)),
  })),
  averagePool: [
    {
      name: "averagePool, odd map",
      parameters: { x: [2, 2, 5, 4] },
      result: (b, x) => b.pool("averagePool", x!, windows),
    },
    {
      name: "averagePool, overlapping and padded",
      parameters: { x: [1, 2, 5, 6] },
      result: (b, x) => b.pool("averagePool", x!, overlapping),
    },
  ],
  averagePoolInput: [
    {
      name: "averagePoolInput, overlapping and padded",
      parameters: { g: [2, 2, 3, 3] },
      result: (b, g) => b.averagePoolInput(g!, overlapping, [5, 6]),
    },
  ],
  maxPool: [
    {
      name: "maxPool",
      parameters: { x: [1, 2, 5, 4] },
      fill: apart,
      result: (b, x) => b.pool("maxPool", x!, windows),
    },
    {
      name: "maxPool, overlapping, padding as −∞",
      parameters: { x: [1, 2, 5, 6] },
      fill: (normal, index) => -6 + apart(normal, index),
      result: (b, x) => b.pool("maxPool", x!, overlapping),
    },
  ],
  batchStats: [
    { name: "batchStats of maps", parameters: { x: [3, 2, 2, 3] }, result: (b, x) => b.batchStats(x!) },
    { name: "batchStats of vectors", parameters: { x: [4, 3] }, result: (b, x) => b.batchStats(x!) },
  ],
  batchNorm: [[3, 2, 3, 2], [4, 3]].map((shape): Check => ({
    name: `batchNorm of [${shape}], through its statistics too`,
    parameters: { x: shape, gamma: [shape[1]!], beta: [shape[1]!] },
    result: (b, x, gamma, beta) => b.batchNorm(x!, b.batchStats(x!), gamma!, beta!, 1e-5),
  })),
  kthSmallest: [
    { name: "kthSmallest", parameters: { x: [3, 7] }, result: (b, x) => b.kthSmallest(x!, 3) },
  ],
  gatherDot: [
    {
      name: "gatherDot, rows chosen twice",
      parameters: { v: [3, 4] },
      result: (b, v) => b.gather("gatherDot", memory(b), index(b), v!),
    },
  ],
  gatherSum: [
    {
      name: "gatherSum, rows chosen twice",
      parameters: { g: [3, 2] },
      result: (b, g) => b.gather("gatherSum", memory(b), index(b), g!),
    },
  ],
  concat: [
    {
      name: "concat of three",
      parameters: { x: [2, 1, 3], y: [2, 4, 3], z: [2, 2, 3] },
      result: (b, ...of) => b.concat(of, 1),
    },
    { name: "concat of one with itself", parameters: { x: [2, 2] }, result: (b, x) => b.concat([x!, x!], 1) },
  ],
  slice: [
    { name: "slice", parameters: { x: [2, 5, 2] }, result: (b, x) => b.slice(x!, 1, 1, 3) },
    {
      name: "slice of the same tensor twice",
      parameters: { x: [2, 5] },
      result: (b, x) => b.map("mul", b.slice(x!, 1, 0, 3), b.slice(x!, 1, 2, 3)),
    },
  ],
  padAxis: [{ name: "padAxis", parameters: { x: [2, 3, 2] }, result: (b, x) => b.padAxis(x!, 1, 2, 1) }],
  reshape: [{ name: "reshape", parameters: { x: [2, 3, 4] }, result: (b, x) => b.reshape(x!, [4, 6]) }],
  permute: [{ name: "permute", parameters: { x: [2, 3, 4] }, result: (b, x) => b.permute(x!, [2, 0, 1]) }],
  compact: routed,
  expand: routed,
} satisfies Record<Primitive, readonly Check[] | string>;

for (const [primitive, of] of Object.entries(checks) as [Primitive, readonly Check[] | string][]) {
  if (typeof of === "string") continue;
  Deno.test(`vjp.${primitive} agrees with finite differences in ${of.length} cases`, async () => {
    for (const check of of) {
      const ops = await assertGradient(check);
      assert(ops.has(primitive), `${check.name} contains no ${primitive}`);
    }
  });
}

Deno.test("vjp has a rule, a leaf or a refusal for every primitive, and all of them are checked here", () => {
  assertEquals(Object.keys(checks).sort(), Object.keys(vjp).sort());
});

Deno.test("vjp gives leaves, oneHot and weigh no gradient", () => {
  const b = new GraphBuilder();
  const ids = [b.parameter("w", [2]), b.buffer("r", [2]), b.input("labels", [2]), b.uniform("count"), b.constant(1)];
  const hot = b.oneHot(ids[2]!, 3);
  const weighed = b.weigh(b.concat([hot, hot], 1), hot, { members: 2, rule: "simplex", per: "batch" });
  for (const id of [...ids, hot, weighed]) {
    const node = b.node(id);
    assertEquals(vjp[node.op](b, node as never, id, () => true), []);
  }
});

Deno.test("vjp refuses second derivatives with one sentence", () => {
  const b = new GraphBuilder();
  const x = b.parameter("x", [2, 3, 4, 4]);
  const stats = b.batchStats(x);
  const row = b.parameter("row", [3]);
  const sums = b.batchNormSums(x, x, stats, 1e-5);
  const refused = {
    maxPoolInput: b.maxPoolInput(x, b.pool("maxPool", x, windows), windows),
    batchNormSums: sums,
    batchNormInput: b.batchNormInput(x, x, stats, row, b.buffer("sums", [2, 3]), 1e-5),
  };
  const named = Object.entries(checks).filter(([, of]) => of === "refused").map(([primitive]) => primitive);
  assertEquals(Object.keys(refused).sort(), named.sort());
  for (const [primitive, node] of Object.entries(refused)) {
    const loss = b.reshape(b.sum(node, b.shape(node).map((_, axis) => axis)), []);
    assertThrows(
      () => differentiate(b, loss, new Set([x])),
      VerificationError,
      `Cannot differentiate ${primitive}: it is a gradient already, and second derivatives through it are not offered.`,
    );
  }
});

/** Points at which each scalar function is smooth. */
const points: Readonly<Record<ScalarFunction, readonly (readonly number[])[]>> = {
  add: [[0.3, -2]],
  sub: [[0.3, -2]],
  mul: [[0.3, -2], [0, 0]],
  div: [[0.3, -2], [0, 3]],
  max: [[1, 2], [2, 1], [-3, -4]],
  min: [[1, 2], [2, 1], [-3, -4]],
  neg: [[0.7]],
  abs: [[0.7], [-0.7]],
  sign: [[0.7], [-0.7]],
  square: [[0.7], [-3], [0]],
  sqrt: [[0.7], [9]],
  exp: [[0.7], [-3]],
  log: [[0.7], [9]],
  sigmoid: [[0.7], [-9], [0]],
  softplus: [[0.7], [-9], [0], [9]],
  gt: [[1, 2], [2, 1]],
  ge: [[1, 2], [2, 1]],
  eq: [[1, 2], [2, 1]],
  select: [[1, 2, 3], [-1, 2, 3]],
};

Deno.test("derivative() of every scalar function agrees with finite differences where it is smooth", () => {
  assertEquals(Object.keys(points).sort(), Object.keys(arity).sort());
  for (const [fn, at] of Object.entries(points) as [ScalarFunction, number[][]][]) {
    const expr = { fn, of: Array.from({ length: arity[fn] }, (_, i) => input(i)) } as const;
    for (const point of at) {
      assertEquals(point.length, arity[fn], fn);
      for (let i = 0; i < point.length; i++) {
        const to = (by: number): number => evaluate(expr, point.with(i, point[i]! + by));
        const slope = (to(STEP) - to(-STEP)) / (2 * STEP);
        const size = Math.max(1, Math.abs(slope));
        assertAlmostEquals(evaluate(derivative(expr, i), point), slope, TOLERANCE * size, `${fn}(${point}) by ${i}`);
      }
    }
  }
});

Deno.test("derivative() follows chains, and functions of one input used twice", () => {
  const x = input(0);
  const chain = call(
    "log",
    call("add", call("sigmoid", call("square", x)), call("mul", x, call("exp", call("neg", x)))),
  );
  for (const at of [0.4, 1.7]) {
    const slope = (evaluate(chain, [at + STEP]) - evaluate(chain, [at - STEP])) / (2 * STEP);
    assertAlmostEquals(evaluate(derivative(chain, 0), [at]), slope, TOLERANCE * 10);
  }
});

Deno.test("derivative() at kinks is the one-sided slope that the definition names", () => {
  const slope = (fn: ScalarFunction, point: readonly number[], index: number): number =>
    evaluate(derivative({ fn, of: point.map((_, i) => input(i)) }, index), point);
  assertEquals([slope("max", [2, 2], 0), slope("max", [2, 2], 1)], [1, 0]);
  assertEquals([slope("min", [2, 2], 0), slope("min", [2, 2], 1)], [1, 0]);
  assertEquals(slope("abs", [0], 0), 0);
  assertEquals(slope("sqrt", [0], 0), 0);
  assertEquals([slope("select", [0, 5, 7], 1), slope("select", [0, 5, 7], 2)], [0, 1]);
  const relu = call("max", value(0), input(0));
  const relu6 = call("min", value(6), relu);
  assertEquals([-1, 0, 1].map((x) => evaluate(derivative(relu, 0), [x])), [0, 0, 1]);
  assertEquals([0, 3, 6, 7].map((x) => evaluate(derivative(relu6, 0), [x])), [0, 1, 0, 0]);
});

/** Gradient of Σ result with respect to x at given numbers, for results that have one number a row. */
async function gradientAt(shape: Shape, numbers: readonly number[], result: Check["result"]): Promise<number[]> {
  const check: Check = { name: "ties", parameters: { x: shape }, fill: (_, i) => numbers[i]!, result };
  const { rules, loss, values } = await gradients(check);
  await loss(values);
  return [...rules.x!];
}

Deno.test("vjp shares the gradient of reduceMax and kthSmallest equally among equal elements", async () => {
  const scale = (row: readonly number[]): number[] => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.map((share) => share / total);
  };
  // Each row's shares are compared apart from the random factor of its result.
  const highest = await gradientAt([1, 4], [3, 1, 3, 3], (b, x) => b.reduceMax(x!, [1]));
  assertEquals(scale(highest).map((share) => share.toFixed(12)), [
    "0.333333333333",
    "0.000000000000",
    "0.333333333333",
    "0.333333333333",
  ]);
  const third = await gradientAt([1, 5], [1, 2, 2, 0, 9], (b, x) => b.kthSmallest(x!, 3));
  assertEquals(scale(third), [0, 0.5, 0.5, 0, 0]);
  const alone = await gradientAt([1, 4], [1, 2, 2, 3], (b, x) => b.kthSmallest(x!, 1));
  assertEquals(scale(alone), [1, 0, 0, 0]);
});

Deno.test("vjp gives the gradient of maxPool to the first maximum of a window in row order", async () => {
  const gradient = await gradientAt([1, 1, 2, 4], [1, 5, 7, 7, 5, 5, 7, 0], (b, x) => b.pool("maxPool", x!, windows));
  assertEquals(gradient.map((g) => g !== 0), [false, true, true, false, false, false, false, false]);
});
