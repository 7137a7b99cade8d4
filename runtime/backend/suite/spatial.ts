/** Conformance of convolutions, pooling and batch normalisation. @module */

import { input } from "../../ir/expr.ts";
import type { ConvAttrs, Pair, PoolAttrs } from "../../ir/node.ts";
import { between, type Case, exact, type Fill, integers, makeCase, rounding, sums, type Tolerance } from "./case.ts";
import { Sketch, windows } from "./sketch.ts";

interface Geometry {
  readonly size: Pair;
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly pad?: Pair;
  readonly groups?: number;
  /** Input and output channels. */
  readonly channels: Pair;
  readonly batch: number;
}

const geometries: Readonly<Record<string, Geometry>> = {
  "1×1": { size: [5, 7], kernel: [1, 1], channels: [6, 4], batch: 3 },
  "1×1, stride 2": { size: [7, 6], kernel: [1, 1], stride: [2, 2], channels: [4, 8], batch: 9 },
  "1×1 on a single pixel": { size: [1, 1], kernel: [1, 1], channels: [8, 5], batch: 8 },
  "3×3": { size: [8, 8], kernel: [3, 3], pad: [1, 1], channels: [4, 4], batch: 8 },
  "3×3 from one channel": { size: [7, 5], kernel: [3, 3], pad: [1, 1], channels: [1, 4], batch: 9 },
  "3×3 from three channels, one image": { size: [6, 9], kernel: [3, 3], pad: [1, 1], channels: [3, 5], batch: 1 },
  "3×3 on 16 images": { size: [4, 4], kernel: [3, 3], pad: [1, 1], channels: [5, 6], batch: 16 },
  "3×3, stride 2": { size: [8, 8], kernel: [3, 3], stride: [2, 2], pad: [1, 1], channels: [4, 6], batch: 9 },
  "3×3, stride 2, odd map": { size: [7, 9], kernel: [3, 3], stride: [2, 2], pad: [1, 1], channels: [3, 4], batch: 3 },
  "3×3, stride 2, unpadded, with a row left over": {
    size: [8, 6],
    kernel: [3, 3],
    stride: [2, 2],
    channels: [2, 3],
    batch: 3,
  },
  "3×3, unpadded": { size: [6, 5], kernel: [3, 3], channels: [3, 3], batch: 8 },
  "3×3 on a map smaller than the kernel": { size: [2, 2], kernel: [3, 3], pad: [1, 1], channels: [3, 4], batch: 3 },
  "5×5": { size: [7, 7], kernel: [5, 5], pad: [2, 2], channels: [3, 4], batch: 3 },
  "7×7, stride 2": { size: [9, 9], kernel: [7, 7], stride: [2, 2], pad: [3, 3], channels: [3, 2], batch: 3 },
  "4×4, stride 2, as a decoder's": {
    size: [8, 8],
    kernel: [4, 4],
    stride: [2, 2],
    pad: [1, 1],
    channels: [3, 5],
    batch: 3,
  },
  "as large as the map": { size: [4, 5], kernel: [4, 5], channels: [3, 6], batch: 9 },
  "1×3, stride 2 by 1": { size: [6, 7], kernel: [1, 3], stride: [2, 1], pad: [0, 1], channels: [3, 4], batch: 3 },
  "two groups": { size: [6, 6], kernel: [3, 3], pad: [1, 1], groups: 2, channels: [6, 4], batch: 9 },
  "four groups of two, stride 2": {
    size: [6, 5],
    kernel: [3, 3],
    stride: [2, 2],
    pad: [1, 1],
    groups: 4,
    channels: [8, 8],
    batch: 3,
  },
  "two groups of 1×1": { size: [3, 3], kernel: [1, 1], groups: 2, channels: [4, 6], batch: 8 },
  "depthwise 3×3": { size: [6, 7], kernel: [3, 3], pad: [1, 1], groups: 5, channels: [5, 5], batch: 9 },
  "depthwise 3×3, stride 2": {
    size: [8, 8],
    kernel: [3, 3],
    stride: [2, 2],
    pad: [1, 1],
    groups: 4,
    channels: [4, 4],
    batch: 8,
  },
  "depthwise 5×5": { size: [5, 5], kernel: [5, 5], pad: [2, 2], groups: 3, channels: [3, 3], batch: 1 },
  "depthwise with two filters a channel": {
    size: [5, 6],
    kernel: [3, 3],
    pad: [1, 1],
    groups: 3,
    channels: [3, 6],
    batch: 3,
  },
};

