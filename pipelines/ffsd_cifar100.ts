/**
 * FFSD on CIFAR-100: two common students and a leader, all ResNet-32, as in the paper.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ffsd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/ffsd_cifar100.ts --row wrn_16_2_no_sd
 * deno run --allow-read --allow-write=runs pipelines/ffsd_cifar100.ts \
 *   --dataset cifar10-jpeg.tar.gz --net resnet8 --epochs 1 --limit 5000
 * ```
 *
 * Batch 128; the rate of 0.1 falls to a tenth after epochs 150 and 225. Students, leader and decoder: SGD, Nesterov
 * momentum 0.9, weight decay 1e-4. Fusion module: the same with weight decay 1e-5. Self-distillation modules: Adam,
 * rate 1e-3, weight decay 1e-4. α = 1e-5, β = 10 and γ = 1000, warmed up over 5 epochs; T = 2. Images: reflect pad 4,
 * crop, flip. 299 epochs: the paper says 300, the released loop counts from 1 to 299.
 *
 * Rows: the nets of Table I (leader 74.85 % with ResNet-32 and 75.81 % with WRN-16-2 in the paper, mean of the best
 * epochs of three runs), `…_alone` their baselines, VGG-16, and the ablations. There `dml` keeps students apart by
 * nothing, `l2` by plain distance, both without self-distillation; `sd_students` and `sd_leader` give modules to one
 * kind of nets only; `no_feature_fusion` leaves the leader the fusion module's class scores; `six_students` is the cohort
 * of six. DML with a leader is in `dml_cifar100.ts`, ONE with one in `one_cifar100.ts`.
 *
 * Deviations: the paper's table reports the best epoch of the leader on the test images; this program prints the last
 * and the best. Nothing says which VGG-16 or what the modules of the L2 rows read: see `vgg()` and `diversify()`.
 *
 * Source: Li, Lin, Wang, Wu, Tian, Shao, Ji 2022, "Distilling a Powerful Student Model via Online Knowledge
 * Distillation", section IV, and its released code.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cifar100,
  cohort,
  densenet_40_12,
  ffsd,
  type FfsdOptions,
  googlenet,
  resnet20,
  resnet32,
  resnet56,
  type Rows,
  run,
  solo,
  type TrainOptions,
  vgg16,
  wrn_16_2_ffsd,
  wrn_40_2_ffsd,
} from "../mod.ts";

const settings: TrainOptions = { epochs: 299, batch: 128, schedule: { milestones: [150, 225] } };

const pipeline: AnyPipeline = cohort("resnet32×3").leader().fuse().selfDistill().on(cifar100()).train(settings);

export default pipeline;

/** Rows of the paper's tables. */
export const rows: Rows = {
  resnet32: pipeline,
  resnet20: led(resnet20),
  resnet56: led(resnet56),
  wrn_16_2: led(wrn_16_2_ffsd),
  wrn_40_2: led(wrn_40_2_ffsd),
  googlenet: led(googlenet),
  densenet_40_12: led(densenet_40_12),
  vgg16: led(vgg16),
  resnet20_alone: alone(resnet20),
  resnet32_alone: alone(resnet32),
  resnet56_alone: alone(resnet56),
  wrn_16_2_alone: alone(wrn_16_2_ffsd),
  wrn_40_2_alone: alone(wrn_40_2_ffsd),
  googlenet_alone: alone(googlenet),
  densenet_40_12_alone: alone(densenet_40_12),
  resnet32_dml: led(resnet32, { diversity: "none", selfDistillation: "none" }),
  resnet32_l2: led(resnet32, { diversity: "l2", selfDistillation: "none" }),
  resnet32_l2_sd: led(resnet32, { diversity: "l2" }),
  resnet32_no_sd: led(resnet32, { selfDistillation: "none" }),
  resnet32_sd_students: led(resnet32, { selfDistillation: "peers" }),
  resnet32_sd_leader: led(resnet32, { selfDistillation: "leader" }),
  resnet32_no_feature_fusion: led(resnet32, { fusion: "logits" }),
  resnet32_six_students: led(resnet32, {}, 6),
  wrn_16_2_dml: led(wrn_16_2_ffsd, { diversity: "none", selfDistillation: "none" }),
  wrn_16_2_l2: led(wrn_16_2_ffsd, { diversity: "l2", selfDistillation: "none" }),
  wrn_16_2_l2_sd: led(wrn_16_2_ffsd, { diversity: "l2" }),
  wrn_16_2_no_sd: led(wrn_16_2_ffsd, { selfDistillation: "none" }),
};

function led(net: Arch, options: FfsdOptions = {}, students = 2): AnyPipeline {
  return cohort(net, students + 1).leader().use(ffsd(options)).on(cifar100()).train(settings);
}

function alone(net: Arch): AnyPipeline {
  return solo(net).on(cifar100()).train(settings);
}

if (import.meta.main) await run(pipeline, { rows });
