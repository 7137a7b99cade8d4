/**
 * GoogLeNet (Szegedy et al. 2015) with batch norm, for small images.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { batchNorm, conv, globalPool, join, type Layer, linear, pool, relu } from "../layers.ts";

/** Distillation spots of GoogLeNet: the last inception in front of each halving, and the last of all. */
export type GooglenetSpot = "inception_b3" | "inception_e4" | "inception_b5";

/** Channels of an inception: 1×1; 3×3, squeezed first; 5×5 as two 3×3, squeezed first; behind the pool. */
type Inception = readonly [
  one: number,
  three: readonly [squeeze: number, out: number],
  five: readonly [squeeze: number, out: number],
  pooled: number,
];

const inceptions: Readonly<Record<string, Inception>> = {
  a3: [64, [96, 128], [16, 32], 32],
  b3: [128, [128, 192], [32, 96], 64],
  a4: [192, [96, 208], [16, 48], 64],
  b4: [160, [112, 224], [24, 64], 64],
  c4: [128, [128, 256], [24, 64], 64],
  d4: [112, [144, 288], [32, 64], 64],
  e4: [256, [160, 320], [32, 128], 128],
  a5: [256, [160, 320], [32, 128], 128],
  b5: [384, [192, 384], [48, 128], 128],
};

const halve: Layer = pool("max", 3, { stride: 2, pad: 1 });

/**
 * GoogLeNet: a 3×3 stem of 192 channels, nine inceptions with 3×3 max pooling of stride 2 in front of the third and the
 * eighth, global pooling, one classifier layer. Every convolution has bias, batch norm and ReLU.
 *
 * Reads [B, C, H, W] of any size; every inception ends at a place of its name, spots `inception_b3` [B, 480, H, W],
 * `inception_e4` [B, 832, H/2, W/2] and `inception_b5` [B, 1024, H/4, W/4]; `embedding` [B, 1024] and `logits` [B, K]. Its
 * inceptions end with the ReLUs of their branches, which have no common place in front. Convolutions start from
 * N(0, 2 / (k² · out)), biases and the classifier from PyTorch's default. 6.26 M parameters at 100 classes.
 *
 * Source: Szegedy et al. 2015, table 1, in the form of the released code of Li et al. 2022 (FFSD).
 */
export const googlenet: Arch<"googlenet", GooglenetSpot> = defineArch("googlenet", [
  { spot: "stem", layers: convolution("pre_layers", 0, 192, 3) },
  ...Object.entries(inceptions).map(([name, widths]): Stage => ({
    spot: `inception_${name}`,
    layers: [...(name === "a4" || name === "a5" ? [halve] : []), inception(`inception_${name}`, widths)],
  })),
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("linear", "classes")] },
], {
  spots: ["inception_b3", "inception_e4", "inception_b5"],
  options: { family: "googlenet" },
});

/** Convolution, batch norm and ReLU, as places `at`, `at + 1` and `at + 2` of a sequence. */
function convolution(name: string, at: number, out: number, kernel: number): readonly Layer[] {
  return [
    conv(`${name}.${at}`, out, { kernel, bias: true, init: { rule: "heOut" } }),
    batchNorm(`${name}.${at + 1}`),
    relu,
  ];
}

function inception(name: string, [one, three, five, pooled]: Inception): Layer {
  return join(
    convolution(`${name}.branch1x1`, 0, one, 1),
    [...convolution(`${name}.branch3x3`, 0, three[0], 1), ...convolution(`${name}.branch3x3`, 3, three[1], 3)],
    [
      ...convolution(`${name}.branch5x5`, 0, five[0], 1),
      ...convolution(`${name}.branch5x5`, 3, five[1], 3),
      ...convolution(`${name}.branch5x5`, 6, five[1], 3),
    ],
    [pool("max", 3, { stride: 1, pad: 1 }), ...convolution(`${name}.branch_pool`, 1, pooled, 1)],
  );
}
