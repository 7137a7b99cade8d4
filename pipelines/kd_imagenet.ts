/**
 * Knowledge distillation on ImageNet: a frozen ResNet-34 teaches a ResNet-18.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/kd_imagenet.ts --weights teacher=resnet34.safetensors
 * deno run --allow-read --allow-write=runs pipelines/kd_imagenet.ts --dataset FOLDER --weights teacher=resnet34.safetensors
 * ```
 *
 * The teacher's weights are those that PyTorch publishes, written by `safetensors.torch.save_file`; its names and layouts
 * are the same. Images are looked for in the folder `imagenet`, as `train/<wnid>` and `val/<wnid>`, unless `--dataset`
 * says another one.
 *
 * The student learns 0.5 · cross-entropy + 0.5 · KL at T = 1, for 100 epochs with batch 512: SGD with momentum 0.9 (no
 * Nesterov) and weight decay 1e-4; the rate of 0.2 falls to a tenth after epochs 30, 60 and 90. Images: resized crop of
 * 224×224, flip.
 *
 * Source: Hinton, Vinyals, Dean 2015; settings of the released code of Zhao, Cui, Song, Qiu, Liang 2022 (mdistiller).
 *
 * @module
 */

import {
  type AnyPipeline,
  imagenet,
  kd,
  published,
  resnet18_imagenet,
  resnet34_imagenet,
  type Rows,
  run,
  teacher,
} from "../mod.ts";

const pipeline: AnyPipeline = teacher(resnet34_imagenet).student(resnet18_imagenet)
  .use(kd({ temperature: 1, weight: 0.5 }))
  .on(imagenet({ ...published.sakd.imagenet, path: "imagenet", size: 224 }))
  .train({
    epochs: 100,
    batch: 512,
    optimizer: { learningRate: 0.2, momentum: 0.9, nesterov: false, weightDecay: 1e-4 },
    schedule: { milestones: [30, 60, 90] },
  });

export default pipeline;

/** The one pair of nets. */
export const rows: Rows = { resnet34_resnet18: pipeline };

if (import.meta.main) await run(pipeline, { rows });
