/**
 * Knowledge distillation on CIFAR-100: a frozen ResNet-56 teaches a ResNet-20.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/vanilla_cifar100.ts --name teacher
 * deno run --allow-read --allow-write=runs pipelines/kd_cifar100.ts --weights teacher=runs/teacher/student.safetensors
 * ```
 *
 * The teacher learns nothing here, so it needs weights: `vanilla_cifar100.ts` trains them. The student learns 0.1 ·
 * cross-entropy + 0.9 · T² · KL at T = 4, for 240 epochs with batch 64: SGD with momentum 0.9 (no Nesterov) and weight
 * decay 5e-4; the rate of 0.05 falls to a tenth after epochs 150, 180 and 210. Images: zero pad 4, crop, flip.
 *
 * `--net` gives both nets the same architecture.
 *
 * Source: Hinton, Vinyals, Dean 2015; settings of the benchmark code of Tian, Krishnan, Isola 2020.
 *
 * @module
 */

import { type AnyPipeline, cifar100, kd, resnet20, resnet56, run, teacher } from "../mod.ts";

const pipeline: AnyPipeline = teacher(resnet56).student(resnet20).use(kd({ temperature: 4, weight: 0.9 }))
  .on(cifar100({
    normalization: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
    augment: [{ kind: "crop", pad: 4, mode: "zero" }, { kind: "flip", probability: 0.5 }],
  }))
  .train({
    epochs: 240,
    batch: 64,
    optimizer: { learningRate: 0.05, momentum: 0.9, nesterov: false, weightDecay: 5e-4 },
    schedule: { milestones: [150, 180, 210] },
  });

export default pipeline;

if (import.meta.main) await run(pipeline);