/** Fewer images than the program was made for, then all of them, then fewer again over what is left. */
function counts(batch: number): number[] {
  return batch === 1 ? [1] : [batch - 1, batch, Math.max(1, batch - 2)];
}

/** Each geometry in all three primitives. */
export function convolutionCases(): Case[] {
  return Object.entries(geometries).flatMap(([name, geometry]) => {
    const { size, kernel, stride = [1, 1], pad = [0, 0], groups = 1, channels: [from, to], batch } = geometry;
    const attrs: ConvAttrs = { stride, pad, groups };
    const out = windows(size, kernel, attrs);
    const weights = [to, from / groups, ...kernel];
    const area = kernel[0] * kernel[1];
    const made = (topic: string, terms: number, draw: (sketch: Sketch) => void): Case => {
      const sketch = new Sketch(batch);
      draw(sketch);
      const runs = counts(batch);
      return makeCase({ topic, name, sketches: [sketch], runs, tolerance: sums(terms) });
    };
    return [
      made("conv2d", area * from / groups, (sketch) => {
        const x = sketch.images("x", [batch, from, ...size], { poisoned: true });
        sketch.output("y", sketch.conv2d(x, sketch.parameter("w", weights), attrs));
      }),
      made("conv2dInput", area * to / groups, (sketch) => {
        const g = sketch.images("g", [batch, to, ...out], { poisoned: true });
        sketch.output("dx", sketch.conv2dInput(g, sketch.parameter("w", weights), attrs, size));
      }),
      made("conv2dFilter", batch * out[0] * out[1], (sketch) => {
        const x = sketch.images("x", [batch, from, ...size], { poisoned: true });
        const g = sketch.images("g", [batch, to, ...out], { poisoned: true });
        sketch.output("dw", sketch.conv2dFilter(x, g, attrs, kernel));
      }),
    ];
  });
}

const pools: Readonly<Record<string, PoolAttrs & { readonly size: Pair; readonly batch: number }>> = {
  "2×2, stride 2": { kernel: [2, 2], stride: [2, 2], pad: [0, 0], size: [6, 8], batch: 8 },
  "2×2, stride 2, with a row left over": { kernel: [2, 2], stride: [2, 2], pad: [0, 0], size: [7, 5], batch: 3 },
  "3×3, stride 2, padded": { kernel: [3, 3], stride: [2, 2], pad: [1, 1], size: [7, 8], batch: 9 },
  "3×3, overlapping": { kernel: [3, 3], stride: [1, 1], pad: [1, 1], size: [5, 4], batch: 3 },
  "the whole map": { kernel: [4, 3], stride: [4, 3], pad: [0, 0], size: [4, 3], batch: 16 },
  "2×3, stride 1 by 2": { kernel: [2, 3], stride: [1, 2], pad: [1, 0], size: [4, 7], batch: 1 },
  "1×1, stride 2": { kernel: [1, 1], stride: [2, 2], pad: [0, 0], size: [5, 5], batch: 3 },
};

/** Each geometry of pooling in all four primitives. */
export function poolingCases(): Case[] {
  const ties: Fill = (random, index) => [-2, -1, 1, 2][random.integer(index, 4)]!;
  return Object.entries(pools).flatMap(([name, { size, batch, ...attrs }]) => {
    const channels = 3;
    const out = windows(size, attrs.kernel, attrs);
    const made = (topic: string, label: string, tolerance: Tolerance, draw: (sketch: Sketch) => void): Case => {
      const sketch = new Sketch(batch);
      draw(sketch);
      return makeCase({ topic, name: label, sketches: [sketch], runs: counts(batch), tolerance });
    };
    const x = (sketch: Sketch, fill: Fill): number =>
      sketch.images("x", [batch, channels, ...size], { fill, poisoned: true });
    const g = (sketch: Sketch): number => sketch.images("g", [batch, channels, ...out], { poisoned: true });
    const maxGradient = (sketch: Sketch, fill: Fill): void => {
      const of = x(sketch, fill);
      sketch.output("dx", sketch.add("maxPoolInput", [of, g(sketch)], attrs, sketch.shape(of)));
    };
    return [
      made("averagePool", name, rounding, (s) => s.output("y", s.pool("averagePool", x(s, between(1, 2)), attrs))),
      made("averagePoolInput", name, rounding, (sketch) => {
        const shape = [batch, channels, ...size];
        sketch.output("dx", sketch.add("averagePoolInput", [g(sketch)], { ...attrs, size }, shape));
      }),
      made("maxPool", name, exact, (s) => s.output("y", s.pool("maxPool", x(s, between(-2, -1)), attrs))),
      made("maxPoolInput", `${name}, all below zero`, rounding, (sketch) => maxGradient(sketch, between(-2, -1))),
      made("maxPoolInput", `${name}, with ties`, rounding, (sketch) => maxGradient(sketch, ties)),
    ];
  });
}

