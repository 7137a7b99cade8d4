/**
 * Factor transfer on CIFAR-100: a ResNet-20's translator says what a paraphraser says of a ResNet-56's deepest map.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ft_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/ft_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * A stage of 30 epochs at a rate of 0.01 teaches the paraphraser to reconstruct the teacher's map; then the student
 * learns cross-entropy and 200 times the distance of the factors. The teacher is trained first; optimizer, schedule and
 * images of both: `shared/distillation.ts`.
 *
 * Deviation: for students other than its small ResNets and WRNs the release paraphrases at the run's rate; here it is
 * 0.01 in every row.
 *
 * The benchmark reports 69.84 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Kim, Park, Kwak 2018; settings and rows of the benchmark of Tian, Krishnan, Isola 2020 (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, ft, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(ft({ weight: 200, epochs: 30 }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
