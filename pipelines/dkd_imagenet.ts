/**
 * Decoupled distillation on ImageNet: a frozen ResNet-34 teaches a ResNet-18.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/dkd_imagenet.ts --weights teacher=resnet34.safetensors
 * deno run --allow-read --allow-write=runs pipelines/dkd_imagenet.ts --row resnet50_mobilenet_v2 \
 *   --weights teacher=resnet50.safetensors
 * ```
 *
 * The teacher's weights are those that PyTorch publishes, written by `safetensors.torch.save_file`; its names and layouts
 * are the same. Images are looked for in the folder `imagenet`, as `train/<wnid>` and `val/<wnid>`, unless `--dataset`
 * says another one.
 *
 * The student learns cross-entropy + TCKD + β · NCKD at T = 1 without a warm-up, β = 0.5 for ResNet-18 and 2 for
 * MobileNetV2; 100 epochs with batch 512: SGD with momentum 0.9 (no Nesterov) and weight decay 1e-4; the rate of 0.2 falls
 * to a tenth after epochs 30, 60 and 90. Images: resized crop of 224×224, flip.
 *
 * Source: Zhao, Cui, Song, Qiu, Liang 2022, "Decoupled Knowledge Distillation", and the configurations of its released
 * code (mdistiller).
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  dkd,
  imagenet,
  mobilenet_v2_torchvision,
  published,
  resnet18_imagenet,
  resnet34_imagenet,
  resnet50_imagenet,
  type Rows,
  run,
  teacher,
} from "../mod.ts";

function sentence(large: Arch, small: Arch, others: number): AnyPipeline {
  return teacher(large).student(small)
    .use(dkd({ temperature: 1, target: 1, others, weight: 1 }))
    .on(imagenet({ ...published.sakd.imagenet, path: "imagenet", size: 224 }))
    .train({
      epochs: 100,
      batch: 512,
      optimizer: { learningRate: 0.2, momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
      schedule: { milestones: [30, 60, 90] },
    });
}

const pipeline: AnyPipeline = sentence(resnet34_imagenet, resnet18_imagenet, 0.5);

export default pipeline;

/** One row a pair of nets. */
export const rows: Rows = {
  resnet34_resnet18: pipeline,
  resnet50_mobilenet_v2: sentence(resnet50_imagenet, mobilenet_v2_torchvision, 2),
};

if (import.meta.main) await run(pipeline, { rows });
