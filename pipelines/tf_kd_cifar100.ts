/**
 * Teacher-free distillation on CIFAR-100: a ResNet-18 learns from a teacher made up of the labels.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/tf_kd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/tf_kd_cifar100.ts --row googlenet
 * ```
 *
 * The net learns 0.9 · cross-entropy + 0.1 · KL at τ = 20 from a teacher that gives the right class 0.99. Optimizer,
 * schedule and images: `shared/teacher_free.ts`. Rows have the paper's nets with the τ and α of its released settings.
 *
 * Deviations: the release softens the teacher alone, where the paper's equation and this softens both. It divides the
 * divergence by the number of classes and multiplies it by 100 (ResNet-18), 50 (GoogLeNet) or 1 (MobileNetV2,
 * ShuffleNetV2). Its nets for small images are other ones of those names.
 *
 * The release names 75.87 % for its ResNet-18 without a teacher.
 *
 * Source: Yuan, Tay, Li, Wang, Feng 2020, "Revisiting Knowledge Distillation via Label Smoothing Regularization",
 * section 5.2, and its released code.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cifar100,
  googlenet,
  mobilenet_v2,
  published,
  resnet18_cifar,
  type Rows,
  run,
  shufflenet_v2,
  solo,
  tfKd,
} from "../mod.ts";
import { rowsOf } from "./shared/distillation.ts";
import { teacherFree } from "./shared/teacher_free.ts";

interface Setting {
  readonly net: Arch;
  readonly temperature: number;
  readonly weight: number;
  readonly batch: number;
}

const settings: Readonly<Record<string, Setting>> = {
  resnet18: { net: resnet18_cifar, temperature: 20, weight: 0.1, batch: 128 },
  googlenet: { net: googlenet, temperature: 40, weight: 0.1, batch: 64 },
  mobilenet_v2: { net: mobilenet_v2, temperature: 40, weight: 0.95, batch: 128 },
  shufflenet_v2: { net: shufflenet_v2, temperature: 10, weight: 0.95, batch: 128 },
};

function sentence({ net, temperature, weight, batch }: Setting): AnyPipeline {
  return solo(net).use(tfKd({ temperature, weight }))
    .on(cifar100(published.okddip.cifar100))
    .train(teacherFree(batch));
}

const pipeline: AnyPipeline = sentence(settings["resnet18"]!);

export default pipeline;

/** One row a net. */
export const rows: Rows = rowsOf(settings, sentence);

if (import.meta.main) await run(pipeline, { rows });
