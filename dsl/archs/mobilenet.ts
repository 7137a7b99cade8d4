/**
 * MobileNet, first (Howard et al. 2017) and second version (Sandler et al. 2018).
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, type Init, type Layer, linear, relu, relu6, sum } from "../layers.ts";

/** Distillation spots of MobileNet: behind a ReLU in the first version, linear bottlenecks in the second. */
export type MobilenetSpot = "layer1" | "layer2" | "layer3" | "layer4";

/**
 * MobileNet of 13 depthwise separable convolutions (depthwise 3×3 and 1×1, each with batch norm and ReLU) behind a 3×3
 * stem that keeps the size: 64; 128 twice, 256 twice, 512 six times, 1024 twice, each at half the size of those before.
 *
 * Reads [B, C, H, W] of any size; spots behind the last convolution of 128, 256, 512 and 1024 channels, after ReLU
 * (before it: `layer1_pre` and so on); `embedding` [B, 1024] and `logits` [B, K]. All weights start from PyTorch's
 * default. 3.31 M parameters at 100 classes.
 *
 * Source: Howard et al. 2017, table 1, with the strides of the released code of Qian et al. 2022 (SwitOKD), which has no
 * spots.
 */
export const mobilenet_v1: Arch<"mobilenet_v1", MobilenetSpot> = defineArch("mobilenet_v1", [
  { spot: "stem", layers: [conv("conv1", 32), batchNorm("bn1"), relu] },
  ...separableStage("layer1", 0, [[64, 1], [128, 2], [128, 1]]),
  ...separableStage("layer2", 3, [[256, 2], [256, 1]]),
  ...separableStage("layer3", 5, [[512, 2], [512, 1], [512, 1], [512, 1], [512, 1], [512, 1]]),
  ...separableStage("layer4", 11, [[1024, 2], [1024, 1]]),
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("linear", "classes")] },
], {
  spots: ["layer1", "layer2", "layer3", "layer4"],
  preActivations: { layer1: "layer1_pre", layer2: "layer2_pre", layer3: "layer3_pre", layer4: "layer4_pre" },
  options: { family: "mobilenet_v1" },
});

/** Depthwise separable convolutions from the `first` of the net on, cut in front of the last ReLU. */
function separableStage(
  spot: string,
  first: number,
  convolutions: readonly (readonly [width: number, stride: number])[],
): readonly Stage[] {
  const layers = convolutions.flatMap(([width, stride], i) => [
    conv(`layers.${first + i}.conv1`, "same", { stride, groups: "depthwise" }),
    batchNorm(`layers.${first + i}.bn1`),
    relu,
    conv(`layers.${first + i}.conv2`, width, { kernel: 1 }),
    batchNorm(`layers.${first + i}.bn2`),
    relu,
  ]);
  return [{ spot: `${spot}_pre`, layers: layers.slice(0, -1) }, { spot, layers: layers.slice(-1) }];
}

/**
 * MobileNetV2 for small images, with all channel counts but the last 1280 multiplied by `width` and rounded down: a
 * strided 3×3 stem, seven groups of inverted residuals, a 1×1 convolution, pooling. ReLU where the original has ReLU6;
 * the second group keeps its size.
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
  return secondVersion(cifar, width, name);
}

/**
 * MobileNetV2 as torchvision defines it: all channel counts multiplied by `width` (the last one only from 1 upwards) and
 * rounded to multiples of 8, ReLU6, a second group of half the size, and no expansion in the first.
 *
 * Reads [B, C, H, W] of any size; the same spots, of 24, 32, 96 and 320 channels times `width`; `embedding` [B, 1280] up
 * to ×1. It starts like {@linkcode mobilenetV2}. Its dropout of 0.2 in front of the classifier is left out, as dropout is
 * in all nets here; the classifier keeps its name behind it, `classifier.1`.
 *
 * @throws {OptionError} If `width` leaves a group without channels or is not finite.
 *
 * @example
 * ```ts
 * import { mobilenetV2Torchvision } from "./mobilenet.ts";
 * console.log(mobilenetV2Torchvision(0.75, "mobilenet_v2_torchvision_0_75").spots);
 * ```
 *
 * Source: Sandler et al. 2018, table 2; torchvision's definition, which Qian et al. 2022 (SwitOKD) train at ×1.4.
 */
export function mobilenetV2Torchvision<const Name extends string = "mobilenet_v2_torchvision">(
  width: number,
  name: Name = "mobilenet_v2_torchvision" as Name,
): Arch<Name, MobilenetSpot> {
  return secondVersion(torchvision, width, name);
}

/** Names of a convolution and its batch norm within a block. */
type Part = readonly [convolution: string, norm: string];

/** What the two definitions of the second version differ in. */
interface Style {
  readonly style: string;
  readonly channels: (count: number) => number;
  readonly last: (width: number) => number;
  /** Step of the second group. */
  readonly stride: number;
  readonly activation: Layer;
  /** Whether a group that does not expand has the convolution that would. */
  readonly expands: boolean;
  /** PyTorch's names: of stem, last convolution and classifier, of a block, of its parts. */
  readonly names: readonly [stem: string, last: string, classifier: string];
  readonly block: (group: number, index: number, before: number) => string;
  readonly parts: (whole: boolean) => readonly [widen: Part, filter: Part, project: Part];
}

const heOut: Init = { rule: "heOut" };

