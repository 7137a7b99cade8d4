/**
 * AFD on CIFAR-100: two ResNet-32 that imitate each other's class scores and play an adversarial game over their maps.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/afd_cifar100.ts
 * ```
 *
 * 300 epochs with batch 128. Class scores: SGD with Nesterov momentum 0.9 and weight decay 1e-4; the rate of 0.1 falls
 * to a tenth after epochs 150 and 225; T = 3. Then, in the same batch, the adversarial losses: Adam, rate 2e-5, weight
 * decay 0.1, for nets and discriminators. Images: reflect pad 4, crop, flip.
 *
 * Rows: the nets of FFSD's Table I, where AFD has 74.03 % with ResNet-32 and 75.33 % with WRN-16-2; `different` pairs the
 * two, `three` is a cycle of three nets.
 *
 * Deviations: no code was at hand and the settings are from memory: see `afd()`, whose discriminators are this project's.
 *
 * Source: Chung, Park, Kim, Kwak 2020, "Feature-map-level Online Adversarial Knowledge Distillation"; Li et al. 2022
 * (FFSD), Table I.
 *
 * @module
 */

import {
  afd,
  type AnyPipeline,
  cifar100,
  cohort,
  resnet32,
  type Rows,
  run,
  type TrainOptions,
  wrn_16_2_ffsd,
} from "../mod.ts";

const settings: TrainOptions = { epochs: 300, batch: 128, schedule: { milestones: [150, 225] } };

const pipeline: AnyPipeline = cohort("resnet32×2").use(afd()).on(cifar100()).train(settings);

export default pipeline;

/** The nets of FFSD's table, a pair of both, and three nets. */
export const rows: Rows = {
  resnet32: pipeline,
  wrn_16_2: cohort("wrn_16_2_ffsd×2").use(afd()).on(cifar100()).train(settings),
  different: cohort([resnet32, wrn_16_2_ffsd]).use(afd()).on(cifar100()).train(settings),
  three: cohort("resnet32×3").use(afd()).on(cifar100()).train(settings),
};

if (import.meta.main) await run(pipeline, { rows });
