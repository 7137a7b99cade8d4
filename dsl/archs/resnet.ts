/**
 * Residual nets for small images: the 6n + 2 family of He et al. 2016, section 4.2, and its wider members.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, linear, relu } from "../layers.ts";
import { type BlockKind, expansion, residualStage } from "./residual.ts";

/** Distillation spots of a residual net: the ends of its three stages, after the last ReLU of each. */
export type ResnetSpot = "layer1" | "layer2" | "layer3";

/** Channels of the stem and of the three stages. */
export type ResnetWidths = readonly [stem: number, layer1: number, layer2: number, layer3: number];

/**
 * Way around a block whose shape changes: `"A"` without parameters (every second row and column, zeros for new
 * channels), or `"B"`, a strided 1×1 convolution with batch norm.
 */
export type Shortcut = "A" | "B";

/** Options of {@linkcode resnet}. */
export interface ResnetOptions<Name extends string = string> {
  /** Channels of the stem and of the stages; `[16, 16, 32, 64]` (He et al. 2016). */
  readonly widths?: ResnetWidths;
  /** Way around a block whose shape changes; `"B"`, as distillation code has it. */
  readonly shortcut?: Shortcut;
  /** Residual block; `"basic"`. A bottleneck has four times its stage's width at the end. */
  readonly block?: BlockKind;
  /** Blocks of a stage; (depth − 2) / 6 unless said. */
  readonly blocks?: number;
  /** Name in sentences and files; made of depth, widths, shortcut and block unless said. */
  readonly name?: Name;
}

/**
 * A residual net of depth 6n + 2: a 3×3 stem and three stages of n blocks, the second and third at half the size of
 * the one before.
 *
 * Reads [B, C, H, W] of any size; spots `layer1`, `layer2`, `layer3` after ReLU (before it: `layer1_pre` and so on),
 * `embedding` [B, widths[3]] and `logits` [B, K]. With shortcut B, convolutions start from N(0, 2 / (k² · out)) and the
 * classifier `fc` from PyTorch's default; with shortcut A, all weights from N(0, 2 / fanIn) and the classifier is called
 * `linear`, each as in the code it is known from. A net of bottlenecks has n = (depth − 2) / 6 blocks a stage too, as
 * Lan et al. 2018 count; OKDDip's has (depth − 2) / 9, which `blocks` says.
 *
 * @throws {OptionError} If the depth is not 6n + 2, a width or block count is not a positive integer, the shortcut or
 * kind of block is unknown, or shortcut A would have to lose channels.
 *
 * @example
 * ```ts
 * import { resnet } from "./resnet.ts";
 * const thin = resnet(8, { widths: [8, 8, 16, 32], name: "resnet8_thin" });
 * console.log(thin.spots); // ["layer1", "layer2", "layer3"]
 * console.log(resnet(20, { shortcut: "A" }).name); // resnet20_a
 * ```
 *
 * Source: He, Zhang, Ren, Sun 2016, section 4.2, which uses shortcut A; distillation code uses B (Tian et al. 2020) but
 * for SwitOKD's ResNet-20 (Qian et al. 2022), which has A.
 */
export function resnet<const Depth extends number>(depth: Depth): Arch<`resnet${Depth}`, ResnetSpot>;
/** The same with other widths, shortcut, block or name. */
export function resnet<const Name extends string = string>(
  depth: number,
  options: ResnetOptions<Name>,
): Arch<Name, ResnetSpot>;
export function resnet(depth: number, options: ResnetOptions = {}): Arch<string, ResnetSpot> {
  const { widths = [16, 16, 32, 64], block = "basic", shortcut = "B", blocks = (depth - 2) / 6 } = options;
  check(depth, { widths, block, shortcut, blocks });
  const init = shortcut === "A" ? heIn : heOut;
  const stages: Stage[] = [
    { spot: "stem", layers: [conv("conv1", widths[0], { init }), batchNorm("bn1"), relu] },
  ];
  let inputs = widths[0];
  for (const index of [1, 2, 3] as const) {
    const stage = `layer${index}`;
    const layers = residualStage({
      stage,
      block,
      blocks,
      inputs,
      width: widths[index],
      stride: index === 1 ? 1 : 2,
      init,
      shortcut: shortcut === "A" ? "A" : { projection: "downsample" },
    });
    stages.push({ spot: `${stage}_pre`, layers }, { spot: stage, layers: [relu] });
    inputs = widths[index] * expansion[block];
  }
  const classifier = shortcut === "A" ? linear("linear", "classes", { init }) : linear("fc", "classes");
  stages.push({ spot: "embedding", layers: [globalPool] }, { spot: "logits", layers: [classifier] });
  return defineArch(options.name ?? nameOf(depth, { widths, block, shortcut, blocks }), stages, {
    spots: ["layer1", "layer2", "layer3"],
    preActivations: { layer1: "layer1_pre", layer2: "layer2_pre", layer3: "layer3_pre" },
    options: { family: "resnet", depth, widths: Object.freeze([...widths]), shortcut, block, blocks },
  });
}

