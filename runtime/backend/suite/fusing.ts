/** Chains that a backend may compute in one pass, or again instead of storing them. @module */

import { call, type Expr, input, value } from "../../ir/expr.ts";
import type { ConvAttrs } from "../../ir/node.ts";
import { between, type Case, makeCase, type RecipeRun, type Tolerance } from "./case.ts";
import { Sketch } from "./sketch.ts";

const [a, b, c] = [input(0), input(1), input(2)] as const;
const relu = call("max", value(0), a);
const relu6 = call("min", value(6), relu);
/** a where b, a result of ReLU, is above zero. */
const behind = call("mul", a, call("select", call("ge", value(0), b), value(0), value(1)));
const plain: ConvAttrs = { stride: [1, 1], pad: [1, 1], groups: 1 };
const epsilon = 1e-5;

const tolerance: Tolerance = {
  relative: 4e-5,
  absolute: 1e-6,
  of: "largest",
  reason: "a convolution, batch norm over few samples and their gradients in float32, one feeding the next",
};

/** Eight channels on maps with cut tiles, and sixteen on whole ones. */
const sizes = [
  { batch: 9, channels: 8, size: 7, runs: [9, 8, 5] },
  { batch: 17, channels: 16, size: 8, runs: [17, 16, 2] },
] as const;

/** A chain under construction: maps of one size, each convolution and batch norm with parameters of its own. */
class Chain {
  readonly sketch: Sketch;
  #layers = 0;

  constructor(readonly batch: number, readonly channels: number, readonly size: number) {
    this.sketch = new Sketch(batch);
  }

  map(name: string): number {
    return this.sketch.images(name, [this.batch, this.channels, this.size, this.size], { poisoned: true });
  }

  weight(): number {
    return this.sketch.parameter(`w${this.#layers++}`, [this.channels, this.channels, 3, 3], between(-0.3, 0.3));
  }

  conv(x: number): number {
    return this.sketch.conv2d(x, this.weight(), plain);
  }

  stats(x: number): number {
    return this.sketch.add("batchStats", [x], {}, [2, this.channels], []);
  }

  gamma(): number {
    return this.sketch.parameter(`gamma${this.#layers++}`, [this.channels], between(0.5, 1.5));
  }

  norm(x: number, stats: number, gamma: number): number {
    const beta = this.sketch.parameter(`beta${this.#layers++}`, [this.channels], between(-0.5, 0.5));
    return this.sketch.add("batchNorm", [x, stats, gamma, beta], { epsilon }, this.sketch.shape(x));
  }

  sums(g: number, x: number, stats: number): number {
    return this.sketch.add("batchNormSums", [g, x, stats], { epsilon }, [2, this.channels], []);
  }

  normInput(g: number, x: number, stats: number, gamma: number, sums: number): number {
    return this.sketch.add("batchNormInput", [g, x, stats, gamma, sums], { epsilon }, this.sketch.shape(x));
  }

  of(expr: Expr, ...inputs: readonly number[]): number {
    return this.sketch.elementwise(expr, inputs);
  }
}

