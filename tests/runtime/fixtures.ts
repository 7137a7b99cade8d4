/** Tiny nets, sessions over sentences, and comparison of numbers, for the tests of compiler and trainer. @module */

import { assert, assertEquals } from "@std/assert";
import { type Arch, defineArch } from "../../dsl/arch.ts";
import type { LossGraph } from "../../dsl/graph.ts";
import { batchNorm, conv, globalPool, linear, pool, relu, sum } from "../../dsl/layers.ts";
import { stream } from "../../dsl/random.ts";
import type { NetSpec, TrainSpec } from "../../dsl/spec.ts";
import { type TrainOptions, trainSpec } from "../../dsl/train.ts";
import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { compile, type Compiled } from "../../runtime/compile/compile.ts";
import { drawNoise } from "../../runtime/train/noise.ts";
import { weightIn } from "../../runtime/train/schedule.ts";
import { Session, type StepFeed, type StepResult } from "../../runtime/train/session.ts";

/** Three spots at 6×6, 3×3 and 2×2: odd sizes, a residual sum, a depthwise convolution, biases, both pools. */
export const tiny: Arch<"tiny", "layer1" | "layer2" | "layer3"> = defineArch("tiny", [
  { spot: "layer1", layers: [conv("conv1", 2), batchNorm("bn1"), relu, sum([conv("conv2", 2), batchNorm("bn2")], [])] },
  { spot: "layer2", layers: [relu, conv("conv3", 3, { stride: 2, bias: true }), batchNorm("bn3"), relu] },
  {
    spot: "layer3",
    layers: [conv("conv4", "same", { groups: "depthwise" }), conv("conv5", 4, { stride: 2 }), batchNorm("bn4"), relu],
  },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["layer1", "layer2", "layer3"] });

