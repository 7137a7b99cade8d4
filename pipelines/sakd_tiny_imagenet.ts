/**
 * Spot-adaptive distillation on Tiny-ImageNet: a policy decides for every image and spot whether a ResNet-20 imitates a
 * ResNet-56 there, by attention transfer.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/sakd_tiny_imagenet.ts
 * deno run --allow-read --allow-write=runs pipelines/sakd_tiny_imagenet.ts --row crd_vgg13_vgg8
 * ```
 *
 * Rows are the released configurations: ten distillers on five pairs of nets, γ = 2 with all of them. The teacher is
 * trained first. Images of 64×64 are flipped, and not cropped. Optimizer and schedule: `shared/distillation.ts`; losses:
 * `shared/spot_adaptive.ts`.
 *
 * Deviation: the released VGGs for this data set have a head of two further layers of 4096; here it is one linear layer,
 * as on CIFAR-100. There is no accuracy to compare with: the released code names none.
 *
 * Source: Song, Chen, Ye, Song 2022, "Spot-adaptive Knowledge Distillation", and the configurations of its released code.
 *
 * @module
 */

import {
  type AnyPipeline,
  mobilenet_v2,
  published,
  resnet110,
  resnet20,
  resnet56,
  type Rows,
  run,
  sakd,
  teacher,
  tinyImagenet,
  vgg13,
  vgg8,
  wrn_16_2,
  wrn_40_2,
} from "../mod.ts";
import { pretraining, rowsOf, training } from "./shared/distillation.ts";
import { type RoutedPair, type RoutedRow, routedRows } from "./shared/spot_adaptive.ts";

const pairs: Readonly<Record<string, RoutedPair>> = {
  resnet56_resnet20: { teacher: resnet56, student: resnet20, homo: true },
  resnet110_resnet20: { teacher: resnet110, student: resnet20, homo: true },
  wrn_40_2_wrn_16_2: { teacher: wrn_40_2, student: wrn_16_2, homo: true },
  vgg13_vgg8: { teacher: vgg13, student: vgg8, homo: true },
  vgg13_mobilenet_v2: { teacher: vgg13, student: mobilenet_v2, homo: false },
};

const table = routedRows(pairs, { gamma: 2 });

function sentence({ pair, distiller, gamma, batch }: RoutedRow): AnyPipeline {
  return teacher(pair.teacher).student(pair.student).pretrain(pretraining)
    .use(sakd(distiller, { gamma, homo: pair.homo }))
    .on(tinyImagenet(published.sakd.tinyImagenet))
    .train({ ...training(pair.student), batch, seed: 1029 });
}

const pipeline: AnyPipeline = sentence(table["at_resnet56_resnet20"]!);

export default pipeline;

/** One row a distiller and pair of nets. */
export const rows: Rows = rowsOf(table, sentence);

if (import.meta.main) await run(pipeline, { rows });
