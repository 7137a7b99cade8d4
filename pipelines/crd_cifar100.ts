/**
 * Contrastive representation distillation on CIFAR-100, from a ResNet-56 to a ResNet-20.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/crd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/crd_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns cross-entropy and 0.8 times the contrastive loss: embeddings of 128 features, 16384 negatives of
 * other classes an image, temperature 0.07. The teacher is trained first; optimizer, schedule and images of both:
 * `shared/distillation.ts`.
 *
 * The benchmark reports 71.16 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Tian, Krishnan, Isola 2020, "Contrastive Representation Distillation", section 4, and its released code
 * (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, crd, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(
    crd({ weight: 0.8, negatives: 16384, temperature: 0.07 }),
  )
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
