/**
 * ShuffleNet, first and second version, in the form that distillation papers run on 32×32 images.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import {
  batchNorm,
  chunkChannels,
  conv,
  globalPool,
  join,
  type Layer,
  linear,
  pool,
  relu,
  shuffleChannels,
  sum,
} from "../layers.ts";

/** Distillation spots of both versions: the ends of the three stages. */
export type ShufflenetSpot = "layer1" | "layer2" | "layer3";

/**
 * ShuffleNet of Zhang et al. 2018 with 3 groups: a 1×1 stem of 24 channels, then 4, 8 and 4 blocks of 240, 480 and 960
 * channels, each stage at half the size of the one before. A block squeezes to a quarter by a grouped 1×1 convolution,
 * shuffles, convolves depthwise and expands by another grouped 1×1; its sum with the input, or where it strides its
 * concatenation with the pooled input, passes a ReLU.
 *
 * Reads [B, C, H, W] of any size; spots `layer1` to `layer3` after ReLU (before it: `layer1_pre` and so on), `embedding`
 * [B, 960] and `logits` [B, K]. All weights start from PyTorch's default. 0.95 M parameters at 100 classes.
 *
 * Source: Zhang et al. 2018, table 1; stem, strides and the ReLU behind the depthwise convolution as in the released
 * code of Tian et al. 2020 (RepDistiller).
 */
export const shufflenet_v1: Arch<"shufflenet_v1", ShufflenetSpot> = defineArch("shufflenet_v1", [
  ...stages([24, 240, 480, 960], {
    inner: (block) => [...grouped(block), relu],
    last: grouped,
    end: [relu],
  }),
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("linear", "classes")] },
], shape("shufflenet_v1"));

/**
 * ShuffleNetV2 ×1 of Ma et al. 2018: a 1×1 stem of 24 channels, then 4, 8 and 4 blocks of 116, 232 and 464 channels,
 * each stage at half the size of the one before, and a 1×1 convolution to 1024. A block lets half of its channels pass
 * and transforms the others; the first block of a stage transforms all of them on two ways. Then the halves are
 * shuffled.
 *
 * Reads [B, C, H, W] of any size; spots `layer1` to `layer3`, shuffled, after ReLU (before both: `layer1_pre` and so
 * on), `embedding` [B, 1024] and `logits` [B, K]. All weights start from PyTorch's default. 1.36 M parameters at 100
 * classes.
 *
 * Source: Ma, Zhang, Zheng, Sun 2018, table 5; stem and strides as in the released code of Tian et al. 2020
 * (RepDistiller).
 */
export const shufflenet_v2: Arch<"shufflenet_v2", ShufflenetSpot> = defineArch("shufflenet_v2", [
  ...stages([24, 116, 232, 464], {
    inner: (block) => [halves(block, [relu]), shuffleChannels(2)],
    // The half that passes has nothing below zero, so one ReLU behind the whole is that of the other half.
    last: (block) => [halves(block, [])],
    end: [relu, shuffleChannels(2)],
  }),
  {
    spot: "embedding",
    layers: [conv("conv2", 1024, { kernel: 1 }), batchNorm("bn2"), relu, globalPool],
  },
  { spot: "logits", layers: [linear("linear", "classes")] },
], shape("shufflenet_v2"));

interface Block {
  readonly name: string;
  readonly inputs: number;
  readonly out: number;
  readonly stride: number;
}

/** Blocks of a version: those in a stage, and the last up to where its activation begins. */
interface Version {
  readonly inner: (block: Block) => readonly Layer[];
  readonly last: (block: Block) => readonly Layer[];
  readonly end: readonly Layer[];
}

/** Stem and stages of 4, 8 and 4 blocks. */
function stages(widths: readonly number[], { inner, last, end }: Version): readonly Stage[] {
  const stem = [conv("conv1", widths[0]!, { kernel: 1 }), batchNorm("bn1"), relu];
  return [
    { spot: "stem", layers: stem },
    ...[4, 8, 4].flatMap((count, i): readonly Stage[] => {
      const stage = `layer${i + 1}`;
      const layers = Array.from({ length: count }, (_, j) => {
        const out = widths[i + 1]!;
        const block = { name: `${stage}.${j}`, inputs: j === 0 ? widths[i]! : out, out, stride: j === 0 ? 2 : 1 };
        return j === count - 1 ? last(block) : inner(block);
      });
      return [{ spot: `${stage}_pre`, layers: layers.flat() }, { spot: stage, layers: end }];
    }),
  ];
}

function shape(family: string): Parameters<typeof defineArch<string, ShufflenetSpot>>[2] {
  return {
    spots: ["layer1", "layer2", "layer3"],
    preActivations: { layer1: "layer1_pre", layer2: "layer2_pre", layer3: "layer3_pre" },
    options: { family },
  };
}

/** A block of the first version up to its ReLU; the first of the net does not group what reads the 24 channels. */
function grouped({ name, inputs, out, stride }: Block): readonly Layer[] {
  const made = stride === 2 ? out - inputs : out;
  const squeezed = Math.floor(made / 4);
  const groups = inputs === 24 ? 1 : 3;
  const path = [
    conv(`${name}.conv1`, squeezed, { kernel: 1, groups }),
    batchNorm(`${name}.bn1`),
    relu,
    ...(groups === 1 ? [] : [shuffleChannels(groups)]),
    conv(`${name}.conv2`, "same", { stride, groups: "depthwise" }),
    batchNorm(`${name}.bn2`),
    relu,
    conv(`${name}.conv3`, made, { kernel: 1, groups: 3 }),
    batchNorm(`${name}.bn3`),
  ];
  return stride === 2 ? [join(path, [pool("average", 3, { stride, pad: 1 })])] : [sum(path, [])];
}

/** The halves of a block of the second version, side by side; `end` is behind what was transformed. */
function halves({ name, out, stride }: Block, end: readonly Layer[]): Layer {
  const half = out / 2;
  const one = (layer: number): string => `${name}.conv${layer}`;
  const norm = (layer: number): Layer => batchNorm(`${name}.bn${layer}`);
  const depthwise = (layer: number): readonly Layer[] => [
    conv(one(layer), "same", { stride, groups: "depthwise" }),
    norm(layer),
  ];
  const pointwise = (layer: number): readonly Layer[] => [conv(one(layer), half, { kernel: 1 }), norm(layer)];
  if (stride === 1) {
    return join([chunkChannels(0, 2)], [
      chunkChannels(1, 2),
      ...pointwise(1),
      relu,
      ...depthwise(2),
      ...pointwise(3),
      ...end,
    ]);
  }
  return join(
    [...depthwise(1), ...pointwise(2), ...end],
    [...pointwise(3), relu, ...depthwise(4), ...pointwise(5), ...end],
  );
}
