/**
 * Knowledge review on CIFAR-100: a ResNet-8 of fourfold width imitates a ResNet-32 of fourfold width, every map fused with
 * what is left of the deeper ones.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/reviewkd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/reviewkd_cifar100.ts --row resnet56_resnet20
 * ```
 *
 * The student learns cross-entropy and 5 times the hierarchical context loss, warmed up over 20 epochs. The teacher is
 * trained first; optimizer, schedule and images of both: `shared/distillation.ts`.
 *
 * Deviation: 5 is the configuration of this pair, the only one there is; the other rows have it too, where the paper's
 * authors choose a factor for each pair.
 *
 * Source: Chen, Liu, Zhao, Jia 2021, "Distilling Knowledge via Knowledge Review", in the configuration of mdistiller (Zhao
 * et al. 2022); rows of the benchmark of Tian, Krishnan, Isola 2020.
 *
 * @module
 */

import {
  type AnyPipeline,
  cifar100,
  published,
  resnet32x4,
  resnet8x4,
  reviewkd,
  type Rows,
  run,
  teacher,
} from "../mod.ts";
import { allPairs, type Pair, pretraining, rowsOf, training } from "./shared/distillation.ts";

function sentence(pair: Pair): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining).use(reviewkd())
    .on(cifar100(published.sakd.cifar100))
    .train(training(pair.student));
}

const pipeline: AnyPipeline = sentence({ teacher: resnet32x4, student: resnet8x4 });

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = rowsOf(allPairs, sentence);

if (import.meta.main) await run(pipeline, { rows });
