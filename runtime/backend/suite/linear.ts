/** Conformance of reductions and matrix products. @module */

import { call, input, value } from "../../ir/expr.ts";
import type { Shape } from "../../ir/node.ts";
import { between, type Case, exact, makeCase, sums } from "./case.ts";
import { Sketch } from "./sketch.ts";

function subsets(rank: number): number[][] {
  return Array.from(
    { length: 2 ** rank - 1 },
    (_, i) => Array.from({ length: rank }, (_, axis) => axis).filter((axis) => ((i + 1) >> axis) & 1),
  );
}

/** Sums and maxima over every subset of axes. */
export function reductionCases(): Case[] {
  const shapes: ((b: number) => Shape)[] = [(b) => [b, 5, 3, 3], (b) => [b, 7], (b) => [b, 3, 5], (b) => [b]];
  const over = shapes.flatMap((shape, i) =>
    (i < 2 ? [1, 3, 8, 9, 16] : [3, 9]).map((batch) => {
      const runs = batch === 1 ? [1] : [batch - 2, batch, batch - 1];
      const text = `[${shape(NaN).map((n) => Number.isNaN(n) ? "B" : n)}], B = ${batch}`;
      return [batch, shape(batch), runs.filter((n) => n > 0), text] as const;
    })
  );
  const sumCases = over.map(([batch, shape, runs, text]) => {
    const sketch = new Sketch(batch);
    const x = sketch.images("x", shape, { poisoned: true, fill: between(0.25, 2) });
    for (const axes of subsets(shape.length)) sketch.output(`axes ${axes}`, sketch.sum(x, axes));
    return makeCase({
      topic: "sum",
      name: `every subset of axes of ${text}`,
      sketches: [sketch],
      runs,
      tolerance: sums(1),
    });
  });
  const maxima = over.map(([batch, shape, runs, text]) => {
    const sketch = new Sketch(batch);
    const x = sketch.images("x", shape, { poisoned: true, fill: between(-9, -1) });
    for (const axes of subsets(shape.length)) sketch.output(`axes ${axes}`, sketch.reduceMax(x, axes));
    return makeCase({
      topic: "reduceMax",
      name: `every subset of axes of negative ${text}`,
      sketches: [sketch],
      runs,
      tolerance: exact,
    });
  });
  return [...sumCases, ...maxima, ...unbatched(), meanLoss(), long()];
}

function unbatched(): Case[] {
  return (["sum", "reduceMax"] as const).map((op) => {
    const sketch = new Sketch(3);
    const w = sketch.parameter("w", [5, 3, 3, 2], between(-2, -0.25));
    for (const axes of subsets(4)) sketch.output(`axes ${axes}`, sketch[op](w, axes));
    const name = "weights, whose axes are no batch axes though one has the batch's size";
    return makeCase({ topic: op, name, sketches: [sketch], runs: [2], tolerance: sums(1) });
  });
}

function meanLoss(): Case {
  const sketch = new Sketch(9);
  const x = sketch.images("x", [9, 4], { poisoned: true });
  const total = sketch.sum(sketch.elementwise(call("square", input(0)), [x]), [0, 1]);
  const count = sketch.reshape(sketch.uniform("count"), [1, 1]);
  sketch.output("mean", sketch.elementwise(call("div", input(0), input(1)), [total, count]));
  return makeCase({
    topic: "sum",
    name: "a mean by the count",
    sketches: [sketch],
    runs: [9, 1, 4],
    tolerance: sums(1),
  });
}

function long(): Case {
  const sketch = new Sketch(16);
  const x = sketch.images("x", [16, 4, 16, 16], { fill: between(0, 1), poisoned: true });
  sketch.output("all", sketch.sum(x, [0, 1, 2, 3])).output("channels", sketch.sum(x, [0, 2, 3]));
  const name = "16384 numbers of one sign";
  return makeCase({ topic: "sum", name, sketches: [sketch], runs: [16, 13], tolerance: sums(16) });
}

const flags = [[false, false], [true, false], [false, true], [true, true]] as const;

