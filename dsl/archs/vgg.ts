/**
 * VGG (Simonyan & Zisserman 2015) with batch norm and one classifier layer, as distillation papers run it.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, type Layer, linear, pool, relu } from "../layers.ts";

/** Distillation spots of VGG: the ends of its blocks but the first, after ReLU. */
export type VggSpot = "block1" | "block2" | "block3" | "block4";

/** Depths that are known: convolutions and three fully connected layers in the paper, of which one is left here. */
export type VggDepth = 8 | 11 | 13 | 16 | 19;

/**
 * VGG: five blocks of 3×3 convolutions (with bias, batch norm and ReLU) of 64, 128, 256, 512 and 512 channels; a 2×2 max
 * pool in front of each but the first, global pooling, one classifier layer. The last block pools only where the map
 * is 8×8 or larger: 64-pixel images are pooled there, 32-pixel images run it at 4×4.
 *
 * Reads [B, C, H, W]; `stem` is the first block, spots `block1` to `block4` after ReLU (before it: `block1_pre` and so
 * on), `embedding` [B, 512] and `logits` [B, K]. Convolutions start from N(0, 2 / (k² · out)), the classifier from
 * N(0, 0.01²), biases from zero.
 *
 * @throws {OptionError} If the depth is unknown.
 *
 * @example
 * ```ts
 * import { vgg } from "./vgg.ts";
 * console.log(vgg(13).spots); // ["block1", "block2", "block3", "block4"]
 * ```
 *
 * Source: Simonyan & Zisserman 2015, table 1 (A, B, D and E; 8 layers are not theirs); blocks as in the released code of
 * Tian et al. 2020 (RepDistiller), where the pool in front of the last block depends on the image: 64 pixels or not.
 */
export function vgg<const Depth extends VggDepth>(depth: Depth): Arch<`vgg${Depth}`, VggSpot> {
  if (!Object.hasOwn(convolutions, depth)) {
    throw new OptionError(`Cannot make VGG: its depth is 8, 11, 13, 16 or 19, got ${depth}. Say one of them.`);
  }
  const stages: Stage[] = convolutions[depth].flatMap((count, index): readonly Stage[] => {
    const before = index === 0 ? [] : [pool("max", 2, index === 4 ? { atLeast: 8 } : {})];
    const layers = [...before, ...block(`block${index}`, widths[index]!, count)];
    return index === 0
      ? [{ spot: "stem", layers: [...layers, relu] }]
      : [{ spot: `block${index}_pre`, layers }, { spot: `block${index}`, layers: [relu] }];
  });
  const classifier = linear("classifier", "classes", { init: { rule: "normal", std: 0.01, bias: "zero" } });
  stages.push({ spot: "embedding", layers: [globalPool] }, { spot: "logits", layers: [classifier] });
  return defineArch(`vgg${depth}` as `vgg${Depth}`, stages, {
    spots: ["block1", "block2", "block3", "block4"],
    preActivations: { block1: "block1_pre", block2: "block2_pre", block3: "block3_pre", block4: "block4_pre" },
    options: { family: "vgg", depth },
  });
}

const widths: readonly number[] = [64, 128, 256, 512, 512];

/** Convolutions of each block. */
const convolutions = {
  8: [1, 1, 1, 1, 1],
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const satisfies Record<VggDepth, readonly number[]>;

/** A block up to its last batch norm; PyTorch counts convolution, batch norm and ReLU. */
function block(name: string, width: number, count: number): readonly Layer[] {
  return Array.from({ length: count }, (_, i) => [
    conv(`${name}.${3 * i}`, width, { bias: true, init: { rule: "heOut", bias: "zero" } }),
    batchNorm(`${name}.${3 * i + 1}`),
    ...(i === count - 1 ? [] : [relu]),
  ]).flat();
}

/** VGG of 8 layers, 3.97 M parameters at 100 classes. */
export const vgg8: Arch<"vgg8", VggSpot> = vgg(8);
/** VGG of 11 layers, 9.28 M parameters at 100 classes. */
export const vgg11: Arch<"vgg11", VggSpot> = vgg(11);
/** VGG of 13 layers, 9.46 M parameters at 100 classes. */
export const vgg13: Arch<"vgg13", VggSpot> = vgg(13);
/** VGG of 16 layers, 14.8 M parameters at 100 classes. */
export const vgg16: Arch<"vgg16", VggSpot> = vgg(16);
/** VGG of 19 layers, 20.1 M parameters at 100 classes. */
export const vgg19: Arch<"vgg19", VggSpot> = vgg(19);
