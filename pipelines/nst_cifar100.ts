/**
 * Neuron selectivity transfer on CIFAR-100, from a ResNet-56 to a ResNet-20.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/nst_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/nst_cifar100.ts --row resnet32x4_resnet8x4
 * ```
 *
 * The student learns cross-entropy and, at every stage, 50 times the squared distance of its channels' activations from
 * the teacher's under a polynomial kernel. The teacher is trained first; optimizer, schedule and images of both:
 * `shared/distillation.ts`.
 *
 * The benchmark reports 69.60 % for this pair, and 69.06 % for the student alone: the best epoch on the test images.
 *
 * Source: Huang, Wang 2017; settings and rows of the benchmark of Tian, Krishnan, Isola 2020 (RepDistiller).
 *
 * @module
 */

import { type AnyPipeline, cifar100, nst, published, type Rows, run, teacher } from "../mod.ts";
import { allPairs, mainPair, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(nst({ weight: 50 }))
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence(mainPair);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