/** Products of every transposition, with and without batch axes. */
export function matmulCases(): Case[] {
  const made = (name: string, batch: number, terms: number, draw: (sketch: Sketch) => void): Case => {
    const sketch = new Sketch(batch);
    draw(sketch);
    const runs = batch > 2 ? [batch - 2, batch, batch - 1] : [batch];
    return makeCase({ topic: "matmul", name, sketches: [sketch], runs, tolerance: sums(terms) });
  };
  const turned = (rows: number, columns: number, turn: boolean): [number, number] =>
    turn ? [columns, rows] : [rows, columns];
  return [
    made("every transposition of rank 2 without a batch", 4, 7, (sketch) => {
      for (const [ta, tb] of flags) {
        const a = sketch.parameter(`a${ta}${tb}`, turned(5, 7, ta));
        const b = sketch.parameter(`b${ta}${tb}`, turned(7, 3, tb));
        sketch.output(`transposed ${ta} ${tb}`, sketch.matmul(a, b, ta, tb));
      }
    }),
    made("every transposition of rank 3 without a batch", 4, 7, (sketch) => {
      for (const [ta, tb] of flags) {
        const a = sketch.parameter(`a${ta}${tb}`, [4, ...turned(5, 7, ta)]);
        const b = sketch.parameter(`b${ta}${tb}`, [4, ...turned(7, 3, tb)]);
        sketch.output(`transposed ${ta} ${tb}`, sketch.matmul(a, b, ta, tb));
      }
    }),
    ...[1, 3, 8, 9, 16].map((batch) =>
      made(`a linear layer and its gradients, B = ${batch}`, batch, 16, (sketch) => {
        const x = sketch.images("x", [batch, 13], { poisoned: true });
        const g = sketch.images("g", [batch, 5], { poisoned: true });
        const w = sketch.parameter("w", [5, 13]);
        sketch.output("x wᵀ", sketch.matmul(x, w, false, true));
        sketch.output("g w", sketch.matmul(g, w));
        sketch.output("gᵀ x", sketch.matmul(g, x, true, false));
        sketch.output("w xᵀ", sketch.matmul(w, x, false, true));
        sketch.output("xᵀ g", sketch.matmul(x, g, true, false));
      })
    ),
    ...[1, 3, 8, 9].map((batch) =>
      made(`matrices of pairs of samples, B = ${batch}`, batch, 16, (sketch) => {
        const x = sketch.images("x", [batch, 7], { poisoned: true });
        const g = sketch.images("g", [batch, 3], { poisoned: true });
        const gram = sketch.matmul(x, x, false, true);
        sketch.output("x xᵀ", gram);
        sketch.output("gram g", sketch.matmul(gram, g));
        sketch.output("gramᵀ g", sketch.matmul(gram, g, true));
        sketch.output("gᵀ gram", sketch.matmul(g, gram, true));
        sketch.output("gram gram", sketch.matmul(gram, gram));
        sketch.output("its sum", sketch.sum(gram, [0, 1])).output("its rows", sketch.sum(gram, [1]));
        sketch.output("its columns", sketch.reduceMax(gram, [0]));
        const squared = call("sub", call("square", input(0)), value(0.5));
        sketch.output("its squares", sketch.elementwise(squared, [gram]));
      })
    ),
    ...[1, 3, 9].map((batch) =>
      made(`one product a sample, every transposition, B = ${batch}`, batch, 7, (sketch) => {
        for (const [ta, tb] of flags) {
          const a = sketch.images(`a${ta}${tb}`, [batch, ...turned(5, 7, ta)], { poisoned: true });
          const b = sketch.images(`b${ta}${tb}`, [batch, ...turned(7, 3, tb)], { poisoned: true });
          sketch.output(`transposed ${ta} ${tb}`, sketch.matmul(a, b, ta, tb));
        }
      })
    ),
    made("a matrix of pairs for each channel [C,B,B]", 9, 16, (sketch) => {
      const x = sketch.permute(sketch.images("x", [9, 3, 5], { poisoned: true }), [1, 0, 2]);
      const gram = sketch.matmul(x, x, false, true);
      sketch.output("gram", gram).output("gram x", sketch.matmul(gram, x)).output("xᵀ x", sketch.matmul(x, x, true));
    }),
    made("a hundred classes from 64 features", 16, 100, (sketch) => {
      const [x, w] = [sketch.images("x", [16, 64]), sketch.parameter("w", [100, 64])];
      const logits = sketch.matmul(x, w, false, true);
      sketch.output("logits", logits).output("gradient", sketch.matmul(logits, x, true));
    }),
  ];
}
