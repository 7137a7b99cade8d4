/**
 * FFSD on CIFAR-100: two common students and a leader, all ResNet-32, as in the paper.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ffsd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/ffsd_cifar100.ts \
 *   --dataset cifar10-jpeg.tar.gz --net resnet8 --epochs 1 --limit 5000
 * ```
 *
 * The paper trains for 300 epochs with batch 128; the rate of 0.1 falls to a tenth after epochs 150 and 225. Students,
 * leader and decoder: SGD, Nesterov momentum 0.9, weight decay 1e-4. Fusion module: the same with weight decay 1e-5.
 * Self-distillation modules: Adam, rate 1e-3. α = 1e-5, β = 10 and γ = 1000, warmed up over 5 epochs; T = 2. Images:
 * reflect pad 4, crop, flip. All of this is what the verbs fill in; `--explain` prints it.
 *
 * Deviation: the released loop counts from 1 to 299, so it runs 299 epochs. Its table reports the best epoch of the
 * leader on the test images; this program prints the last and the best.
 *
 * Source: Li, Lin, Wang, Wu, Tian, Shao, Ji 2022, "Distilling a Powerful Student Model via Online Knowledge
 * Distillation", section IV, and its released code.
 *
 * @module
 */

import { type AnyPipeline, cifar100, cohort, run } from "../mod.ts";

const pipeline: AnyPipeline = cohort("resnet32×3").leader().fuse().selfDistill()
  .on(cifar100())
  .train({ epochs: 300, batch: 128, schedule: { milestones: [150, 225] } });

export default pipeline;

if (import.meta.main) await run(pipeline);
