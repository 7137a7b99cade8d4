/** Conformance of primitives that move or choose numbers, and of outputs. @module */

import { call, input } from "../../ir/expr.ts";
import { type Case, exact, integers, makeCase, sums } from "./case.ts";
import { Sketch } from "./sketch.ts";

function made(topic: string, name: string, batch: number, draw: (sketch: Sketch) => void, runs?: number[]): Case {
  const sketch = new Sketch(batch);
  draw(sketch);
  const few = batch > 2 ? [batch - 1, batch, batch - 2] : [batch];
  return makeCase({ topic, name, sketches: [sketch], runs: runs ?? few, tolerance: exact });
}

/** Joining, cutting, padding, reshaping, reordering. */
export function movingCases(): Case[] {
  return [
    ...[1, 3, 8, 9, 16].map((batch) =>
      made("concat", `maps along each axis, B = ${batch}`, batch, (sketch) => {
        const x = sketch.images("x", [batch, 3, 4, 5], { poisoned: true });
        const more = sketch.images("y", [batch, 5, 4, 5], { poisoned: true });
        sketch.output("channels", sketch.concat([x, more, x], 1));
        sketch.output("rows", sketch.concat([x, x], 2)).output("columns", sketch.concat([x, x], 3));
      })
    ),
    made("concat", "logits of five nets", 9, (sketch) => {
      const logits = [0, 1, 2, 3, 4].map((i) => sketch.images(`x${i}`, [9, 7], { poisoned: true }));
      sketch.output("flat", sketch.concat(logits, 1));
      const apart = logits.map((x) => sketch.reshape(x, [9, 1, 7]));
      const stacked = sketch.concat(apart, 1);
      sketch.output("stacked", stacked).output("largest", sketch.reduceMax(stacked, [1]));
    }),
    made("concat", "weights along every axis", 3, (sketch) => {
      const [v, w] = [sketch.parameter("v", [3, 5]), sketch.parameter("w", [3, 5])];
      sketch.output("rows", sketch.concat([v, w], 0)).output("columns", sketch.concat([w, v], 1));
    }),
    ...[1, 3, 9].map((batch) =>
      made("slice", `parts of maps and features, B = ${batch}`, batch, (sketch) => {
        const x = sketch.images("x", [batch, 5, 4, 6], { poisoned: true });
        sketch.output("one channel", sketch.slice(x, 1, 4, 1)).output("channels", sketch.slice(x, 1, 1, 3));
        sketch.output("rows", sketch.slice(x, 2, 2, 2)).output("columns", sketch.slice(x, 3, 0, 5));
        const flat = sketch.reshape(x, [batch, 120]);
        sketch.output("features", sketch.slice(flat, 1, 7, 11));
      })
    ),
    made("slice", "rows of a matrix without a batch", 3, (sketch) => {
      const w = sketch.parameter("w", [5, 4]);
      sketch.output("rows", sketch.slice(w, 0, 2, 3)).output("column", sketch.slice(w, 1, 3, 1));
    }),
    ...[1, 3, 9].map((batch) =>
      made("padAxis", `before, after and both, B = ${batch}`, batch, (sketch) => {
        const x = sketch.images("x", [batch, 3, 4, 2], { poisoned: true });
        sketch.output("channels", sketch.padAxis(x, 1, 2, 1)).output("rows", sketch.padAxis(x, 2, 0, 3));
        sketch.output("columns", sketch.padAxis(x, 3, 1, 0));
        sketch.output("features", sketch.padAxis(sketch.reshape(x, [batch, 24]), 1, 3, 2));
      })
    ),
    made("padAxis", "weights", 3, (sketch) => {
      sketch.output("rows", sketch.padAxis(sketch.parameter("w", [3, 2]), 0, 1, 2));
    }),
    ...[1, 3, 8, 9].map((batch) =>
      made("reshape", `maps to features and back, B = ${batch}`, batch, (sketch) => {
        const x = sketch.images("x", [batch, 6, 4, 5], { poisoned: true });
        const flat = sketch.reshape(x, [batch, 120]);
        sketch.output("flat", flat).output("positions", sketch.reshape(x, [batch, 6, 20]));
        sketch.output("blocks", sketch.reshape(flat, [batch, 5, 8, 3])).output("five axes", five(sketch, x, batch));
        const one = sketch.reshape(sketch.slice(flat, 1, 0, 1), [batch]);
        sketch.output("a number a sample", one).output("column", sketch.reshape(one, [batch, 1]));
      })
    ),
    made("reshape", "tensors without a batch", 3, (sketch) => {
      const w = sketch.parameter("w", [4, 3, 2, 1]);
      sketch.output("matrix", sketch.reshape(w, [4, 6])).output("vector", sketch.reshape(w, [24]));
      sketch.output("number", sketch.reshape(sketch.parameter("s", [1, 1]), []));
    }),
    ...[1, 3, 8, 9].map((batch) => permutations(batch)),
  ];
}

