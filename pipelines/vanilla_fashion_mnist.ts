/**
 * One ResNet-8 alone on Fashion-MNIST: what `ffsd_fashion_mnist.ts` is compared with.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/vanilla_fashion_mnist.ts --limit 20000 --epochs 3 --seed 1
 * ```
 *
 * Optimizer, batch, schedule and images are those of `ffsd_fashion_mnist.ts`: SGD with rate 0.1, Nesterov momentum 0.9
 * and weight decay 1e-4, batch 128, 30 epochs, a tenth of the rate after 15 and 23. With the same seed both see the same
 * batches; initial weights are drawn by the net's name, so those of `student` are not those of `leader`.
 *
 * Source: recipe of Li et al. 2022 (FFSD), section IV, at a tenth of its length; images of Xiao, Rasul, Vollgraf 2017.
 *
 * @module
 */

import { type AnyPipeline, fashionMnist, resnet8, run, solo } from "../mod.ts";

const pipeline: AnyPipeline = solo(resnet8)
  .on(fashionMnist())
  .train({ epochs: 30, batch: 128 });

export default pipeline;

if (import.meta.main) await run(pipeline);