const cifar: Style = {
  style: "cifar",
  channels: Math.floor,
  last: (width) => width > 1 ? Math.floor(1280 * width) : 1280,
  stride: 1,
  activation: relu,
  expands: true,
  names: ["conv1", "conv2", "classifier.0"],
  block: (group, index) => `blocks.${group}.${index}.conv`,
  parts: () => [["0", "1"], ["3", "4"], ["6", "7"]],
};

const torchvision: Style = {
  style: "torchvision",
  channels: multipleOf8,
  last: (width) => multipleOf8(1280 * Math.max(1, width)),
  stride: 2,
  activation: relu6,
  expands: false,
  names: ["features.0", "features.18", "classifier.1"],
  block: (_group, _index, before) => `features.${before + 1}.conv`,
  parts: (whole) => whole ? [["0.0", "0.1"], ["1.0", "1.1"], ["2", "3"]] : [["", ""], ["0.0", "0.1"], ["1", "2"]],
};

/** The nearest multiple of 8, but never more than a tenth below. */
function multipleOf8(count: number): number {
  const near = Math.max(8, Math.floor((count + 4) / 8) * 8);
  return near < 0.9 * count ? near + 8 : near;
}

/** Expansion t, channels c, blocks n and stride s of each group; the definitions have strides of the second of their own. */
const groups: readonly (readonly [t: number, c: number, n: number, s: number | "style"])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, "style"],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

function secondVersion<const Name extends string>(style: Style, width: number, name: Name): Arch<Name, MobilenetSpot> {
  if (!Number.isFinite(width) || Math.floor(16 * width) < 1) {
    throw new OptionError(
      `Cannot make MobileNetV2: its width is a number from 1/16 upwards, got ${width}. Say 0.5 or 1.`,
    );
  }
  const { activation, names: [stem, last, classifier] } = style;
  let channels = style.channels(32 * width);
  const first = [conv(`${stem}.0`, channels, { stride: 2, init: heOut }), batchNorm(`${stem}.1`), activation];
  let before = 0;
  const made = groups.map(([expansion, base, repeats, step], group) => {
    const out = style.channels(base * width);
    return Array.from({ length: repeats }, (_, i) => {
      const stride = i > 0 ? 1 : step === "style" ? style.stride : step;
      const block = invertedResidual(style, style.block(group, i, before++), [channels, out], expansion, stride);
      channels = out;
      return block;
    }).flat();
  });
  return defineArch(name, [
    { spot: "stem", layers: first },
    { spot: "layer1", layers: [...made[0]!, ...made[1]!] },
    { spot: "layer2", layers: made[2]! },
    { spot: "layer3", layers: [...made[3]!, ...made[4]!] },
    { spot: "layer4", layers: [...made[5]!, ...made[6]!] },
    {
      spot: "embedding",
      layers: [
        conv(`${last}.0`, style.last(width), { kernel: 1, init: heOut }),
        batchNorm(`${last}.1`),
        activation,
        globalPool,
      ],
    },
    { spot: "logits", layers: [linear(classifier, "classes", { init: { rule: "normal", std: 0.01, bias: "zero" } })] },
  ], {
    spots: ["layer1", "layer2", "layer3", "layer4"],
    options: { family: "mobilenet_v2", style: style.style, width },
  });
}

function invertedResidual(
  { activation, expands, parts }: Style,
  name: string,
  [inputs, out]: readonly [inputs: number, out: number],
  expansion: number,
  stride: number,
): readonly Layer[] {
  const whole = expands || expansion !== 1;
  const [widen, filter, project] = parts(whole);
  const path = [
    ...(whole
      ? [
        conv(`${name}.${widen[0]}`, inputs * expansion, { kernel: 1, init: heOut }),
        batchNorm(`${name}.${widen[1]}`),
        activation,
      ]
      : []),
    conv(`${name}.${filter[0]}`, "same", { stride, groups: "depthwise", init: heOut }),
    batchNorm(`${name}.${filter[1]}`),
    activation,
    conv(`${name}.${project[0]}`, out, { kernel: 1, init: heOut }),
    batchNorm(`${name}.${project[1]}`),
  ];
  return stride === 1 && inputs === out ? [sum(path, [])] : path;
}

/** MobileNetV2 for small images, ×1.0, 2.35 M parameters at 100 classes (SAKD). */
export const mobilenet_v2: Arch<"mobilenet_v2", MobilenetSpot> = mobilenetV2(1);
/** MobileNetV2 for small images, ×0.5, 0.81 M parameters at 100 classes (RepDistiller, SwitOKD). */
export const mobilenet_v2_half: Arch<"mobilenet_v2_half", MobilenetSpot> = mobilenetV2(0.5, "mobilenet_v2_half");
/** MobileNetV2 as in torchvision, ×1.0, 3.50 M parameters at 1000 classes. */
export const mobilenet_v2_torchvision: Arch<"mobilenet_v2_torchvision", MobilenetSpot> = mobilenetV2Torchvision(1);
/** MobileNetV2 as in torchvision, ×1.4, 4.67 M parameters at 200 classes (SwitOKD on Tiny-ImageNet). */
export const mobilenet_v2_torchvision_1_4: Arch<"mobilenet_v2_torchvision_1_4", MobilenetSpot> = mobilenetV2Torchvision(
  1.4,
  "mobilenet_v2_torchvision_1_4",
);
