/**
 * One net alone on Tiny-ImageNet: the teachers and students of `sakd_tiny_imagenet.ts`.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/vanilla_tiny_imagenet.ts
 * deno run --allow-read --allow-write=runs pipelines/vanilla_tiny_imagenet.ts --row vgg13
 * ```
 *
 * 240 epochs with batch 64; optimizer and schedule: `shared/distillation.ts`. Images of 64×64 are flipped, and not
 * cropped.
 *
 * Deviation: the released VGGs for this data set have a head of two further layers of 4096; here it is one linear layer.
 *
 * Source: configurations of the released code of Song, Chen, Ye, Song 2022, "Spot-adaptive Knowledge Distillation".
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  mobilenet_v2,
  published,
  resnet110,
  resnet20,
  resnet56,
  type Rows,
  run,
  solo,
  tinyImagenet,
  vgg13,
  vgg8,
  wrn_16_2,
  wrn_40_2,
} from "../mod.ts";
import { rowsOf, training } from "./shared/distillation.ts";

const nets: Readonly<Record<string, Arch>> = {
  resnet20,
  resnet56,
  resnet110,
  wrn_16_2,
  wrn_40_2,
  vgg8,
  vgg13,
  mobilenet_v2,
};

function sentence(net: Arch): AnyPipeline {
  return solo(net).on(tinyImagenet(published.sakd.tinyImagenet)).train({ ...training(net), seed: 1029 });
}

const pipeline: AnyPipeline = sentence(resnet56);

export default pipeline;

/** One row a net. */
export const rows: Rows = rowsOf(nets, sentence);

if (import.meta.main) await run(pipeline, { rows });