/** Residual blocks with their gradients, values read early and late, gates, and statistics that are given. */
export function fusingCases(): Case[] {
  return sizes.flatMap(({ batch, channels, size, runs }) => {
    const made = (name: string, draw: (chain: Chain) => void, uniforms?: Readonly<Record<string, number>>): Case => {
      const chain = new Chain(batch, channels, size);
      draw(chain);
      const counts = runs.map((count): RecipeRun => ({ count, ...(uniforms && { uniforms }) }));
      const where = `${name}, ${channels} channels, B = ${batch}`;
      return makeCase({ topic: "fusing", name: where, sketches: [chain.sketch], runs: counts, tolerance });
    };
    return [
      made("a residual block and its gradients", residual),
      made("batch norm before its activation, read in memory and on load", early),
      made("two convolutions, their sum and a mask", (chain) => {
        const [x, y] = [chain.map("x"), chain.map("y")];
        const sum = chain.of(call("mul", call("add", a, b), behindOf(c)), chain.conv(x), chain.conv(y), x);
        chain.sketch.output("sums", chain.sums(sum, y, chain.stats(y))).output("sum", chain.conv(sum));
      }),
      made("input gradients of stride 2, joined, masked and summed up", strided),
      made("ReLU6 between convolutions", (chain) => {
        const y = chain.conv(chain.map("x"));
        const middle = chain.of(relu6, chain.norm(y, chain.stats(y), chain.gamma()));
        chain.sketch.output("y", chain.conv(middle)).output("dw", chain.sketch.conv2dFilter(middle, y, plain, [3, 3]));
      }),
      made("convolutions that are outputs, of a sum that nobody else reads", (chain) => {
        const sum = chain.of(call("max", value(0), call("add", a, b)), chain.conv(chain.map("x")), chain.map("y"));
        chain.sketch.output("y", chain.conv(sum)).output("z", chain.conv(chain.conv(sum)));
      }),
      made("given statistics", (chain) => {
        const y = chain.conv(chain.map("x"));
        const stats = chain.sketch.buffer("stats", [2, channels], between(0.5, 1.5));
        const active = chain.of(relu, chain.norm(y, stats, chain.gamma()));
        chain.sketch.output("y", active).output("z", chain.conv(active));
      }),
      made("a value that is an output and a gradient's mask", (chain) => {
        const y = chain.conv(chain.map("x"));
        const stats = chain.stats(y);
        const gamma = chain.gamma();
        const active = chain.of(relu, chain.norm(y, stats, gamma));
        chain.sketch.output("active", active);
        const g = chain.of(behind, chain.map("g"), active);
        const sums = chain.sums(g, y, stats);
        chain.sketch.output("sums", sums).output("dy", chain.normInput(g, y, stats, gamma, sums));
      }),
      made("batch norm of batch norm", (chain) => {
        const x = chain.map("x");
        const first = chain.norm(x, chain.stats(x), chain.gamma());
        const stats = chain.stats(first);
        const gamma = chain.gamma();
        chain.sketch.output("y", chain.norm(first, stats, gamma));
        const g = chain.map("g");
        chain.sketch.output("dx", chain.normInput(g, first, stats, gamma, chain.sums(g, first, stats)));
      }),
      made("values of the forward in a gated segment, and behind it", gated, { gate: 0, rate: 1e-4 }),
      made("values of the forward behind a gated segment that is skipped", gated, { gate: 1, rate: 1e-4 }),
    ];
  });
}

/** relu(bn(conv(relu(bn(conv(x)))) + x), and the gradients of everything. */
function residual(chain: Chain): void {
  const { sketch, size } = chain;
  const x = chain.map("x");
  const [w1, w2] = [chain.weight(), chain.weight()];
  const y1 = sketch.conv2d(x, w1, plain);
  const [stats1, gamma1] = [chain.stats(y1), chain.gamma()];
  const middle = chain.of(relu, chain.norm(y1, stats1, gamma1));
  const y2 = sketch.conv2d(middle, w2, plain);
  const [stats2, gamma2] = [chain.stats(y2), chain.gamma()];
  const out = chain.of(call("max", value(0), call("add", a, b)), chain.norm(y2, stats2, gamma2), x);
  sketch.output("out", out);
  sketch.segment("backward");
  // What comes from the next block: an input gradient and what its shortcut brings.
  const arriving = sketch.conv2dInput(chain.map("g"), chain.weight(), plain, [size, size]);
  const g = chain.of(call("mul", call("add", a, b), behindOf(c)), arriving, chain.map("shortcut"), out);
  const sums2 = chain.sums(g, y2, stats2);
  const dy2 = chain.normInput(g, y2, stats2, gamma2, sums2);
  const g1 = chain.of(behind, sketch.conv2dInput(dy2, w2, plain, [size, size]), middle);
  const sums1 = chain.sums(g1, y1, stats1);
  const dy1 = chain.normInput(g1, y1, stats1, gamma1, sums1);
  const dx = chain.of(call("add", a, b), sketch.conv2dInput(dy1, w1, plain, [size, size]), g);
  sketch.output("sums1", sums1).output("sums2", sums2).output("dx", dx);
  sketch.output("dw1", sketch.conv2dFilter(x, dy1, plain, [3, 3]));
  sketch.output("dw2", sketch.conv2dFilter(middle, dy2, plain, [3, 3]));
}

