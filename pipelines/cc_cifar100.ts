/**
 * Correlation congruence on CIFAR-100, from a ResNet-56 to a ResNet-20.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/cc_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/cc_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns cross-entropy and 0.02 times the product of what neighbours in a batch differ in from the teacher,
 * in embeddings of 128 features, both of which are trained. The teacher is trained first; optimizer, schedule and
 * images of both: `shared/distillation.ts`.
 *
 * The benchmark reports 69.63 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Peng et al. 2019; settings and rows of the benchmark of Tian, Krishnan, Isola 2020 (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cc, cifar100, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(cc({ weight: 0.02 }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
