/**
 * What `bench errors` computes on two backends: every class of kernels on shapes of real nets, on normal numbers.
 *
 * @module
 */
import { call, input, value } from "../../runtime/ir/expr.ts";
import type { ConvAttrs, Pair } from "../../runtime/ir/node.ts";
import { type Case, makeCase } from "../../runtime/backend/suite/case.ts";
import { Sketch, windows } from "../../runtime/backend/suite/sketch.ts";

/** A computation whose every output is compared. */
export interface ErrorCase {
  /** What is computed, and on which shape. */
  readonly name: string;
  readonly subject: Case;
}

/** A convolution, with channels of its input and output. */
export interface ErrorShape {
  readonly channels: Pair;
  /** Rows and columns of the input, which is square. */
  readonly size: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly groups?: number;
}

/** Convolutions of CIFAR nets: those of Winograd at all widths, and one of each other kind. */
export const shapes: readonly ErrorShape[] = [
  ...([[16, 32], [32, 16], [64, 8], [128, 8]] as const).map(([channels, size]): ErrorShape => ({
    channels: [channels, channels],
    size,
  })),
  { channels: [3, 16], size: 32 },
  { channels: [16, 32], size: 32, stride: 2 },
  { channels: [64, 64], size: 8, kernel: 1 },
  { channels: [96, 96], size: 16, groups: 96 },
  { channels: [96, 96], size: 16, groups: 96, stride: 2 },
];

/** Forward, input gradient and filter gradient of a convolution with padding that keeps the size. */
export function convolutionCases(batch: number, shape: ErrorShape): readonly ErrorCase[] {
  const { channels: [from, to], size, kernel = 3, stride = 1, groups = 1 } = shape;
  const pad = (kernel - 1) / 2;
  const attrs: ConvAttrs = { stride: [stride, stride], pad: [pad, pad], groups };
  const [map, taps] = [[size, size], [kernel, kernel]] as const;
  const out = windows(map, taps, attrs);
  const weights = [to, from / groups, ...taps];
  const x = (sketch: Sketch): number => sketch.images("x", [batch, from, ...map]);
  const g = (sketch: Sketch): number => sketch.images("g", [batch, to, ...out]);
  const details = [
    `${kernel}×${kernel}`,
    ...(stride === 1 ? [] : [`stride ${stride}`]),
    ...(groups === 1 ? [] : ["depthwise"]),
  ];
  const name = `${from} to ${to} channels, ${size}×${size}, ${details.join(", ")}`;
  return [
    made(name, batch, "forward", (s) => s.output("y", s.conv2d(x(s), s.parameter("w", weights), attrs))),
    made(name, batch, "update", (s) => {
      s.output("dx", s.conv2dInput(g(s), s.parameter("w", weights), attrs, map));
    }),
    made(name, batch, "update", (s) => s.output("dw", s.conv2dFilter(x(s), g(s), attrs, taps))),
  ];
}

/** Statistics, normalisation and gradients of batch norm. */
export function normCase(batch: number, channels: number, size: number): ErrorCase {
  const epsilon = 1e-5;
  const shape = [batch, channels, size, size];
  return made(`batch norm, ${channels} channels, ${size}×${size}`, batch, "update", (sketch) => {
    const [x, g] = [sketch.images("x", shape), sketch.images("g", shape)];
    const [gamma, beta] = [sketch.parameter("gamma", [channels]), sketch.parameter("beta", [channels])];
    const stats = sketch.add("batchStats", [x], {}, [2, channels], []);
    const sums = sketch.add("batchNormSums", [g, x, stats], { epsilon }, [2, channels], []);
    sketch
      .output("mean", sketch.slice(stats, 0, 0, 1))
      .output("variance", sketch.slice(stats, 0, 1, 1))
      .output("y", sketch.add("batchNorm", [x, stats, gamma, beta], { epsilon }, shape))
      .output("dβ", sketch.slice(sums, 0, 0, 1))
      .output("dγ", sketch.slice(sums, 0, 1, 1))
      .output("dx", sketch.add("batchNormInput", [g, x, stats, gamma, sums], { epsilon }, shape));
  });
}

/** Sums over all places of each channel, and of each sample; means of windows. */
export function reductionCase(batch: number, channels: number, size: number): ErrorCase {
  return made(`sums, ${channels} channels, ${size}×${size}`, batch, "forward", (sketch) => {
    const x = sketch.images("x", [batch, channels, size, size]);
    const window = { kernel: [size, size], stride: [size, size], pad: [0, 0] } as const;
    sketch
      .output("over samples and pixels", sketch.sum(x, [0, 2, 3]))
      .output("over pixels", sketch.sum(x, [2, 3]))
      .output("mean of a map", sketch.pool("averagePool", x, window));
  });
}

/** Softmax, its logarithm, and the divergence of two of them at temperature 2; a product with the head's weights. */
export function lossCase(batch: number, classes: number): ErrorCase {
  const [a, b] = [input(0), input(1)];
  const temperature = 2;
  return made(`losses, ${classes} classes`, batch, "forward", (sketch) => {
    const logSoftmax = (name: string): readonly [log: number, softmax: number] => {
      const scores = sketch.images(name, [batch, classes]);
      const softened = sketch.elementwise(call("div", a, value(temperature)), [scores]);
      const shifted = sketch.elementwise(call("sub", a, b), [softened, sketch.reduceMax(softened, [1])]);
      const powers = sketch.elementwise(call("exp", a), [shifted]);
      const total = sketch.sum(powers, [1]);
      const log = sketch.elementwise(call("sub", a, call("log", b)), [shifted, total]);
      return [log, sketch.elementwise(call("div", a, b), [powers, total])];
    };
    const [student] = logSoftmax("student");
    const [teacher, target] = logSoftmax("teacher");
    const part = call("mul", input(2), call("sub", b, a));
    const divergence = sketch.sum(sketch.elementwise(part, [student, teacher, target]), [1]);
    const features = sketch.images("features", [batch, 64]);
    const head = sketch.parameter("head", [classes, 64]);
    sketch
      .output("softmax", target)
      .output("log-softmax", student)
      .output("KL", sketch.elementwise(call("mul", a, value(temperature ** 2)), [divergence]))
      .output("class scores", sketch.matmul(features, head, false, true));
  });
}

/** Every case of the table. */
export function errorCases(batch: number): readonly ErrorCase[] {
  return [
    ...shapes.flatMap((shape) => convolutionCases(batch, shape)),
    ...([[16, 32], [64, 8]] as const).flatMap(([channels, size]) => [
      normCase(batch, channels, size),
      reductionCase(batch, channels, size),
    ]),
    lossCase(batch, 100),
  ];
}

function made(name: string, batch: number, segment: string, draw: (sketch: Sketch) => void): ErrorCase {
  const sketch = new Sketch(batch);
  sketch.segment(segment);
  draw(sketch);
  const tolerance = { relative: 0, of: "largest", reason: "errors are reported, not judged" } as const;
  return { name, subject: makeCase({ topic: "errors", name, sketches: [sketch], runs: [batch], tolerance }) };
}