function behindOf(y: Expr): Expr {
  return call("select", call("ge", value(0), y), value(0), value(1));
}

/** One normalised value for a convolution, a strided one, a sum and a pool. */
function early(chain: Chain): void {
  const { sketch } = chain;
  const x = chain.conv(chain.map("x"));
  const active = chain.of(relu, chain.norm(x, chain.stats(x), chain.gamma()));
  const strided = { ...plain, stride: [2, 2] } as const;
  sketch.output("strided", sketch.conv2d(active, chain.weight(), strided));
  sketch.output("plain", chain.conv(active));
  sketch.output("sum", sketch.sum(active, [2, 3]));
  sketch.output("most", sketch.pool("maxPool", active, { kernel: [2, 2], stride: [2, 2], pad: [0, 0] }));
  sketch.output("square", chain.of(call("square", a), active));
}

/** What reaches the block before one that halves the map: from its convolution and from its shortcut. */
function strided(chain: Chain): void {
  const { sketch, batch, channels, size } = chain;
  const half = Math.ceil(size / 2);
  const g = sketch.images("half", [batch, channels, half, half], { poisoned: true });
  const step = [2, 2] as const;
  const wide = sketch.conv2dInput(g, chain.weight(), { stride: step, pad: [1, 1], groups: 1 }, [size, size]);
  const w = sketch.parameter("shortcut", [channels, channels, 1, 1], between(-0.5, 0.5));
  const narrow = sketch.conv2dInput(g, w, { stride: step, pad: [0, 0], groups: 1 }, [size, size]);
  const x = chain.map("x");
  const [stats, gamma] = [chain.stats(x), chain.gamma()];
  const alone = chain.of(behind, narrow, chain.map("mask"));
  sketch.output("alone", chain.sums(alone, x, stats));
  const masked = chain.of(
    behind,
    sketch.conv2dInput(g, chain.weight(), { stride: step, pad: [1, 1], groups: 1 }, [size, size]),
    chain.map("other"),
  );
  sketch.output("masked", chain.sums(masked, x, stats)).output("kept", masked);
  const joined = chain.of(
    call("mul", call("add", a, b), behindOf(c)),
    wide,
    sketch.conv2dInput(g, w, { stride: step, pad: [0, 0], groups: 1 }, [size, size]),
    x,
  );
  const sums = chain.sums(joined, x, stats);
  sketch.output("sums", sums).output("dx", chain.normInput(joined, x, stats, gamma, sums));
}

/** A convolution and a normalised map, read in a segment that may be skipped and in the one behind it. */
function gated(chain: Chain): void {
  const { sketch } = chain;
  sketch.segment("forward");
  const y = chain.conv(chain.map("x"));
  const active = chain.of(relu, chain.norm(y, chain.stats(y), chain.gamma()));
  const sum = chain.of(call("add", a, b), active, chain.map("other"));
  sketch.output("mean", sketch.sum(sum, [0, 2, 3]));
  sketch.segment("gated", sketch.uniform("gate"));
  const update = sketch.conv2dFilter(active, sum, plain, [3, 3]);
  sketch.effect({
    kind: "sgd",
    parameter: "w0",
    gradient: update,
    rate: "rate",
    weightDecay: 0,
    momentum: 0,
    nesterov: false,
  });
  sketch.segment("behind");
  sketch.output("late", chain.of(call("mul", a, b), active, sum)).output("again", chain.conv(active));
}
