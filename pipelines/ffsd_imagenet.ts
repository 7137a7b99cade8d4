/**
 * FFSD on ImageNet: two common students and a leader, all ResNet-18 or all ResNet-34.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ffsd_imagenet.ts --row resnet34
 * ```
 *
 * Reads the folder `imagenet` with `train/<wnid>/…` and `val/<wnid>/…`. 90 epochs with batch 256; the rate rises to 0.8
 * over 5 epochs and falls to a tenth after 30 and 60, as the paper says. SGD, Nesterov momentum 0.9, weight decay 1e-4,
 * 1e-5 for the fusion module; self-distillation modules: Adam, rate 1e-3. α, β, γ and T as on CIFAR-100. Images: random
 * resized crop to 224, flip; tested on the centre of 256.
 *
 * Rows: `resnet18` and `resnet34` (leaders 70.9 % and 74.7 % in the paper), `…_alone` and `…_dml` beside them, and
 * `…_code` as the released scripts have it: 89 epochs, rate 0.1, falls after 29, 59 and 79.
 *
 * Deviations: the released warm-up starts from a fifth of the rate and ends after 4 epochs, here it starts from near 0
 * and takes 5; the released modules fall after 30, 60 and 80, here all fall together. The scripts do not run unmodified.
 *
 * Source: Li, Lin, Wang, Wu, Tian, Shao, Ji 2022, "Distilling a Powerful Student Model via Online Knowledge
 * Distillation", section IV, and its released code.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cohort,
  ffsd,
  imagenet,
  resnet18_imagenet,
  resnet34_imagenet,
  type Rows,
  run,
  solo,
  type TrainOptions,
} from "../mod.ts";

const images = imagenet({ path: "imagenet" });
const paper: TrainOptions = {
  epochs: 90,
  batch: 256,
  optimizer: { learningRate: 0.8 },
  schedule: { milestones: [30, 60], warmup: 5 },
};
const code: TrainOptions = { epochs: 89, batch: 256, schedule: { milestones: [29, 59, 79], warmup: 5 } };

const pipeline: AnyPipeline = led(resnet18_imagenet, paper);

export default pipeline;

/** Rows of the paper's tables, and the same with the settings of the released code. */
export const rows: Rows = {
  resnet18: pipeline,
  resnet34: led(resnet34_imagenet, paper),
  resnet18_code: led(resnet18_imagenet, code),
  resnet34_code: led(resnet34_imagenet, code),
  resnet18_alone: solo(resnet18_imagenet).on(images).train(paper),
  resnet34_alone: solo(resnet34_imagenet).on(images).train(paper),
  resnet18_dml: mutual(resnet18_imagenet),
  resnet34_dml: mutual(resnet34_imagenet),
};

function led(net: Arch, settings: TrainOptions): AnyPipeline {
  return cohort(net, 3).leader().use(ffsd()).on(images).train(settings);
}

function mutual(net: Arch): AnyPipeline {
  return cohort(net, 2).mutual({ temperature: 2 }).on(images).train(paper);
}

if (import.meta.main) await run(pipeline, { rows });
