/**
 * Knowledge distillation on CIFAR-100: a ResNet-56 teaches a ResNet-20.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/kd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/kd_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns 0.1 · cross-entropy + 0.9 · T² · KL at T = 4. The teacher is trained first; optimizer, schedule
 * and images of both: `shared/distillation.ts`.
 *
 * The benchmark reports 70.66 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Hinton, Vinyals, Dean 2015; settings and rows of the benchmark of Tian, Krishnan, Isola 2020 (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, kd, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(kd({ temperature: 4, weight: 0.9 }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
