import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../dsl/errors.ts";
import { GraphBuilder } from "../../../runtime/ir/builder.ts";
import { call, input, value } from "../../../runtime/ir/expr.ts";

Deno.test("GraphBuilder gives equal nodes one id and different ones different ids", () => {
  const b = new GraphBuilder();
  const x = b.input("images/0", [4, 2, 3, 3]);
  assertEquals(b.sum(x, [2, 3]), b.sum(x, [3, 2]));
  assertEquals(b.map("add", x, x), b.map("add", x, x));
  assertNotEquals(b.parameter("w", [2]), b.parameter("w", [2], 1));
  assertNotEquals(b.constant(1), b.constant(1, [2]));
  assertNotEquals(b.scaleGradient(x, 0), b.scaleGradient(x, 0.5));
});

Deno.test("GraphBuilder keeps constants apart that JSON cannot say", () => {
  const b = new GraphBuilder();
  const x = b.input("images/0", [4, 2, 3, 3]);
  const constants = [Infinity, -Infinity, NaN].map((number) => b.constant(number));
  assertEquals(new Set(constants).size, 3);
  const bodies = [Infinity, -Infinity].map((number) => b.elementwise(call("min", input(0), value(number)), [x]));
  assertNotEquals(bodies[0], bodies[1]);
});

Deno.test("GraphBuilder follows the batch axis through products, reshapes and permutations", () => {
  const b = new GraphBuilder();
  const x = b.reshape(b.input("images/0", [4, 2, 3, 3]), [4, 18]);
  const axes = (id: number): readonly number[] => b.node(id).batch;
  assertEquals(axes(x), [0]);
  assertEquals(axes(b.matmul(x, x, false, true)), [0, 1]);
  assertEquals(axes(b.matmul(x, x, true)), []);
  assertEquals(axes(b.permute(x, [1, 0])), [1]);
  assertEquals(axes(b.sum(x, [0])), []);
  assertEquals(axes(b.sum(x, [1])), [0]);
  assertEquals(axes(b.oneHot(b.input("labels", [4]), 5)), [0]);
  assertEquals(axes(b.batchStats(x)), []);
});

Deno.test("GraphBuilder leaves out nodes that would change nothing", () => {
  const b = new GraphBuilder();
  const x = b.input("images/0", [4, 2, 3, 3]);
  assertEquals(b.reshape(x, [4, 2, 3, 3]), x);
  assertEquals(b.slice(x, 1, 0, 2), x);
  assertEquals(b.concat([x], 1), x);
  assertEquals(b.map("mul", x, b.constant(1)), x);
  assertEquals(b.map("add", x, b.constant(0)), x);
  assertEquals(b.reshape(b.reshape(x, [4, 18]), [4, 2, 3, 3]), x);
});

Deno.test("GraphBuilder refuses shapes that do not fit, one sentence each", () => {
  const b = new GraphBuilder();
  const x = b.parameter("x", [4, 2, 3, 3]);
  const row = b.parameter("row", [4, 5]);
  const geometry = { stride: [1, 1], pad: [0, 0], groups: 1 } as const;
  const cases: readonly (readonly [() => number, string])[] = [
    [
      () => b.map("add", row, b.parameter("other", [4, 6])),
      "Cannot combine element by element: sizes are equal or 1, got [4,5] and [4,6].",
    ],
    [
      () => b.map("add", x, row),
      "Cannot combine [4,5] with a tensor of rank 4: only numbers and samples [B] broadcast.",
    ],
    [() => b.matmul(row, row), "Cannot multiply matrices: inner sizes have to agree, got [4,5] and [4,5]."],
    [
      () => b.matmul(row, row, true, true),
      "Cannot multiply matrices: inner sizes have to agree, got [4,5]ᵀ and [4,5]ᵀ.",
    ],
    [
      () => b.conv2d(x, b.parameter("w", [3, 3, 1, 1]), geometry),
      "Cannot convolve: 1 groups of [3,3,1,1] filters read 3 channels, got 2.",
    ],
    [
      () => b.conv2dInput(x, b.parameter("v", [3, 3, 1, 1]), geometry, [3, 3]),
      "Cannot convolve back: [4,2,3,3] does not fit filters [3,3,1,1].",
    ],
    [
      () => b.pool("maxPool", x, { kernel: [4, 4], stride: [1, 1], pad: [0, 0] }),
      "Cannot pool: windows of 4,4 need a larger map, got 3×3.",
    ],
    [() => b.kthSmallest(row, 6), "Cannot take the 6-th smallest: rows of at least 6 are needed, got [4,5]."],
    [
      () => b.concat([row, b.parameter("tall", [3, 5])], 1),
      "Cannot join along axis 1: other sizes have to agree, got [4,5] and [3,5].",
    ],
    [() => b.slice(row, 1, 4, 2), "Cannot slice [4,5]: axis 1 has no elements 4 … 5."],
    [
      () => b.compact(row, b.input("mask", [4])),
      "Cannot route samples: a mask [B] chooses among samples [B, …] of its batch, got [4] for [4,5].",
    ],
    [
      () => b.map("add", b.compact(b.input("x", [4, 5]), b.input("mask", [4])), b.input("x", [4, 5])),
      "Cannot combine samples of several batches: all are routed by one mask, or none, got [4,5] and [4,5]. Route each " +
      "of them.",
    ],
    [() => b.reshape(row, [3, 7]), "Cannot reshape [4,5] to [3,7]: the number of elements differs."],
  ];
  for (const [build, message] of cases) assertThrows(build, ShapeError, message);
});
