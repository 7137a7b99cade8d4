/**
 * SwitOKD on ImageNet: a ResNet-34 and a ResNet-18 learn from each other, and the teacher pauses where it runs away.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/switokd_imagenet.ts
 * ```
 *
 * Reads the folder `imagenet` with `train/<wnid>/…` and `val/<wnid>/…`. 120 epochs with batch 512; SGD with momentum 0.9
 * (no Nesterov) and weight decay 1e-4; the rate of 0.1 falls to a tenth after epochs 30, 60 and 90. τ = 1, seed 1.
 * Images: random resized crop to 224, flip; tested on the centre of 256.
 *
 * Rows: `switokd` (student 71.75 % according to notes on the paper, 69.76 % alone), DML and the nets alone.
 *
 * Deviations: the release reads an LMDB copy of the images and starts the nets as torchvision does, whose classifier and
 * convolutions are the same rules here.
 *
 * Source: Qian, Wang, Xiong, Wu, Zhang 2022, "Switchable Online Knowledge Distillation", section 4, and its released
 * code.
 *
 * @module
 */

import {
  type AnyPipeline,
  imagenet,
  resnet18_imagenet,
  resnet34_imagenet,
  type Rows,
  run,
  solo,
  switokd,
  teacher,
  type TrainOptions,
} from "../mod.ts";

const settings: TrainOptions = {
  epochs: 120,
  batch: 512,
  optimizer: { nesterov: false },
  schedule: { milestones: [30, 60, 90] },
};
const images = imagenet({ path: "imagenet" });
const pair = teacher(resnet34_imagenet).student(resnet18_imagenet);

const pipeline: AnyPipeline = pair.use(switokd()).on(images).train(settings);

export default pipeline;

/** Rows of the paper's table. */
export const rows: Rows = {
  switokd: pipeline,
  switokd_paper: pair.use(switokd({ onlyIfBetter: false })).on(images).train(settings),
  dml: pair.mutual().on(images).train(settings),
  teacher_alone: solo(resnet34_imagenet).on(images).train(settings),
  student_alone: solo(resnet18_imagenet).on(images).train(settings),
};

if (import.meta.main) await run(pipeline, { rows });
