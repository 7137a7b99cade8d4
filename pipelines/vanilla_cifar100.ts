/**
 * One net alone on CIFAR-100: the teachers and students of the distillers' tables, and the baselines of FFSD's.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/vanilla_cifar100.ts --name teacher
 * deno run --allow-read --allow-write=runs pipelines/kd_cifar100.ts --weights teacher=runs/teacher/student.safetensors
 * deno run --allow-read --allow-write=runs pipelines/vanilla_cifar100.ts --row ffsd_resnet32
 * ```
 *
 * The first row is a ResNet-56. 240 epochs with batch 64; optimizer, schedule and images: `shared/distillation.ts`. The
 * weights are written as `student.safetensors`, since a net alone is a student without a teacher.
 *
 * Rows `ffsd_…` have FFSD's settings, which the verbs fill in: 300 epochs with batch 128, rate 0.1 with Nesterov momentum
 * and weight decay 1e-4, a tenth of it after epochs 150 and 225; images with reflect pad 4, crop, flip.
 *
 * The benchmark reports 72.34 % for ResNet-56 and 69.06 % for ResNet-20, FFSD 69.96 % for ResNet-32 and 71.97 % for
 * WRN-16-2: best epochs on the test images.
 *
 * Source: Tian, Krishnan, Isola 2020, "Contrastive Representation Distillation", benchmark code; Li et al. 2022, "Distilling
 * a Powerful Student Model via Online Knowledge Distillation", table I.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cifar100,
  densenet_40_12,
  googlenet,
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
  wrn_16_2_ffsd,
  wrn_40_1,
  wrn_40_2,
  wrn_40_2_ffsd,
} from "../mod.ts";
import { rowsOf, training } from "./shared/distillation.ts";

/** Teachers and students; MobileNetV2 of full width is SAKD's. */
const benchmark: Readonly<Record<string, Arch>> = {
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

const ffsd: Readonly<Record<string, Arch>> = {
  ffsd_resnet20: resnet20,
  ffsd_resnet32: resnet32,
  ffsd_resnet56: resnet56,
  ffsd_wrn_16_2: wrn_16_2_ffsd,
  ffsd_wrn_40_2: wrn_40_2_ffsd,
  ffsd_googlenet: googlenet,
  ffsd_densenet_40_12: densenet_40_12,
};

function sentence(net: Arch): AnyPipeline {
  return solo(net).on(cifar100(published.sakd.cifar100)).train(training(net));
}

function baseline(net: Arch): AnyPipeline {
  return solo(net).on(cifar100(published.ffsd.cifar100)).train({ epochs: 300, batch: 128 });
}

const pipeline: AnyPipeline = sentence(resnet56);

export default pipeline;

/** One row a net and paper. */
export const rows: Rows = { ...rowsOf(benchmark, sentence), ...rowsOf(ffsd, baseline) };

if (import.meta.main) await run(pipeline, { rows });
