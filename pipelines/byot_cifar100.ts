/**
 * Be your own teacher on CIFAR-100: exits behind the stages of a ResNet-18 learn from its last one.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/byot_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/byot_cifar100.ts --row resnet50
 * ```
 *
 * Every exit but the last learns 0.9 · cross-entropy + 0.1 · T² · KL at T = 3, and 1e-6 times the squared distance of its
 * map from the deepest. 200 epochs with batch 128; SGD with momentum 0.9 (no Nesterov) and weight decay 5e-4; the rate of
 * 0.1 falls to a tenth after epochs 75, 130 and 180. Images: zero pad 4, crop, flip.
 *
 * Deviations: settings and images are those of a public re-implementation, which normalises by CIFAR-10's constants. Its
 * bottlenecks are separable convolutions made for one net, and its last exit learns 0.9 of the cross-entropy.
 *
 * Source: Zhang, Song, Gao, Chen, Bao, Ma 2019, "Be Your Own Teacher", section 3; re-implementation of Luan Yunteng.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  byot,
  cifar100,
  published,
  resnet18_cifar,
  resnet50_cifar,
  type Rows,
  run,
  solo,
} from "../mod.ts";
import { rowsOf } from "./shared/distillation.ts";

function sentence(net: Arch): AnyPipeline {
  return solo(net).use(byot({ temperature: 3, weight: 0.1, hint: 1e-6 }))
    .on(cifar100(published.one.cifar100))
    .train({
      epochs: 200,
      batch: 128,
      optimizer: { learningRate: 0.1, momentum: 0.9, nesterov: false, weightDecay: 5e-4 },
      schedule: { milestones: [75, 130, 180] },
    });
}

const pipeline: AnyPipeline = sentence(resnet18_cifar);

export default pipeline;

/** One row a net. */
export const rows: Rows = rowsOf<Arch>({ resnet18: resnet18_cifar, resnet50: resnet50_cifar }, sentence);

if (import.meta.main) await run(pipeline, { rows });
