/**
 * ONE on CIFAR-100: three branches of a ResNet-32 and a gate that makes one teacher of them.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/one_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/one_cifar100.ts --row resnet32_leader
 * ```
 *
 * Branches share stem and two stages and own the third. 300 epochs with batch 128; SGD with momentum 0.9 (no Nesterov)
 * and weight decay 1e-4; the rate of 0.1 falls to a tenth after epochs 151 and 225, as the released counter does. T = 3,
 * divergences ramp up over 80 epochs. Images: zero pad 4, crop, flip, with the constants of CIFAR-10, as released.
 *
 * Rows: `resnet110` has the bottleneck blocks that the released code takes for every depth from 44 on. `wrn_16_2` and
 * `…_leader` are for FFSD's Table I, where ONE has 73.39 % with ResNet-32 and 74.84 % with WRN-16-2, and 73.98 % and
 * 75.44 % with a leader: a net of its own that imitates the mean of the branches. `okddip` is ONE as the OKDDip
 * repository runs it: live targets, Nesterov, weight decay 5e-4.
 *
 * Deviations: FFSD does not say how it trained ONE; its rows here have ONE's settings, and T = 2 for the leader. The
 * release measures the first branch and keeps the best epoch; here every branch is measured, and the gated ensemble.
 *
 * Source: Zhu, Gong, Xu 2018, "Knowledge Distillation by On-the-Fly Native Ensemble", section 4, and its released code;
 * Li et al. 2022 (FFSD), Table I and ablations.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  branches,
  cifar100,
  one,
  published,
  resnet,
  resnet32,
  type Rows,
  run,
  type TrainOptions,
  wrn_16_2_ffsd,
} from "../mod.ts";

const settings: TrainOptions = {
  epochs: 300,
  batch: 128,
  optimizer: { nesterov: false },
  schedule: { milestones: [151, 225] },
};
const images = cifar100(published.one.cifar100);

const pipeline: AnyPipeline = branches(resnet32, 3, { from: "layer2" }).use(one()).on(images).train(settings);

export default pipeline;

/** Rows of the paper's and of FFSD's tables. */
export const rows: Rows = {
  resnet32: pipeline,
  resnet110: branched(resnet(110, { block: "bottleneck" })),
  wrn_16_2: branched(wrn_16_2_ffsd),
  resnet32_leader: withLeader(resnet32),
  wrn_16_2_leader: withLeader(wrn_16_2_ffsd),
  resnet32_okddip: branches(resnet32, 3, { from: "layer2" }).use(one({ live: true }))
    .on(cifar100(published.okddip.cifar100))
    .train({ epochs: 300, batch: 128, optimizer: { weightDecay: 5e-4 }, schedule: { milestones: [150, 225] } }),
};

function branched(net: Arch): AnyPipeline {
  return branches(net, 3, { from: "layer2" }).use(one()).on(images).train(settings);
}

function withLeader(net: Arch): AnyPipeline {
  return branches(net, 4, { from: "layer2" }).leader(net).use(one()).on(images).train(settings);
}

if (import.meta.main) await run(pipeline, { rows });