/** A net without batch norm, with both kinds of pooling windows. */
export const plain: Arch<"plain", "layer1" | "layer2"> = defineArch("plain", [
  { spot: "layer1", layers: [conv("conv1", 3, { bias: true }), pool("max", 3, { stride: 2, pad: 1 }), relu] },
  { spot: "layer2", layers: [conv("conv2", 4), pool("average", 2, { stride: 1 })] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["layer1", "layer2"] });

/** A sentence, as far as the compiler needs it. */
export interface Sentence {
  readonly spec: { readonly nets: readonly NetSpec[] };
  readonly archs: Readonly<Record<string, Arch>>;
  lower(): LossGraph;
}

/** What {@linkcode compileTiny} leaves open. */
export interface Setting {
  readonly batch?: number;
  readonly classes?: number;
  readonly train?: TrainOptions;
  readonly debug?: boolean;
}

/** The sizes of images in these tests. */
export const shape = [3, 6, 6] as const;
const pixels = 3 * 6 * 6;

/** A sentence compiled for 6×6 images of three classes. */
export function compileTiny(sentence: Sentence, setting: Setting = {}): Compiled {
  const { batch = 5, classes = 3, debug = false } = setting;
  const { spec, archs } = sentence;
  const input = { nets: spec.nets, archs, graph: sentence.lower(), classes, shape, batch, samples: 16 };
  return compile(input, train(setting), { debug });
}

/** The settings of training. */
export function train(setting: Setting = {}): TrainSpec {
  return trainSpec({ epochs: 2, batch: setting.batch ?? 5, seed: 1, ...setting.train });
}

/** A sentence with hand-written terms over tiny nets called by these names. */
export function written(ids: readonly string[], graph: LossGraph, arch: Arch = tiny): Sentence {
  const nets = ids.map((id): NetSpec => ({ id, arch: arch.name, role: "peer", view: 0 }));
  return { spec: { nets }, archs: { [arch.name]: arch }, lower: () => graph };
}

/** An initialised session that is closed after `use`. */
export async function inSession<R>(
  compiled: Compiled,
  use: (session: Session) => Promise<R>,
  options: { readonly backend?: Backend; readonly seed?: number } = {},
): Promise<R> {
  const session = await Session.open(compiled, options.backend ?? reference());
  try {
    await session.initialize(options.seed ?? 3);
    return await use(session);
  } finally {
    await session.close();
  }
}

/** What {@linkcode feed} draws. */
export interface Drawn {
  readonly count?: number;
  /** Draws other images. */
  readonly seed?: number;
  /** Epoch of the weights; 9 unless said, where every warm-up of these tests is over. */
  readonly epoch?: number;
  readonly rate?: number;
  readonly measured?: Readonly<Record<string, number>>;
}

/** Images, labels, weights and rates of one step. Element i of an image does not depend on the count. */
export function feed(compiled: Compiled, drawn: Drawn = {}): StepFeed {
  const { count = compiled.plan.batch, seed = 1, epoch = 9 } = drawn;
  const views = compiled.step.nodes.filter((node) => node.op === "input" && node.attrs.name.startsWith("images/"));
  const images = views.map((_, view) => {
    const random = stream(seed, "images", view);
    return Float32Array.from({ length: count * pixels }, (_, i) => random.normal(i));
  });
  const classes = compiled.plan.classes;
  const random = stream(seed, "labels");
  return {
    count,
    images,
    labels: Uint16Array.from({ length: count }, (_, i) => random.integer(i, classes)),
    weights: Object.fromEntries(
      Object.entries(compiled.weights).map(([name, weight]) => [name, weightIn(weight, epoch, {})]),
    ),
    rates: Object.fromEntries(
      Object.entries(compiled.optimizers).map(([group, { learningRate }]) => [group, drawn.rate ?? learningRate]),
    ),
    inputs: drawNoise(compiled.step.nodes, { seed, epoch, step: 0 }, count),
    ...(drawn.measured === undefined ? {} : { measured: drawn.measured }),
  };
}

/** All state of a session, by name. */
export async function stateOf(session: Session): Promise<Record<string, Numbers>> {
  const all: Record<string, Numbers> = {};
  for (const { name } of session.compiled.state) all[name] = await session.read(name);
  return all;
}

/** Everything one debug step gives: terms, gradients, class scores and the state after it. */
export async function stepResults(session: Session, given: StepFeed): Promise<Record<string, Numbers>> {
  const { terms } = await session.step(given);
  const all: Record<string, Numbers> = {};
  for (const [name, value] of Object.entries(terms)) all[`term/${name}`] = Float64Array.of(value);
  for (const output of Object.keys(session.compiled.step.outputs)) {
    if (!output.startsWith("term/")) all[output] = await session.readStep(output);
  }
  return { ...all, ...await stateOf(session) };
}

/** One step of a fresh session from seed 3. */
export function firstStep(sentence: Sentence, setting: Setting = {}, drawn: Drawn = {}): Promise<StepResult> {
  const compiled = compileTiny(sentence, setting);
  return inSession(compiled, (session) => session.step(feed(compiled, drawn)));
}

/**
 * Asserts that two sets of tensors have the same names, and numbers within `relative` of each tensor's largest.
 *
 * @param least Size that a tensor counts as having at least, for numbers that cancel to nothing.
 */
export function assertClose(
  actual: Readonly<Record<string, Numbers>>,
  expected: Readonly<Record<string, Numbers>>,
  relative: number,
  what = "",
  least = 1e-3,
): void {
  assertEquals(Object.keys(actual).sort(), Object.keys(expected).sort(), what);
  for (const [name, numbers] of Object.entries(expected)) {
    const found = actual[name]!;
    assertEquals(found.length, numbers.length, `${what} ${name}`);
    const largest = Float64Array.from(numbers).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const allowed = relative * Math.max(largest, least);
    numbers.forEach((x, i) => {
      assert(Math.abs(found[i]! - x) <= allowed, `${what} ${name}[${i}] is ${found[i]}, expected ${x} ± ${allowed}`);
    });
  }
}

/** Names of the tensors that differ in some bit. */
export function changed(
  before: Readonly<Record<string, Numbers>>,
  after: Readonly<Record<string, Numbers>>,
): string[] {
  return Object.keys(before).filter((name) => before[name]!.some((x, i) => !Object.is(x, after[name]![i])));
}

/** Names of parameters and slots (or buffers) of one net or module. */
export function owned(names: readonly string[], module: string, what: "trained" | "statistics"): string[] {
  return names.filter((name) => name.startsWith(`${module}/`) && /running_/.test(name) === (what === "statistics"));
}
