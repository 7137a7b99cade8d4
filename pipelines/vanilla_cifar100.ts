/**
 * One ResNet-56 alone on CIFAR-100: the teacher of `kd_cifar100.ts`, and a baseline with `--net`.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/vanilla_cifar100.ts --name teacher
 * deno run --allow-read --allow-write=runs pipelines/vanilla_cifar100.ts --net resnet20
 * ```
 *
 * 240 epochs with batch 64; SGD with momentum 0.9 (no Nesterov) and weight decay 5e-4; the rate of 0.05 falls to a tenth
 * after epochs 150, 180 and 210. Images: zero pad 4, crop, flip. The weights are written as `student.safetensors`,
 * since a net alone is a student without a teacher.
 *
 * Source: Tian, Krishnan, Isola 2020, "Contrastive Representation Distillation", benchmark code.
 *
 * @module
 */

import { type AnyPipeline, cifar100, resnet56, run, solo } from "../mod.ts";

const pipeline: AnyPipeline = solo(resnet56)
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
