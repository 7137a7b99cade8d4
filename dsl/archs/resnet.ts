/**
 * Residual nets for small images: the 6n + 2 family of He et al. 2016, section 4.2, and its wider members.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, type Layer, linear, relu, sum } from "../layers.ts";

/** Distillation spots of a residual net: the ends of its three stages, after the last ReLU of each. */
export type ResnetSpot = "layer1" | "layer2" | "layer3";

/** Channels of the stem and of the three stages. */
export type ResnetWidths = readonly [stem: number, layer1: number, layer2: number, layer3: number];

/** Options of {@linkcode resnet}. */
export interface ResnetOptions<Name extends string = string> {
  /** Channels of the stem and of the stages; `[16, 16, 32, 64]` (He et al. 2016). */
  readonly widths?: ResnetWidths;
  /** Residual block; `"basic"`. A bottleneck has four times its stage's width at the end. */
  readonly block?: "basic" | "bottleneck";
  /** Blocks of a stage; (depth − 2) / 6 unless said. */
  readonly blocks?: number;
  /** Name in sentences and files; made of depth, widths and block unless said. */
  readonly name?: Name;
}

/**
 * A residual net of depth 6n + 2: a 3×3 stem and three stages of n blocks, the second and third at half the size of
 * the one before. Where the shape changes, the shortcut is a strided 1×1 convolution with batch norm (type B).
 *
 * Reads [B, C, H, W] of any size; spots `layer1`, `layer2`, `layer3` after ReLU, `embedding` [B, widths[3]] and
 * `logits` [B, K]. Convolutions start from N(0, 2 / (k² · out)), the classifier from PyTorch's default. A net of
 * bottlenecks has n = (depth − 2) / 6 blocks a stage too, as Lan et al. 2018 count; OKDDip's has (depth − 2) / 9, which
 * `blocks` says.
 *
 * @throws {OptionError} If the depth is not 6n + 2, or a width or block count is not a positive integer.
 *
 * @example
 * ```ts
 * import { resnet } from "./resnet.ts";
 * const thin = resnet(8, { widths: [8, 8, 16, 32], name: "resnet8_thin" });
 * console.log(thin.spots); // ["layer1", "layer2", "layer3"]
 * ```
 *
 * Source: He, Zhang, Ren, Sun 2016, section 4.2; that section uses shortcut A (no parameters), distillation code uses B.
 */
export function resnet<const Depth extends number>(depth: Depth): Arch<`resnet${Depth}`, ResnetSpot>;
/** The same with other widths, block or name. */
export function resnet<const Name extends string = string>(
  depth: number,
  options: ResnetOptions<Name>,
): Arch<Name, ResnetSpot>;
export function resnet(depth: number, options: ResnetOptions = {}): Arch<string, ResnetSpot> {
  const { widths = [16, 16, 32, 64], block = "basic" } = options;
  if (!Number.isInteger(depth) || depth < 8 || (depth - 2) % 6 !== 0) {
    throw new OptionError(
      `Cannot make a residual net: its depth is 6n + 2 with n ≥ 1, got ${depth}. Say 8, 14, 20, 32, 44, 56 or 110.`,
    );
  }
  if (widths.length !== 4 || widths.some((width) => !Number.isInteger(width) || width < 1)) {
    throw new OptionError(
      `Cannot make a residual net: its widths are four positive integers, got [${widths.join(", ")}]. ` +
        "Say [16, 16, 32, 64].",
    );
  }
  const { blocks = (depth - 2) / 6 } = options;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new OptionError(
      `Cannot make a residual net: a stage has a positive number of blocks, got ${blocks}. Leave it out.`,
    );
  }
  const stages: Stage[] = [
    { spot: "stem", layers: [conv("conv1", widths[0], { init: heOut }), batchNorm("bn1"), relu] },
  ];
  let channels = widths[0];
  for (const index of [1, 2, 3] as const) {
    const layers: Layer[] = [];
    for (let i = 0; i < blocks; i++) {
      const stride = i === 0 && index > 1 ? 2 : 1;
      layers.push(...residual(`layer${index}.${i}`, channels, widths[index], stride, block));
      channels = widths[index] * expansion[block];
    }
    stages.push({ spot: `layer${index}`, layers });
  }
  stages.push(
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [linear("fc", "classes")] },
  );
  return defineArch(options.name ?? nameOf(depth, widths, block, blocks), stages, {
    spots: ["layer1", "layer2", "layer3"],
    options: { family: "resnet", depth, widths: Object.freeze([...widths]), shortcut: "B", block, blocks },
  });
}

