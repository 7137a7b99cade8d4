/**
 * One net alone on CIFAR-100: the teachers and students of the distillers' tables.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/vanilla_cifar100.ts --name teacher
 * deno run --allow-read --allow-write=runs pipelines/kd_cifar100.ts --weights teacher=runs/teacher/student.safetensors
 * deno run --allow-read --allow-write=runs pipelines/vanilla_cifar100.ts --row vgg13
 * ```
 *
 * The first row is a ResNet-56. 240 epochs with batch 64; optimizer, schedule and images: `shared/distillation.ts`. The
 * weights are written as `student.safetensors`, since a net alone is a student without a teacher.
 *
 * Nets alone with the settings of FFSD and of SwitOKD are rows of their recipes, called `…_alone`.
 *
 * The benchmark reports 72.34 % for ResNet-56 and 69.06 % for ResNet-20: best epochs on the test images.
 *
 * Source: Tian, Krishnan, Isola 2020, "Contrastive Representation Distillation", benchmark code.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cifar100,
  mobilenet_v2,
  mobilenet_v2_half,
  published,
  resnet110,
  resnet20,
  resnet32,
  resnet32x4,
  resnet50_cifar,
  resnet56,
  resnet8x4,
  type Rows,
  run,
  shufflenet_v1,
  shufflenet_v2,
  solo,
  vgg13,
  vgg8,
  wrn_16_2,
  wrn_40_1,
  wrn_40_2,
} from "../mod.ts";
import { rowsOf, training } from "./shared/distillation.ts";

/** Teachers and students; MobileNetV2 of full width is SAKD's. */
const nets: Readonly<Record<string, Arch>> = {
  resnet56,
  resnet20,
  resnet32,
  resnet110,
  resnet8x4,
  resnet32x4,
  wrn_16_2,
  wrn_40_1,
  wrn_40_2,
  vgg8,
  vgg13,
  resnet50: resnet50_cifar,
  mobilenet_v2,
  mobilenet_v2_half,
  shufflenet_v1,
  shufflenet_v2,
};

function sentence(net: Arch): AnyPipeline {
  return solo(net).on(cifar100(published.sakd.cifar100)).train(training(net));
}

const pipeline: AnyPipeline = sentence(resnet56);

export default pipeline;

/** One row a net. */
export const rows: Rows = rowsOf(nets, sentence);

if (import.meta.main) await run(pipeline, { rows });