const scales: Readonly<Record<string, readonly [Fill, number]>> = {
  "standard normal": [(random, index) => random.normal(index), 2e-6],
  "far from zero": [(random, index) => 100 + random.normal(index), 3e-5],
  // 1/√ε is 316: what rounding leaves of 0.5 · 316 γ + (β − 0.5 · 316 γ), the form PyTorch's CPU kernel has, too.
  "a constant": [() => 0.5, 6e-6],
  "few values": [(random, index) => integers(0, 3)(random, index) + 0.25, 2e-6],
};

/** Batch statistics, normalisation and its gradients, over images and over features. */
export function normCases(): Case[] {
  return Object.entries(scales).flatMap(([scale, [fill, relative]], i) =>
    [[4, 5], []].flatMap((space) => {
      const batch = [9, 8, 3, 16][i]!;
      // Of two samples, normalised values are ±1 and gradients vanish: nothing but rounding would be compared.
      const few = Math.min(batch - 1, 5);
      const tolerance: Tolerance = {
        relative: 4 * relative,
        absolute: 1e-6,
        of: "largest",
        reason:
          "statistics by shifted sums in float32: rounding of the mean, and of zeros that are differences of ones",
      };
      const where = `${scale}, ${space.length === 0 ? "features" : "maps"}, B = ${batch}`;
      const made = (topic: string, draw: (sketch: Sketch, x: number) => void): Case => {
        const sketch = new Sketch(batch);
        draw(sketch, sketch.images("x", [batch, 3, ...space], { fill, poisoned: true }));
        return makeCase({ topic, name: where, sketches: [sketch], runs: [batch - 1, batch, few], tolerance });
      };
      const epsilon = i % 2 === 0 ? 1e-5 : 1e-3;
      const statistics = (sketch: Sketch, x: number): number => sketch.add("batchStats", [x], {}, [2, 3], []);
      return [
        made("batchStats", (sketch, x) => {
          const stats = statistics(sketch, x);
          sketch.output("mean", sketch.slice(stats, 0, 0, 1)).output("variance", sketch.slice(stats, 0, 1, 1));
        }),
        made("batchNorm", (sketch, x) => {
          const [gamma, beta] = [sketch.parameter("gamma", [3]), sketch.parameter("beta", [3])];
          const running = sketch.buffer("running", [2, 3], between(0.5, 2));
          const shape = sketch.shape(x);
          const normed = (stats: number): number =>
            sketch.add("batchNorm", [x, stats, gamma, beta], { epsilon }, shape);
          sketch.output("by the batch", normed(statistics(sketch, x))).output("by running statistics", normed(running));
        }),
        made("batchNormInput", (sketch, x) => {
          const shape = sketch.shape(x);
          const g = sketch.images("g", shape, { poisoned: true });
          const gamma = sketch.parameter("gamma", [3]);
          const stats = statistics(sketch, x);
          const both = sketch.add("batchNormSums", [g, x, stats], { epsilon }, [2, 3], []);
          sketch.output("bias gradient", sketch.slice(both, 0, 0, 1)).output(
            "weight gradient",
            sketch.slice(both, 0, 1, 1),
          );
          sketch.output("dx", sketch.add("batchNormInput", [g, x, stats, gamma, both], { epsilon }, shape));
        }),
      ];
    })
  );
}

/** A batch of one image has statistics over space. */
export function singleImageNorm(): Case {
  const sketch = new Sketch(1);
  const x = sketch.images("x", [1, 3, 4, 4]);
  const stats = sketch.add("batchStats", [x], {}, [2, 3], []);
  const copied = sketch.elementwise(input(0), [stats]);
  sketch.output("stats", copied);
  return makeCase({ topic: "batchStats", name: "one image", sketches: [sketch], runs: [1], tolerance: rounding });
}
