/**
 * FitNets on CIFAR-100: a regressor on a ResNet-20's second stage makes a ResNet-56's map of it.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/fitnet_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/fitnet_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns cross-entropy and 100 times the mean squared difference of its regressed map from the teacher's.
 * The teacher is trained first; optimizer, schedule and images of both: `shared/distillation.ts`.
 *
 * The benchmark reports 69.21 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Romero et al. 2015, section 2.1; settings and rows of the benchmark of Tian, Krishnan, Isola 2020
 * (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, fitnet, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(fitnet({ weight: 100 }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
