/**
 * KDCL on CIFAR-100: a ResNet-32 and a WRN-16-2 imitate one target made of both, each from its own view of the images.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/kdcl_cifar100.ts --row minlogit
 * deno run --allow-read --allow-write=runs pipelines/kdcl_cifar100.ts --row mean_vgg13_vgg8
 * ```
 *
 * 200 epochs with batch 128; SGD with Nesterov momentum 0.9 and weight decay 5e-4; the rate of 0.1 falls to a tenth after
 * epochs 100 and 150. T = 2, λ = 1. `general`, the main row, weighs the nets by their errors on 5,000 images held out of
 * training, on which its epochs are measured too (74.3 % and 75.5 % in the paper). Images: reflect pad 4, crop, flip.
 *
 * Rows: the four targets, `linear_batch` with weights per batch, `shared_view` without views of their own; `mean_…` are
 * the pairs of a public re-implementation: target the mean of the class scores, 0.5 · cross-entropy + 0.5 · T² · KL,
 * T = 4, 240 epochs with batch 64, rate 0.05 (0.01 for MobileNetV2 and ShuffleNets) without Nesterov, falls after 150, 180 and
 * 210; zero pad 4, crop, flip.
 *
 * Deviations: the authors' code is not public. Schedule, images and the number held out are from memory, T and λ from
 * notes on the paper; nothing says whether linear weights are per sample.
 *
 * Source: Guo, Wang, Wu, Liang, Wang 2020, "Online Knowledge Distillation via Collaborative Learning", section 4; the
 * re-implementation is that of GitHub user shaoeric.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cifar100,
  cohort,
  mobilenet_v2_half,
  published,
  resnet110,
  resnet20,
  resnet32,
  resnet32x4,
  resnet50_cifar,
  resnet56,
  resnet8x4,
  type Rows,
  run,
  shufflenet_v1,
  shufflenet_v2,
  type TrainOptions,
  vgg13,
  vgg8,
  withSplit,
  wrn_16_1,
  wrn_16_2,
  wrn_40_1,
  wrn_40_2,
} from "../mod.ts";

const settings: TrainOptions = {
  epochs: 200,
  batch: 128,
  optimizer: { weightDecay: 5e-4 },
  schedule: { milestones: [100, 150] },
};
const pair = cohort([resnet32, wrn_16_2]).views("each");

const pipeline: AnyPipeline = pair.ensemble("general").on(withSplit(cifar100(), { validation: 5000 })).train(settings);

export default pipeline;

/** Targets, and the pairs of the re-implementation. */
export const rows: Rows = {
  general: pipeline,
  naive: pair.ensemble("naive").on(cifar100()).train(settings),
  linear: pair.ensemble("linear").on(cifar100()).train(settings),
  linear_batch: pair.ensemble("linear", { per: "batch" }).on(cifar100()).train(settings),
  minlogit: pair.ensemble("minLogit").on(cifar100()).train(settings),
  minlogit_shared_view: pair.views("shared").ensemble("minLogit").on(cifar100()).train(settings),
  mean_wrn_40_2_wrn_16_1: mean(wrn_40_2, wrn_16_1),
  mean_wrn_40_2_wrn_40_1: mean(wrn_40_2, wrn_40_1),
  mean_resnet56_resnet20: mean(resnet56, resnet20),
  mean_resnet110_resnet20: mean(resnet110, resnet20),
  mean_resnet110_resnet32: mean(resnet110, resnet32),
  mean_resnet32x4_resnet8x4: mean(resnet32x4, resnet8x4),
  mean_vgg13_vgg8: mean(vgg13, vgg8),
  mean_vgg13_mobilenet_v2: mean(vgg13, mobilenet_v2_half, 0.01),
  mean_resnet50_mobilenet_v2: mean(resnet50_cifar, mobilenet_v2_half, 0.01),
  mean_resnet50_vgg8: mean(resnet50_cifar, vgg8),
  mean_resnet32x4_shufflenet_v1: mean(resnet32x4, shufflenet_v1, 0.01),
  mean_resnet32x4_shufflenet_v2: mean(resnet32x4, shufflenet_v2, 0.01),
  mean_wrn_40_2_shufflenet_v1: mean(wrn_40_2, shufflenet_v1, 0.01),
};

function mean(large: Arch, small: Arch, smallRate = 0.05): AnyPipeline {
  return cohort([large, small]).views("each")
    .ensemble("mean", { temperature: 4, weight: 0.5, labelWeight: 0.5 })
    .on(cifar100(published.sakd.cifar100))
    .train({
      epochs: 240,
      batch: 64,
      optimizer: { learningRate: 0.05, nesterov: false, weightDecay: 5e-4 },
      schedule: { milestones: [150, 180, 210] },
      groups: { peer1: { learningRate: smallRate } },
    });
}

if (import.meta.main) await run(pipeline, { rows });
