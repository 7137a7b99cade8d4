/**
 * AMLN on CIFAR-100: two ResNet-32 that learn from each other's class scores and, after every stage, from their maps.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/amln_cifar100.ts
 * ```
 *
 * 300 epochs with batch 128; SGD with Nesterov momentum 0.9 and weight decay 1e-4; the rate of 0.1 falls to a tenth after
 * epochs 150 and 225. Images: reflect pad 4, crop, flip.
 *
 * Rows: the nets of FFSD's Table I, where AMLN has 74.69 % with ResNet-32 and 75.56 % with WRN-16-2; `different` pairs
 * the two; `no_adversary` and `no_alignment` leave out one of the two losses over maps.
 *
 * Deviations: neither paper nor code was at hand. Schedule and optimizer are FFSD's, which lists AMLN; weights,
 * temperature and the layers of the modules are open: see `amln()`.
 *
 * Source: Zhang, Lu, Gong, Luo, Liu 2020, "AMLN: Adversarial-based Mutual Learning Network for Online Knowledge
 * Distillation"; Li et al. 2022 (FFSD), Table I.
 *
 * @module
 */

import {
  amln,
  type AnyPipeline,
  cifar100,
  cohort,
  resnet32,
  type Rows,
  run,
  type TrainOptions,
  wrn_16_2_ffsd,
} from "../mod.ts";

const settings: TrainOptions = { epochs: 300, batch: 128, schedule: { milestones: [150, 225] } };
const pair = cohort("resnet32×2");

const pipeline: AnyPipeline = pair.use(amln()).on(cifar100()).train(settings);

export default pipeline;

/** The nets of FFSD's table, a pair of both, and one loss at a time. */
export const rows: Rows = {
  resnet32: pipeline,
  wrn_16_2: cohort("wrn_16_2_ffsd×2").use(amln()).on(cifar100()).train(settings),
  different: cohort([resnet32, wrn_16_2_ffsd]).use(amln()).on(cifar100()).train(settings),
  resnet32_no_adversary: pair.use(amln({ adversarialWeight: 0 })).on(cifar100()).train(settings),
  resnet32_no_alignment: pair.use(amln({ alignmentWeight: 0 })).on(cifar100()).train(settings),
};

if (import.meta.main) await run(pipeline, { rows });
