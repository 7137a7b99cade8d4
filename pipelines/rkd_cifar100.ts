/**
 * Relational distillation on CIFAR-100: a ResNet-20 keeps a ResNet-56's distances and angles between images.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/rkd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/rkd_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns cross-entropy, 25 times the loss of distances and 50 times that of angles, between embeddings. The
 * teacher is trained first; optimizer, schedule and images of both: `shared/distillation.ts`.
 *
 * The benchmark reports 69.61 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Park, Kim, Lu, Cho 2019; settings and rows of the benchmark of Tian, Krishnan, Isola 2020 (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, published, rkd, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(
    rkd({ weight: 1, distance: 25, angle: 50 }),
  )
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
