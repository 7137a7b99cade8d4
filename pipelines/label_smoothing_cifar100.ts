/**
 * Label smoothing on CIFAR-100: a ResNet-18 learns labels of which a tenth is spread over all classes.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/label_smoothing_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/label_smoothing_cifar100.ts --row mobilenet_v2
 * ```
 *
 * Rows have the nets that teacher-free distillation compares with; optimizer, schedule and images:
 * `shared/teacher_free.ts`.
 *
 * Deviation: that code spreads the tenth over the other classes only; here, as in the paper of the method, the right
 * class has its share too.
 *
 * Source: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, section 7; rows of Yuan, Tay, Li, Wang, Feng 2020, "Revisiting
 * Knowledge Distillation via Label Smoothing Regularization", and its released code.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cifar100,
  labelSmoothing,
  mobilenet_v2,
  published,
  resnet18_cifar,
  type Rows,
  run,
  shufflenet_v2,
  solo,
} from "../mod.ts";
import { rowsOf } from "./shared/distillation.ts";
import { teacherFree } from "./shared/teacher_free.ts";

function sentence(net: Arch): AnyPipeline {
  return solo(net).use(labelSmoothing({ smoothing: 0.1 }))
    .on(cifar100(published.okddip.cifar100))
    .train(teacherFree(128));
}

const pipeline: AnyPipeline = sentence(resnet18_cifar);

export default pipeline;

/** One row a net. */
export const rows: Rows = rowsOf<Arch>({ resnet18: resnet18_cifar, mobilenet_v2, shufflenet_v2 }, sentence);

if (import.meta.main) await run(pipeline, { rows });
