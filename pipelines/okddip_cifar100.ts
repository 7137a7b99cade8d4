/**
 * OKDDip on CIFAR-100: three auxiliary peers that attend to each other and a group leader, branches of one ResNet-32.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/okddip_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/okddip_cifar100.ts --row resnet32_network
 * ```
 *
 * 300 epochs with batch 128; SGD with Nesterov momentum 0.9 and weight decay 5e-4; the rate of 0.1 falls to a tenth after
 * epochs 150 and 225. T = 3, divergences ramp up over 80 epochs, targets are live. Images: zero pad 4, crop, flip.
 *
 * Rows: branches share stem and two stages; `…_network` has four nets of their own that share the projections alone.
 * The nets are those of FFSD's Table I, where OKDDip has 74.60 % with ResNet-32 and 75.31 % with WRN-16-2.
 * `densenet_40_12` is the repository's, with bottlenecks and compression. `…_alone` trains branches without a method,
 * the repository's "Ind".
 *
 * Deviations: FFSD does not say which variant it compares with, nor its settings; these are OKDDip's own. The
 * repository steps its schedule before the epoch, which in the PyTorch of its time is the same. It reports the leader's
 * best epoch; here the last and the best are printed.
 *
 * Source: Chen, Mei, Wang, Feng, Chen 2020, "Online Knowledge Distillation with Diverse Peers", section 4, and its
 * released code; Li et al. 2022 (FFSD), Table I.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  branches,
  cifar100,
  cohort,
  densenet_40_12_bc,
  okddip,
  published,
  resnet32,
  type Rows,
  run,
  type TrainOptions,
  wrn_16_2_ffsd,
} from "../mod.ts";

const settings: TrainOptions = {
  epochs: 300,
  batch: 128,
  optimizer: { weightDecay: 5e-4 },
  schedule: { milestones: [150, 225] },
};
const images = cifar100(published.okddip.cifar100);

const pipeline: AnyPipeline = branches(resnet32, 4, { from: "layer2" }).leader().use(okddip())
  .on(images)
  .train(settings);

export default pipeline;

/** Both variants on the nets of the tables. */
export const rows: Rows = {
  resnet32: pipeline,
  resnet32_network: apart(resnet32),
  wrn_16_2: branches(wrn_16_2_ffsd, 4, { from: "layer2" }).leader().use(okddip()).on(images).train(settings),
  wrn_16_2_network: apart(wrn_16_2_ffsd),
  densenet_40_12: branches(densenet_40_12_bc, 4, { from: "dense2" }).leader().use(okddip()).on(images).train(settings),
  densenet_40_12_network: apart(densenet_40_12_bc),
  resnet32_alone: branches(resnet32, 4, { from: "layer2" }).on(images).train(settings),
};

function apart(net: Arch): AnyPipeline {
  return cohort(net, 4).leader().use(okddip()).on(images).train(settings);
}

if (import.meta.main) await run(pipeline, { rows });
