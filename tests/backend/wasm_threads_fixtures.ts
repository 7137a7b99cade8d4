/**
 * What the tests of threads share: two small sentences, their programs, and steps to feed them.
 *
 * @module
 */

import { cohort, solo } from "../../dsl/cohort.ts";
import { stream } from "../../dsl/random.ts";
import { trainSpec } from "../../dsl/train.ts";
import { ffsd } from "../../methods/ffsd.ts";
import { resnet } from "../../mod.ts";
import { compile, type Compiled } from "../../runtime/compile/compile.ts";
import { weightIn } from "../../runtime/train/schedule.ts";
import type { StepFeed } from "../../runtime/train/session.ts";
import type { Trainable } from "../../runtime/train/train.ts";

const net = resnet(8, { widths: [8, 8, 12, 16], name: "thin8" });
/** A net alone. */
export const alone: Trainable = solo(net);
/** A cohort of three that fuses. */
export const fused: Trainable = cohort(net, 3).leader().use(ffsd());

/** A sentence compiled for images of 3×8×8. */
export function compiledFor(sentence: Trainable, batch: number): Compiled {
  const { spec: { nets }, archs } = sentence;
  return compile({ nets, archs, graph: sentence.lower(), classes: 10, shape: [3, 8, 8], batch }, trainSpec());
}

/** Images, labels, weights and rates of a step. */
export function feedOf({ weights, optimizers }: Compiled, count: number, step: number): StepFeed {
  const random = stream(step, "threads");
  return {
    count,
    images: [Float32Array.from({ length: count * 192 }, (_, i) => random.normal(i))],
    labels: Uint16Array.from({ length: count }, (_, i) => (3 * i + step) % 10),
    weights: Object.fromEntries(Object.entries(weights).map(([term, weight]) => [term, weightIn(weight, 1, {})])),
    rates: Object.fromEntries(Object.keys(optimizers).map((group) => [group, 0.1])),
  };
}