/** Channel shuffle: [B, C, …] → [B, g, C/g, …] → axes swapped → [B, C, …]. */
function five(sketch: Sketch, x: number, batch: number): number {
  const apart = sketch.reshape(x, [batch, 2, 3, 4, 5]);
  return sketch.reshape(sketch.permute(apart, [0, 2, 1, 3, 4]), [batch, 6, 4, 5]);
}

function permutations(batch: number): Case {
  return made("permute", `axes of every rank, B = ${batch}`, batch, (sketch) => {
    const x = sketch.images("x", [batch, 3, 4, 2], { poisoned: true });
    for (const axes of [[0, 2, 3, 1], [0, 3, 2, 1], [0, 1, 3, 2], [1, 0, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]]) {
      const turned = sketch.permute(x, axes);
      sketch.output(`${axes}`, turned).output(`largest of ${axes}`, sketch.reduceMax(turned, [0, 1]));
    }
    const matrix = sketch.permute(sketch.reshape(x, [batch, 24]), [1, 0]);
    sketch.output("matrix", matrix).output("largest sample", sketch.reduceMax(matrix, [1]));
    sketch.output("rank 3", sketch.permute(sketch.reshape(x, [batch, 3, 8]), [2, 0, 1]));
    sketch.output("weights", sketch.permute(sketch.parameter("w", [2, 3, 4, 5]), [3, 1, 0, 2]));
  });
}

/** One-hot labels and k-th smallest. */
export function choosingCases(): Case[] {
  const kth = (name: string, batch: number, width: number, ks: readonly number[], ties: boolean): Case =>
    made("kthSmallest", name, batch, (sketch) => {
      const x = sketch.images("x", [batch, width], ties ? { fill: integers(-2, 2) } : { poisoned: true });
      for (const k of ks) sketch.output(`k = ${k}`, sketch.add("kthSmallest", [x], { k }, [batch, 1]));
    });
  return [
    ...[[1, 2], [3, 10], [8, 100], [9, 3], [16, 10]].map(([batch, classes]) =>
      made("oneHot", `${classes} classes, B = ${batch}`, batch!, (sketch) => {
        const hot = sketch.add("oneHot", [sketch.labels(classes!, batch !== 3)], { classes: classes! }, [
          batch!,
          classes!,
        ]);
        sketch.output("hot", hot).output("classes present", sketch.sum(hot, [0, 1]));
      })
    ),
    kth("every k of seven", 9, 7, [1, 2, 3, 4, 5, 6, 7], false),
    kth("ties", 8, 9, [1, 3, 5, 9], true),
    kth("a single column", 3, 1, [1], false),
    kth("the middle of a hundred", 3, 100, [1, 50, 51, 100], false),
    made("kthSmallest", "rows without a batch", 3, (sketch) => {
      const w = sketch.parameter("w", [3, 5], integers(-9, 9));
      sketch.output("second", sketch.add("kthSmallest", [w], { k: 2 }, [3, 1], []));
    }),
  ];
}

/** Outputs of leaves, numbers, pairs, and of nodes that other nodes read. */
export function outputCases(): Case[] {
  const leaves = new Sketch(9);
  leaves.output("image", leaves.images("x", [9, 2, 3, 3])).output("labels", leaves.labels(10));
  leaves.output("parameter", leaves.parameter("w", [3, 2])).output("buffer", leaves.buffer("b", [5]));
  leaves.output("uniform", leaves.uniform("weight/ce")).output("count", leaves.uniform("count"));
  leaves.output("constant", leaves.constant(-1.5, [2, 2]));
  leaves.output("number", leaves.elementwise(call("neg", input(0)), [leaves.uniform("weight/ce")]));
  const uniforms = { "weight/ce": 0.3 };

  const inner = new Sketch(8);
  const x = inner.images("x", [8, 4], { poisoned: true });
  const y = inner.elementwise(call("exp", input(0)), [x]);
  const z = inner.sum(y, [1]);
  inner.output("x", x).output("y", y).output("z", z).output("y again", y).output("total", inner.sum(z, [0]));
  return [
    makeCase({
      topic: "outputs",
      name: "leaves of every kind",
      sketches: [leaves],
      runs: [{ count: 9, uniforms }, { count: 4, uniforms }],
      tolerance: { ...exact, relative: 1e-7, reason: "uniforms are rounded to float32" },
    }),
    makeCase({
      topic: "outputs",
      name: "nodes in the middle keep their numbers to the end",
      sketches: [inner],
      runs: [8, 3, 8],
      tolerance: sums(8),
    }),
  ];
}
