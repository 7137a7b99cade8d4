/**
 * Similarity-preserving distillation on CIFAR-100: images alike to a ResNet-56 are alike to a ResNet-20.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/sp_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/sp_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns cross-entropy and 3000 times the mean squared difference of the similarities within a batch, at
 * the deepest stage. The teacher is trained first; optimizer, schedule and images of both: `shared/distillation.ts`.
 *
 * The benchmark reports 69.67 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Tung, Mori 2019; settings and rows of the benchmark of Tian, Krishnan, Isola 2020 (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, published, type Rows, run, sp, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(sp({ weight: 3000 }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
