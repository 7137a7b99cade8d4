/** Conformance of effects, gates and shared state. @module */

import { call, type Expr, input, value } from "../../ir/expr.ts";
import type { AdamEffect, SgdEffect } from "../../ir/program.ts";
import { type Case, makeCase, type RecipeRun, rounding, sums, type Tolerance } from "./case.ts";
import { Sketch } from "./sketch.ts";

const steps: Tolerance = {
  relative: 1e-5,
  of: "largest",
  reason: "several float32 updates; each rounds a few times and feeds the next",
};
const blend: Expr = call("add", call("mul", input(0), value(0.9)), call("mul", input(1), value(0.1)));
const product: Expr = call("mul", input(0), input(1));

/** Gradient of Σ ½ x² w over the batch: depends on the batch and on the parameter. */
function gradientOf(sketch: Sketch, parameter: number, x: number): number {
  const [row] = [sketch.shape(parameter).reduce((a, b) => a * b, 1)];
  const mean = sketch.reshape(sketch.sum(x, [0]), [row]);
  const flat = sketch.reshape(parameter, [row]);
  const gradient = sketch.elementwise(call("add", call("mul", input(0), value(0.25)), input(1)), [mean, flat]);
  return sketch.reshape(gradient, sketch.shape(parameter));
}

const rates: readonly RecipeRun[] = [0.1, 0.1, 0.05, 0.5].map((rate, i) => ({
  count: [9, 5, 9, 1][i]!,
  uniforms: { rate },
}));

/** Assignments and optimizers over several steps. */
export function effectCases(): Case[] {
  const optimized = (
    topic: "sgd" | "adam",
    name: string,
    add: (sketch: Sketch, gradient: number, of: string) => void,
  ) => {
    const sketch = new Sketch(9);
    for (const [of, shape] of [["net/conv.weight", [3, 2, 1, 2]], ["net/bias", [5]]] as const) {
      const x = sketch.images(of, [9, shape.reduce((a: number, b: number) => a * b, 1)], { poisoned: true });
      add(sketch, gradientOf(sketch, sketch.parameter(of, shape), x), of);
    }
    return makeCase({ topic, name, sketches: [sketch], runs: rates, tolerance: steps });
  };
  const sgd = (name: string, options: Pick<SgdEffect, "weightDecay" | "momentum" | "nesterov">): Case =>
    optimized("sgd", name, (sketch, gradient, parameter) => {
      const effect: SgdEffect = { kind: "sgd", parameter, gradient, rate: "rate", ...options };
      const shape = sketch.shape(gradient);
      sketch.effect(
        options.momentum === 0 ? effect : { ...effect, velocity: sketch.slot(`${parameter}#momentum`, shape) },
      );
    });
  const adam = (name: string, weightDecay: number): Case =>
    optimized("adam", name, (sketch, gradient, parameter) => {
      const shape = sketch.shape(gradient);
      const effect: Omit<AdamEffect, "first" | "second" | "step"> = {
        kind: "adam",
        parameter,
        gradient,
        rate: "rate",
        weightDecay,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
      };
      sketch.effect({
        ...effect,
        first: sketch.slot(`${parameter}#first`, shape),
        second: sketch.slot(`${parameter}#second`, shape),
        step: sketch.slot(`${parameter}#step`, []),
      });
    });
  return [
    ...[0, 0.9].flatMap((momentum) =>
      (momentum === 0 ? [false] : [false, true]).flatMap((nesterov) =>
        [0, 5e-2].map((weightDecay) =>
          sgd(`momentum ${momentum}, Nesterov ${nesterov}, weight decay ${weightDecay}`, {
            weightDecay,
            momentum,
            nesterov,
          })
        )
      )
    ),
    adam("without weight decay", 0),
    adam("weight decay", 5e-2),
    assigned(),
    assignedLate(),
  ];
}

function assigned(): Case {
  const sketch = new Sketch(9);
  const x = sketch.images("x", [9, 3, 2, 2], { poisoned: true });
  const stats = sketch.add("batchStats", [x], {}, [2, 3], []);
  for (const [row, name] of ["net/running_mean", "net/running_var"].entries()) {
    const running = sketch.buffer(name, [3]);
    const fresh = sketch.reshape(sketch.slice(stats, 0, row, 1), [3]);
    sketch.effect({ kind: "assign", state: name, node: sketch.elementwise(blend, [running, fresh]) });
  }
  const name = "running statistics over several runs";
  return makeCase({ topic: "assign", name, sketches: [sketch], runs: [9, 4, 2, 9], tolerance: steps });
}

/** A node computed early, assigned by a later segment, after others could have taken its memory. */
function assignedLate(): Case {
  const sketch = new Sketch(3);
  const [a, b] = [sketch.buffer("a", [4, 5]), sketch.buffer("b", [4, 5])];
  const kept = sketch.elementwise(call("add", input(0), value(1)), [b]);
  const twin = sketch.elementwise(call("mul", input(0), value(2)), [a]);
  let chain = sketch.elementwise(call("exp", call("neg", call("abs", input(0)))), [a]);
  sketch.segment("second");
  for (let i = 0; i < 5; i++) chain = sketch.elementwise(product, [chain, a]);
  sketch.output("chain", chain);
  sketch.segment("third").effect({ kind: "assign", state: "a", node: kept });
  sketch.effect({ kind: "assign", state: "b", node: twin });
  const name = "two states exchanged by a later segment";
  return makeCase({ topic: "assign", name, sketches: [sketch], runs: [3, 2], tolerance: rounding });
}