const heOut = { rule: "heOut" } as const;
const expansion = { basic: 1, bottleneck: 4 } as const;

function residual(
  name: string,
  inputs: number,
  width: number,
  stride: number,
  block: "basic" | "bottleneck",
): readonly Layer[] {
  const out = width * expansion[block];
  const path = block === "basic"
    ? [
      conv(`${name}.conv1`, width, { stride, init: heOut }),
      batchNorm(`${name}.bn1`),
      relu,
      conv(`${name}.conv2`, width, { init: heOut }),
      batchNorm(`${name}.bn2`),
    ]
    : [
      conv(`${name}.conv1`, width, { kernel: 1, init: heOut }),
      batchNorm(`${name}.bn1`),
      relu,
      conv(`${name}.conv2`, width, { stride, init: heOut }),
      batchNorm(`${name}.bn2`),
      relu,
      conv(`${name}.conv3`, out, { kernel: 1, init: heOut }),
      batchNorm(`${name}.bn3`),
    ];
  const shortcut = stride === 1 && inputs === out ? [] : [
    conv(`${name}.downsample.0`, out, { kernel: 1, stride, init: heOut }),
    batchNorm(`${name}.downsample.1`),
  ];
  return [sum(path, shortcut), relu];
}

function nameOf(depth: number, widths: ResnetWidths, block: string, blocks: number): string {
  const text = widths.join("_");
  const width = text === "16_16_32_64" ? "" : text === "32_64_128_256" ? "x4" : `_${text}`;
  const count = blocks === (depth - 2) / 6 ? "" : `_${blocks}`;
  return `resnet${depth}${width}${block === "basic" ? "" : "_bottleneck"}${count}`;
}

/** ResNet-8, 0.08 M parameters at 100 classes. */
export const resnet8: Arch<"resnet8", ResnetSpot> = resnet(8);
/** ResNet-14, 0.18 M parameters at 100 classes. */
export const resnet14: Arch<"resnet14", ResnetSpot> = resnet(14);
/** ResNet-20, 0.28 M parameters at 100 classes. */
export const resnet20: Arch<"resnet20", ResnetSpot> = resnet(20);
/** ResNet-32, 0.47 M parameters at 100 classes. */
export const resnet32: Arch<"resnet32", ResnetSpot> = resnet(32);
/** ResNet-44, 0.67 M parameters at 100 classes. */
export const resnet44: Arch<"resnet44", ResnetSpot> = resnet(44);
/** ResNet-56, 0.86 M parameters at 100 classes. */
export const resnet56: Arch<"resnet56", ResnetSpot> = resnet(56);
/** ResNet-110, 1.74 M parameters at 100 classes. */
export const resnet110: Arch<"resnet110", ResnetSpot> = resnet(110);
/** ResNet-8 four times as wide (Tian et al. 2020), 1.23 M parameters at 100 classes. */
export const resnet8x4: Arch<"resnet8x4", ResnetSpot> = resnet(8, { widths: [32, 64, 128, 256], name: "resnet8x4" });
/** ResNet-32 four times as wide (Tian et al. 2020), 7.43 M parameters at 100 classes. */
export const resnet32x4: Arch<"resnet32x4", ResnetSpot> = resnet(32, {
  widths: [32, 64, 128, 256],
  name: "resnet32x4",
});
