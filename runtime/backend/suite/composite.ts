/** A whole training step, written by hand with its backward pass. @module */

import { call, input, value } from "../../ir/expr.ts";
import type { ConvAttrs, Pair, PoolAttrs } from "../../ir/node.ts";
import { between, type Case, makeCase } from "./case.ts";
import { Sketch } from "./sketch.ts";

const [a, b] = [input(0), input(1)];
const relu = call("max", a, value(0));
const behind = call("select", call("gt", b, value(0)), a, value(0));

/** convolution → batch norm → ReLU → pool → linear → cross entropy, its gradients, and SGD with momentum. */
export function compositeCases(): Case[] {
  return [3, 8, 9].map((batch) => {
    const sketch = new Sketch(batch, "train");
    const [classes, width] = [5, 4];
    const size: Pair = [6, 6];
    const conv: ConvAttrs = { stride: [1, 1], pad: [1, 1], groups: 1 };
    const pool: PoolAttrs = { kernel: [6, 6], stride: [6, 6], pad: [0, 0] };
    const maps = [batch, width, ...size];

    sketch.segment("forward");
    const x = sketch.images("x", [batch, 3, ...size]);
    const labels = sketch.labels(classes);
    const w = sketch.parameter("net/conv1.weight", [width, 3, 3, 3], between(-0.5, 0.5));
    const gamma = sketch.parameter("net/bn1.weight", [width], between(0.5, 1.5));
    const beta = sketch.parameter("net/bn1.bias", [width], between(-0.2, 0.2));
    const linear = sketch.parameter("net/fc.weight", [classes, width]);
    const y = sketch.conv2d(x, w, conv);
    const stats = sketch.add("batchStats", [y], {}, [2, width], []);
    const normed = sketch.add("batchNorm", [y, stats, gamma, beta], { epsilon: 1e-5 }, maps);
    const active = sketch.elementwise(relu, [normed]);
    const pooled = sketch.reshape(sketch.pool("averagePool", active, pool), [batch, width]);
    const logits = sketch.matmul(pooled, linear, false, true);
    const shifted = sketch.elementwise(call("sub", a, b), [logits, sketch.reduceMax(logits, [1])]);
    const total = sketch.sum(sketch.elementwise(call("exp", a), [shifted]), [1]);
    const logProbabilities = sketch.elementwise(call("sub", a, call("log", b)), [shifted, total]);
    const hot = sketch.add("oneHot", [labels], { classes }, [batch, classes]);
    const picked = sketch.sum(sketch.elementwise(call("mul", a, b), [logProbabilities, hot]), [0, 1]);
    const count = sketch.reshape(sketch.uniform("count"), [1, 1]);
    sketch.output("loss", sketch.elementwise(call("neg", call("div", a, b)), [picked, count])).output("logits", logits);

    sketch.segment("backward");
    const residual = call("div", call("sub", call("exp", a), b), input(2));
    const dLogits = sketch.elementwise(residual, [logProbabilities, hot, count]);
    const dLinear = sketch.matmul(dLogits, pooled, true);
    const dPooled = sketch.reshape(sketch.matmul(dLogits, linear), [batch, width, 1, 1]);
    const dActive = sketch.add("averagePoolInput", [dPooled], { ...pool, size }, maps);
    const dNormed = sketch.elementwise(behind, [dActive, normed]);
    const both = sketch.add("batchNormSums", [dNormed, y, stats], { epsilon: 1e-5 }, [2, width], []);
    const dy = sketch.add("batchNormInput", [dNormed, y, stats, gamma, both], { epsilon: 1e-5 }, maps);
    const dw = sketch.conv2dFilter(x, dy, conv, [3, 3]);
    sketch.output("dx", sketch.conv2dInput(dy, w, conv, size)).output("dw", dw);
    const dBeta = sketch.reshape(sketch.slice(both, 0, 0, 1), [width]);
    const dGamma = sketch.reshape(sketch.slice(both, 0, 1, 1), [width]);
    const gradients = { "conv1.weight": dw, "bn1.weight": dGamma, "bn1.bias": dBeta, "fc.weight": dLinear };
    for (const [name, gradient] of Object.entries(gradients)) {
      const parameter = `net/${name}`;
      const velocity = sketch.slot(`${parameter}#momentum`, sketch.shape(gradient));
      const constants = { rate: "rate", weightDecay: 5e-4, momentum: 0.9, nesterov: true, velocity };
      sketch.effect({ kind: "sgd", parameter, gradient, ...constants });
    }
    const runs = [batch, batch - 1, 2, batch].map((n) => ({ count: n, uniforms: { rate: 0.1 } }));
    const reason = "four training steps in float32; errors of one step enter the next";
    const tolerance = { relative: 5e-5, of: "largest", reason } as const;
    const name = `convolution, batch norm, pooling, cross entropy and SGD, B = ${batch}`;
    return makeCase({ topic: "training step", name, sketches: [sketch], runs, tolerance });
  });
}
