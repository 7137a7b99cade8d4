/**
 * MobileNetV2 (Sandler et al. 2018) in the form that distillation papers run on 32×32 images.
 *
 * @module
 */

import { type Arch, defineArch } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, type Layer, linear, relu, sum } from "../layers.ts";

/** Distillation spots of MobileNetV2: linear bottlenecks, before any ReLU. */
export type MobilenetSpot = "layer1" | "layer2" | "layer3" | "layer4";

/**
 * MobileNetV2 with all channel counts but the last 1280 multiplied by `width` and rounded down: a strided 3×3 stem,
 * seven groups of inverted residuals, a 1×1 convolution, pooling. ReLU where the original has ReLU6; the second group
 * keeps its size.
 *
 * Reads [B, C, H, W] of any size; spots after groups 1, 2, 4 and 6 (from 0), of 24, 32, 96 and 320 channels times
 * `width`; `embedding` [B, 1280]. Convolutions start from N(0, 2 / (k² · out)), the classifier from N(0, 0.01²) with a
 * zero bias.
 *
 * @throws {OptionError} If `width` leaves a group without channels or is not finite.
 *
 * @example
 * ```ts
 * import { mobilenetV2 } from "./mobilenet.ts";
 * console.log(mobilenetV2(0.75, "mobilenet_v2_three_quarters").spots);
 * ```
 *
 * Source: Sandler et al. 2018, table 2; strides and activations as in the released code of Tian et al. 2020.
 */
export function mobilenetV2<const Name extends string = "mobilenet_v2">(
  width: number,
  name: Name = "mobilenet_v2" as Name,
): Arch<Name, MobilenetSpot> {
  if (!Number.isFinite(width) || Math.floor(16 * width) < 1) {
    throw new OptionError(
      `Cannot make MobileNetV2: its width is a number from 1/16 upwards, got ${width}. Say 0.5 or 1.`,
    );
  }
  let channels = Math.floor(32 * width);
  const stem = [conv("conv1.0", channels, { stride: 2, init: heOut }), batchNorm("conv1.1"), relu];
  const taken: Layer[][] = groups.map(([expansion, base, repeats, stride], group) => {
    const out = Math.floor(base * width);
    return Array.from({ length: repeats }, (_, i) => {
      const block = invertedResidual(`blocks.${group}.${i}.conv`, channels, out, expansion, i === 0 ? stride : 1);
      channels = out;
      return block;
    }).flat();
  });
  const last = width > 1 ? Math.floor(1280 * width) : 1280;
  return defineArch(name, [
    { spot: "stem", layers: stem },
    { spot: "layer1", layers: [...taken[0]!, ...taken[1]!] },
    { spot: "layer2", layers: taken[2]! },
    { spot: "layer3", layers: [...taken[3]!, ...taken[4]!] },
    { spot: "layer4", layers: [...taken[5]!, ...taken[6]!] },
    {
      spot: "embedding",
      layers: [conv("conv2.0", last, { kernel: 1, init: heOut }), batchNorm("conv2.1"), relu, globalPool],
    },
    {
      spot: "logits",
      layers: [linear("classifier.0", "classes", { init: { rule: "normal", std: 0.01, bias: "zero" } })],
    },
  ], {
    spots: ["layer1", "layer2", "layer3", "layer4"],
    options: { family: "mobilenet_v2", style: "cifar", width },
  });
}

const heOut = { rule: "heOut" } as const;

/** Expansion t, channels c, blocks n and stride s of each group; the stride of the second is 1, for small images. */
const groups: readonly (readonly [t: number, c: number, n: number, s: number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 1],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

function invertedResidual(
  name: string,
  inputs: number,
  out: number,
  expansion: number,
  stride: number,
): readonly Layer[] {
  const path = [
    conv(`${name}.0`, inputs * expansion, { kernel: 1, init: heOut }),
    batchNorm(`${name}.1`),
    relu,
    conv(`${name}.3`, "same", { stride, groups: "depthwise", init: heOut }),
    batchNorm(`${name}.4`),
    relu,
    conv(`${name}.6`, out, { kernel: 1, init: heOut }),
    batchNorm(`${name}.7`),
  ];
  return stride === 1 && inputs === out ? [sum(path, [])] : path;
}

/** MobileNetV2 ×1.0, 2.35 M parameters at 100 classes (SAKD). */
export const mobilenet_v2: Arch<"mobilenet_v2", MobilenetSpot> = mobilenetV2(1);
/** MobileNetV2 ×0.5, 0.81 M parameters at 100 classes (RepDistiller, SwitOKD). */
export const mobilenet_v2_half: Arch<"mobilenet_v2_half", MobilenetSpot> = mobilenetV2(0.5, "mobilenet_v2_half");
