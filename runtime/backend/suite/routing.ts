/** Conformance of sub-batches: samples drawn together, segments over their number, samples back in their places. @module */

import { call, type Expr, input, value } from "../../ir/expr.ts";
import { between, type Case, makeCase, type RecipeRun, sums } from "./case.ts";
import { Sketch } from "./sketch.ts";

const same = { stride: [1, 1], pad: [1, 1], groups: 1 } as const;
const product: Expr = call("mul", input(0), input(1));

/** Sub-batches of none, one, three and all of the images, also of a short batch. */
export function routingCases(): Case[] {
  return [3, 8, 9, 27, 80].flatMap((batch) => [moved(batch), normed(batch), related(batch)]);
}

/** A mask that chooses as many images as a uniform says, in an odd order; padding is chosen, too. */
function maskOf(sketch: Sketch): { readonly mask: number; readonly rows: number } {
  const order = sketch.images("order", [sketch.batch], {
    fill: (_, index) => 1 + ((index * 5 + 2) % 7) + index / 100,
    poisoned: true,
  });
  const most = sketch.reshape(sketch.uniform("most"), [1]);
  const mask = sketch.elementwise(call("sub", value(1), call("gt", input(0), input(1))), [order, most]);
  const chosen = sketch.reshape(sketch.sum(mask, [0]), []);
  return { mask, rows: sketch.elementwise(call("max", input(0), value(1)), [chosen]) };
}

/** Thresholds below, within and above the numbers of {@linkcode maskOf}. */
function runsOf(batch: number): RecipeRun[] {
  const counts = [batch, Math.max(1, batch - 2), batch, batch, Math.min(2, batch), batch];
  return counts.map((count, i) => ({ count, uniforms: { most: [4.5, 9, 0.5, 1.5, 0.5, 6.2][i]! } }));
}

function moved(batch: number): Case {
  const sketch = new Sketch(batch);
  const { mask, rows } = maskOf(sketch);
  const map = sketch.images("map", [batch, 5, 3, 2], { poisoned: true });
  const vector = sketch.images("vector", [batch, 7], { poisoned: true });
  const number = sketch.reshape(sketch.slice(vector, 1, 0, 1), [batch]);
  const routed = [map, vector, number].map((x) => sketch.compact(x, mask, rows));
  sketch.output("chosen", rows).segment("sub-batch", undefined, rows);
  const doubled = routed.map((x) => sketch.elementwise(call("mul", input(0), value(2)), [x]));
  const total = sketch.sum(doubled[1]!, [0, 1]);
  sketch.output("total", total).segment("back");
  sketch.output("map", sketch.expand(doubled[0]!, mask)).output("number", sketch.expand(doubled[2]!, mask));
  const back = sketch.expand(doubled[1]!, mask);
  sketch.output("vector", sketch.elementwise(call("add", input(0), input(1)), [back, total]));
  const name = `there and back, B = ${batch}`;
  return makeCase({ topic: "routing", name, sketches: [sketch], runs: runsOf(batch), tolerance: sums(7 * batch) });
}

/** Convolution, batch norm and ReLU over a sub-batch, with gradients. */
function normed(batch: number): Case {
  const sketch = new Sketch(batch);
  const { mask, rows } = maskOf(sketch);
  const x = sketch.images("x", [batch, 6, 8, 8], { poisoned: true });
  const near = sketch.compact(x, mask, rows);
  sketch.segment("sub-batch", undefined, rows);
  const w = sketch.parameter("w", [8, 6, 3, 3]);
  const y = sketch.conv2d(near, w, same);
  const stats = sketch.add("batchStats", [y], {}, [2, 8], []);
  const gamma = sketch.parameter("gamma", [8], between(0.5, 1.5));
  const epsilon = 1e-5;
  const z = sketch.add("batchNorm", [y, stats, gamma, sketch.parameter("beta", [8])], { epsilon }, [batch, 8, 8, 8]);
  const active = sketch.elementwise(call("max", value(0), input(0)), [z]);
  const slope = sketch.elementwise(product, [active, z]);
  const parts = sketch.add("batchNormSums", [slope, y, stats], { epsilon }, [2, 8], []);
  const back = sketch.add("batchNormInput", [slope, y, stats, gamma, parts], { epsilon }, [batch, 8, 8, 8]);
  const filter = sketch.conv2dFilter(near, back, same, [3, 3]);
  const gradient = sketch.conv2dInput(back, w, same, [8, 8]);
  sketch.output("statistics", stats).output("filter", filter).output("sums", parts);
  sketch.segment("back").output("active", sketch.expand(active, mask));
  sketch.output("gradient", sketch.expand(gradient, mask));
  const name = `convolution and batch norm, B = ${batch}`;
  return makeCase({ topic: "routing", name, sketches: [sketch], runs: runsOf(batch), tolerance: sums(64 * batch * 9) });
}

/** A matrix of all pairs of a sub-batch, with its gradient. */
function related(batch: number): Case {
  const sketch = new Sketch(batch);
  const { mask, rows } = maskOf(sketch);
  const x = sketch.images("x", [batch, 12], { poisoned: true });
  const near = sketch.compact(x, mask, rows);
  sketch.segment("sub-batch", undefined, rows);
  const gram = sketch.matmul(near, near, false, true);
  const norm = sketch.elementwise(call("sqrt", input(0)), [sketch.sum(sketch.elementwise(product, [gram, gram]), [1])]);
  const unit = sketch.elementwise(call("div", input(0), input(1)), [gram, norm]);
  sketch.output("total", sketch.sum(sketch.elementwise(product, [unit, unit]), [0, 1]));
  sketch.output("largest", sketch.reduceMax(gram, [0, 1]));
  // A matrix of all places that samples may have.
  const weights = sketch.parameter("weights", [batch, batch]);
  const weighted = sketch.elementwise(product, [unit, weights]);
  sketch.output("weighted", sketch.sum(weighted, [0, 1]));
  const gradient = sketch.matmul(unit, near);
  sketch.segment("back").output("gradient", sketch.expand(gradient, mask));
  const name = `relations of all pairs, B = ${batch}`;
  return makeCase({ topic: "routing", name, sketches: [sketch], runs: runsOf(batch), tolerance: sums(12 * batch) });
}
