/**
 * FFSD on Fashion-MNIST: two common students and a leader, all ResNet-8. Small enough for a processor.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ffsd_fashion_mnist.ts --limit 20000 --epochs 3 --seed 1
 * ```
 *
 * The paper has no Fashion-MNIST. The method is the paper's (see `ffsd_cifar100.ts`), and so are optimizer, batch and
 * schedule; the 30 epochs are ours, for time: the rate falls to a tenth after 15 and 23. Images: zero pad 2, crop, flip.
 * `vanilla_fashion_mnist.ts` trains the same net alone with the same settings.
 *
 * The files come from Debian's package `dataset-fashion-mnist`, from `runs/cache/fashion_mnist`, or with `--download`
 * (and `--allow-net=raw.githubusercontent.com`) from Zalando's repository.
 *
 * Source: Li et al. 2022 (FFSD), section IV; Xiao, Rasul, Vollgraf 2017 for the images.
 *
 * @module
 */

import { type AnyPipeline, cohort, fashionMnist, run } from "../mod.ts";

const pipeline: AnyPipeline = cohort("resnet8×3").leader().fuse().selfDistill()
  .on(fashionMnist())
  .train({ epochs: 30, batch: 128 });

export default pipeline;

if (import.meta.main) await run(pipeline);