/** Gates, order of segments, and several programs over one state. */
export function segmentCases(): Case[] {
  return [gated(), gateOfData(), ordered(), shared()];
}

function gated(): Case {
  const sketch = new Sketch(3);
  sketch.segment("predicates");
  const pauses = ["teacher", "student"].map((who) =>
    sketch.elementwise(call("sub", input(0), value(0.5)), [sketch.uniform(`pause/${who}`)])
  );
  for (const [i, who] of ["teacher", "student"].entries()) {
    sketch.segment(who, pauses[i]!);
    const name = `${who}/weight`;
    const x = sketch.images(who, [3, 4], { poisoned: true });
    const gradient = gradientOf(sketch, sketch.parameter(name, [4]), x);
    const velocity = sketch.slot(`${name}#momentum`, [4]);
    const common = { parameter: name, gradient, rate: "rate", weightDecay: 0.1 };
    sketch.effect({ kind: "sgd", ...common, momentum: 0.9, nesterov: true, velocity });
    const running = sketch.buffer(`${who}/running`, [4]);
    sketch.effect({ kind: "assign", state: `${who}/running`, node: sketch.elementwise(blend, [running, gradient]) });
  }
  const pattern = [[0, 0], [1, 0], [0.5, 1], [1, 1], [0, 0.25], [0.75, 0]];
  const runs = pattern.map(([teacher, student], i) => ({
    count: 1 + (i % 3),
    uniforms: { rate: 0.1, "pause/teacher": teacher!, "pause/student": student! },
  }));
  const name = "a paused learner keeps weights, momentum and buffers to the bit";
  return makeCase({ topic: "gates", name, sketches: [sketch], runs, tolerance: steps });
}

function gateOfData(): Case {
  const sketch = new Sketch(9);
  sketch.segment("forward");
  const x = sketch.images("x", [9, 1], { poisoned: true });
  const total = sketch.reshape(sketch.sum(x, [0, 1]), []);
  sketch.output("total", total);
  sketch.segment("when not above zero", total);
  const w = sketch.parameter("w", [2]);
  sketch.effect({ kind: "assign", state: "w", node: sketch.elementwise(call("neg", input(0)), [w]) });
  sketch.segment("always");
  const c = sketch.buffer("c", []);
  sketch.effect({
    kind: "assign",
    state: "c",
    node: sketch.elementwise(call("add", input(0), input(1)), [c, sketch.uniform("count")]),
  });
  const runs = [9, 4, 2, 7, 1, 5, 3, 8];
  return makeCase({ topic: "gates", name: "a gate computed from data", sketches: [sketch], runs, tolerance: steps });
}

/** A later segment reads what an earlier one wrote. */
function ordered(): Case {
  const sketch = new Sketch(3);
  const w = sketch.parameter("w", [2, 3]);
  const before = sketch.elementwise(call("mul", input(0), value(1)), [w]);
  sketch.output("before", before);
  const half = { kind: "sgd", parameter: "w", rate: "rate", weightDecay: 0, momentum: 0, nesterov: false } as const;
  sketch.effect({ ...half, gradient: before });
  sketch.segment("second");
  sketch.output("after", sketch.elementwise(call("add", input(0), value(1)), [w]));
  const name = "a later segment reads the updated parameter";
  const runs = [{ count: 3, uniforms: { rate: 0.5 } }, { count: 3, uniforms: { rate: 0.25 } }];
  return makeCase({ topic: "segments", name, sketches: [sketch], runs, tolerance: rounding });
}

/** Training and evaluation programs of different batches over the same parameters. */
function shared(): Case {
  const train = new Sketch(9, "train");
  const x = train.images("x", [9, 5], { poisoned: true });
  const w = train.parameter("w", [3, 5]);
  const y = train.matmul(x, w, false, true);
  const gradient = train.matmul(y, x, true);
  const velocity = train.slot("w#momentum", [3, 5]);
  const effect = { parameter: "w", gradient, rate: "rate", weightDecay: 0, momentum: 0.9, nesterov: false, velocity };
  train.output("y", y).effect({ kind: "sgd", ...effect });

  const test = new Sketch(16, "test");
  const images = test.images("x", [16, 5]);
  test.output("y", test.matmul(images, test.parameter("w", [3, 5]), false, true));
  const uniforms = { rate: 0.01 };
  return makeCase({
    topic: "segments",
    name: "two programs of different batches share their state",
    sketches: [train, test],
    runs: [
      { program: 1, count: 16 },
      { program: 0, count: 9, uniforms },
      { program: 1, count: 3 },
      { program: 0, count: 4, uniforms },
      { program: 0, count: 9, uniforms },
      { program: 1, count: 16 },
    ],
    tolerance: sums(16),
  });
}
