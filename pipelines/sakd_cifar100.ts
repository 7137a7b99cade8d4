/**
 * Spot-adaptive distillation on CIFAR-100: a policy decides for every image and spot whether a ResNet-20 imitates a
 * ResNet-56 there, by attention transfer.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/sakd_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/sakd_cifar100.ts --row crd_resnet32x4_resnet8x4
 * deno run --allow-read --allow-write=runs pipelines/sakd_cifar100.ts --row at_resnet56_resnet20_random
 * ```
 *
 * Rows are the released configurations: ten distillers on ten pairs of nets, with their factors β and γ, and the two
 * ablations of the first row, where chance decides or the student imitates exactly where the policy says not to. The
 * teacher is trained first. Optimizer and schedule: `shared/distillation.ts`; losses: `shared/spot_adaptive.ts`.
 *
 * MobileNetV2 has its full width here, twice that of the benchmark's recipes. There is no accuracy to compare with: the
 * released code names none.
 *
 * Source: Song, Chen, Ye, Song 2022, "Spot-adaptive Knowledge Distillation", and the configurations of its released code.
 *
 * @module
 */

import {
  type AnyPipeline,
  cifar100,
  mobilenet_v2,
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
  sakd,
  type SakdOptions,
  shufflenet_v1,
  teacher,
  vgg13,
  vgg8,
  wrn_16_2,
  wrn_40_2,
} from "../mod.ts";
import { pretraining, rowsOf, training } from "./shared/distillation.ts";
import { type RoutedPair, type RoutedRow, routedRows } from "./shared/spot_adaptive.ts";

const pairs: Readonly<Record<string, RoutedPair>> = {
  resnet56_resnet20: { teacher: resnet56, student: resnet20, homo: true },
  resnet110_resnet32: { teacher: resnet110, student: resnet32, homo: true },
  resnet32x4_resnet8x4: { teacher: resnet32x4, student: resnet8x4, homo: true },
  wrn_40_2_wrn_16_2: { teacher: wrn_40_2, student: wrn_16_2, homo: true },
  vgg13_vgg8: { teacher: vgg13, student: vgg8, homo: true },
  resnet32x4_resnet32: { teacher: resnet32x4, student: resnet32, homo: false },
  resnet50_vgg8: { teacher: resnet50_cifar, student: vgg8, homo: false },
  vgg13_mobilenet_v2: { teacher: vgg13, student: mobilenet_v2, homo: false },
  resnet50_mobilenet_v2: { teacher: resnet50_cifar, student: mobilenet_v2, homo: false },
  wrn_40_2_shufflenet_v1: { teacher: wrn_40_2, student: shufflenet_v1, homo: false },
};

const table = routedRows(pairs, { small: ["nst_resnet50_mobilenet_v2", "nst_wrn_40_2_shufflenet_v1"] });

function sentence(row: RoutedRow, variant: SakdOptions["variant"] = "adaptive"): AnyPipeline {
  const { pair, distiller, gamma, batch } = row;
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining)
    .use(sakd(distiller, { gamma, homo: pair.homo, variant }))
    .on(cifar100(published.sakd.cifar100))
    .train({ ...training(pair.student), batch, seed: 1029 });
}

const main = table["at_resnet56_resnet20"]!;
const pipeline: AnyPipeline = sentence(main);

export default pipeline;

/** One row a distiller and pair of nets, and the ablations of the first. */
export const rows: Rows = {
  ...rowsOf(table, (row) => sentence(row)),
  at_resnet56_resnet20_reverse: sentence(main, "reverse"),
  at_resnet56_resnet20_random: sentence(main, "random"),
};

if (import.meta.main) await run(pipeline, { rows });
