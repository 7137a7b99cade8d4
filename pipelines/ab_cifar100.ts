/**
 * Activation boundaries on CIFAR-100: a ResNet-20 learns first on which side of zero a ResNet-56's neurons are.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ab_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/ab_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * A stage of 30 epochs has the boundaries at every stage of the nets and nothing else; then the student learns cross-
 * entropy alone for 240 epochs. The teacher is trained first; optimizer, schedule and images of both:
 * `shared/distillation.ts`.
 *
 * The benchmark reports 69.47 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Heo, Lee, Yun, Choi 2019; settings and rows of the benchmark of Tian, Krishnan, Isola 2020 (RepDistiller).
 *
 * @module
 */

import { ab, type AnyPipeline, cifar100, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(ab({ epochs: 30 }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
