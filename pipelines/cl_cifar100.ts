/**
 * CL-ILR on CIFAR-100: three heads of a ResNet-32, each learning from the mean of the others.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/cl_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/cl_cifar100.ts --row resnet32_cl
 * ```
 *
 * Heads share stem and two stages, and gradients that enter these are divided by three. 300 epochs with batch 128; SGD
 * with Nesterov momentum 0.9 and weight decay 5e-4; the rate of 0.1 falls to a tenth after epochs 150 and 225. T = 3,
 * divergences ramp up over 80 epochs, targets are live. Images: zero pad 4, crop, flip.
 *
 * Rows: `cl` has three nets that share nothing; `not_rescaled` leaves gradients as they are; `alone` trains the branches
 * from labels only ("Ind" in the OKDDip repository).
 *
 * Deviations: settings and formulas are those of the OKDDip repository, whose authors ran CL for comparison; the
 * paper's own code is not public.
 *
 * Source: Song & Chai 2018, "Collaborative Learning for Deep Neural Networks"; Chen et al. 2020 (OKDDip), released code.
 *
 * @module
 */

import {
  type AnyPipeline,
  branches,
  cifar100,
  cl,
  cohort,
  published,
  resnet32,
  type Rows,
  run,
  type TrainOptions,
  wrn_16_2,
} from "../mod.ts";

const settings: TrainOptions = {
  epochs: 300,
  batch: 128,
  optimizer: { weightDecay: 5e-4 },
  schedule: { milestones: [150, 225] },
};
const images = cifar100(published.okddip.cifar100);
const heads = branches(resnet32, 3, { from: "layer2" });

const pipeline: AnyPipeline = heads.use(cl()).on(images).train(settings);

export default pipeline;

/** CL-ILR, CL, and what they are compared with. */
export const rows: Rows = {
  resnet32: pipeline,
  resnet32_cl: cohort("resnet32×3").use(cl()).on(images).train(settings),
  resnet32_not_rescaled: heads.use(cl({ rescale: false })).on(images).train(settings),
  resnet32_alone: heads.on(images).train(settings),
  wrn_16_2: branches(wrn_16_2, 3, { from: "layer2" }).use(cl()).on(images).train(settings),
  wrn_16_2_cl: cohort("wrn_16_2×3").use(cl()).on(images).train(settings),
};

if (import.meta.main) await run(pipeline, { rows });
