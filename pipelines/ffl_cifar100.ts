/**
 * FFL on CIFAR-100: two branches of a ResNet-32 whose maps a fusion module joins.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ffl_cifar100.ts
 * ```
 *
 * Branches share stem and two stages. Batch 128; SGD with Nesterov momentum 0.9, weight decay 1e-4 for the branches and
 * 1e-5 for the fusion module; the rate of 0.1 falls to a tenth after epochs 150 and 225. T = 3, divergences ramp up over
 * 80 epochs. 301 epochs: the released loop counts from 0 to 300. Images: reflect pad 4, flip, crop.
 *
 * Rows: the nets of FFSD's Table I, where FFL has 74.44 % with ResNet-32 and 75.26 % with WRN-16-2; `…_network` joins two
 * nets that share nothing.
 *
 * Deviations: FFSD does not say how it trained FFL; these are FFL's settings. Its figures are the head `fusion` (FFL)
 * and a branch (FFL-S) at the best epoch; here the last and the best are printed.
 *
 * Source: Kim, Hyun, Chung, Kwak 2020, "Feature Fusion for Online Mutual Knowledge Distillation", section 4, and its
 * released code; Li et al. 2022 (FFSD), Table I.
 *
 * @module
 */

import {
  type AnyPipeline,
  branches,
  cifar100,
  cohort,
  ffl,
  published,
  resnet32,
  type Rows,
  run,
  type TrainOptions,
  wrn_16_2_ffsd,
} from "../mod.ts";

const settings: TrainOptions = { epochs: 301, batch: 128, schedule: { milestones: [150, 225] } };
const images = cifar100(published.ffl.cifar100);

const pipeline: AnyPipeline = branches(resnet32, 2, { from: "layer2" }).use(ffl()).on(images).train(settings);

export default pipeline;

/** The nets of FFSD's table. */
export const rows: Rows = {
  resnet32: pipeline,
  wrn_16_2: branches(wrn_16_2_ffsd, 2, { from: "layer2" }).use(ffl()).on(images).train(settings),
  resnet32_network: cohort("resnet32×2").use(ffl()).on(images).train(settings),
  wrn_16_2_network: cohort("wrn_16_2_ffsd×2").use(ffl()).on(images).train(settings),
};

if (import.meta.main) await run(pipeline, { rows });
