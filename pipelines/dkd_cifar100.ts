/**
 * Decoupled distillation on CIFAR-100: a ResNet-20 learns from a ResNet-56 what is right, and by another factor how wrong
 * the rest is.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/dkd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/dkd_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns cross-entropy and α · TCKD + β · NCKD at T = 4, warmed up over 20 epochs; α is 1, β is chosen for
 * each pair. The teacher is trained first; optimizer, schedule and images of both: `shared/distillation.ts`.
 *
 * The paper reports 71.97 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Zhao, Cui, Song, Qiu, Liang 2022, "Decoupled Knowledge Distillation", and the configurations of its released
 * code (mdistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, dkd, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, pretraining, rowsOf, training } from "./shared/distillation.ts";

/** Factor β of each pair. */
const others: Readonly<Record<string, number>> = {
  resnet56_resnet20: 2,
  resnet110_resnet32: 2,
  wrn_40_2_wrn_16_2: 6,
  wrn_40_2_wrn_40_1: 6,
  resnet32x4_resnet8x4: 8,
  vgg13_vgg8: 6,
  vgg13_mobilenet_v2_half: 6,
  resnet50_mobilenet_v2_half: 8,
  resnet32x4_shufflenet_v1: 8,
  resnet32x4_shufflenet_v2: 8,
  wrn_40_2_shufflenet_v1: 8,
};

function sentence(factor: number, name: string): AnyPipeline {
  const pair = allPairs[name]!;
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining)
    .use(dkd({ temperature: 4, target: 1, others: factor }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(2, "resnet56_resnet20");

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(others, sentence);

if (import.meta.main) await run(pipeline, { rows });