const heOut = { rule: "heOut" } as const;
const heIn = { rule: "heIn" } as const;

type Settings = Required<Omit<ResnetOptions, "name">>;

function check(depth: number, { widths, block, shortcut, blocks }: Settings): void {
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
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new OptionError(
      `Cannot make a residual net: a stage has a positive number of blocks, got ${blocks}. Leave it out.`,
    );
  }
  if (shortcut !== "A" && shortcut !== "B") {
    throw new OptionError(`Cannot make a residual net: its shortcut is A or B, got ${shortcut}. Say one of them.`);
  }
  if (!Object.hasOwn(expansion, block)) {
    throw new OptionError(
      `Cannot make a residual net: its block is basic or bottleneck, got ${block}. Say one of them.`,
    );
  }
  const ends = widths.map((width, i) => i === 0 ? width : width * expansion[block]);
  if (shortcut === "A" && ends.some((width, i) => i > 0 && width < ends[i - 1]!)) {
    throw new OptionError(
      `Cannot make a residual net: shortcut A only adds channels, got stages of ${ends.join(", ")}. Say shortcut B.`,
    );
  }
}

function nameOf(depth: number, { widths, block, shortcut, blocks }: Settings): string {
  const text = widths.join("_");
  const width = text === "16_16_32_64" ? "" : text === "32_64_128_256" ? "x4" : `_${text}`;
  const count = blocks === (depth - 2) / 6 ? "" : `_${blocks}`;
  const around = shortcut === "B" ? "" : "_a";
  return `resnet${depth}${width}${around}${block === "basic" ? "" : "_bottleneck"}${count}`;
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
/** ResNet-8 with shortcut A, which has no parameters. */
export const resnet8_a: Arch<"resnet8_a", ResnetSpot> = resnet(8, { shortcut: "A", name: "resnet8_a" });
/** ResNet-14 with shortcut A, which has no parameters. */
export const resnet14_a: Arch<"resnet14_a", ResnetSpot> = resnet(14, { shortcut: "A", name: "resnet14_a" });
/** ResNet-20 with shortcut A, which has no parameters. */
export const resnet20_a: Arch<"resnet20_a", ResnetSpot> = resnet(20, { shortcut: "A", name: "resnet20_a" });
/** ResNet-32 with shortcut A, which has no parameters. */
export const resnet32_a: Arch<"resnet32_a", ResnetSpot> = resnet(32, { shortcut: "A", name: "resnet32_a" });
/** ResNet-44 with shortcut A, which has no parameters. */
export const resnet44_a: Arch<"resnet44_a", ResnetSpot> = resnet(44, { shortcut: "A", name: "resnet44_a" });
/** ResNet-56 with shortcut A, which has no parameters. */
export const resnet56_a: Arch<"resnet56_a", ResnetSpot> = resnet(56, { shortcut: "A", name: "resnet56_a" });
/** ResNet-110 with shortcut A, which has no parameters. */
export const resnet110_a: Arch<"resnet110_a", ResnetSpot> = resnet(110, { shortcut: "A", name: "resnet110_a" });
/** ResNet-8 four times as wide, with shortcut A. */
export const resnet8x4_a: Arch<"resnet8x4_a", ResnetSpot> = resnet(8, {
  widths: [32, 64, 128, 256],
  shortcut: "A",
  name: "resnet8x4_a",
});
/** ResNet-32 four times as wide, with shortcut A. */
export const resnet32x4_a: Arch<"resnet32x4_a", ResnetSpot> = resnet(32, {
  widths: [32, 64, 128, 256],
  shortcut: "A",
  name: "resnet32x4_a",
});
