/**
 * Wide residual nets (Zagoruyko & Komodakis 2016) as three code bases define them.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, type Init, type Layer, linear, relu, sum } from "../layers.ts";

/**
 * Which definition: `"repdistiller"` (also SAKD's), or `"ffsd"` and `"switokd"`, whose convolutions have biases, whose
 * stride sits on the second 3×3 and whose last batch norm gives new statistics a weight of 0.9.
 */
export type WrnVariant = "repdistiller" | "ffsd" | "switokd";

/** Distillation spots of the `"repdistiller"` variant: the residual sums of its stages, before ReLU. */
export type WrnSpot = "layer1" | "layer2" | "layer3";
/** Distillation spots of the other two: two residual sums and the output of the last batch norm and ReLU. */
export type BiasedWrnSpot = "layer1" | "layer2" | "relu1";

/**
 * A wide residual net of depth 6n + 4: a 3×3 stem of 16 channels, then three stages of n pre-activation blocks with
 * 16k, 32k and 64k channels, the second and third at half the size of the one before; batch norm, ReLU, pooling.
 *
 * Reads [B, C, H, W] of any size. `"repdistiller"` has no convolution biases, strides the first 3×3 of a block and
 * projects the activated input; its spots are the residual sums, and `layer1_pre` and so on are these behind the batch
 * norm that follows. `"ffsd"` and `"switokd"` have biases, stride the second 3×3, project the raw input, and name the
 * output of the last batch norm and ReLU `relu1` (`relu1_pre` between the two), their third spot.
 * Start: N(0, 2 / (k² · out)) with a zero classifier bias; the same with default biases; Xavier-uniform with gain √2
 * and zero convolution biases, in the order of the variants. Dropout is left out: all of the published settings but
 * FFSD's WRN-28-10 have none.
 *
 * @throws {OptionError} If the depth is not 6n + 4, k is not a positive integer, or the variant is unknown.
 *
 * @example
 * ```ts
 * import { wrn } from "./wide_resnet.ts";
 * console.log(wrn(22, 2).name, wrn(22, 2, { variant: "ffsd" }).name); // wrn_22_2 wrn_22_2_ffsd
 * ```
 *
 * Source: Zagoruyko & Komodakis 2016; the variants follow the released code of Tian et al. 2020 (RepDistiller),
 * Li et al. 2022 (FFSD) and Qian et al. 2022 (SwitOKD).
 */
export function wrn<const Depth extends number, const K extends number>(
  depth: Depth,
  k: K,
  options?: { readonly variant?: "repdistiller" },
): Arch<`wrn_${Depth}_${K}`, WrnSpot>;
/** The variant of another code base, named after it. */
export function wrn<
  const Depth extends number,
  const K extends number,
  const Variant extends Exclude<WrnVariant, "repdistiller">,
>(
  depth: Depth,
  k: K,
  options: { readonly variant: Variant },
): Arch<`wrn_${Depth}_${K}_${Variant}`, BiasedWrnSpot>;
export function wrn(depth: number, k: number, options: { readonly variant?: WrnVariant } = {}): Arch {
  const { variant = "repdistiller" } = options;
  if (!Number.isInteger(depth) || depth < 10 || (depth - 4) % 6 !== 0) {
    throw new OptionError(
      `Cannot make a wide residual net: its depth is 6n + 4 with n ≥ 1, got ${depth}. Say 10, 16, 28 or 40.`,
    );
  }
  if (!Number.isInteger(k) || k < 1) {
    throw new OptionError(
      `Cannot make a wide residual net: its factor k is a positive integer, got ${k}. Say 1, 2, 8 or 10.`,
    );
  }
  if (!Object.hasOwn(definitions, variant)) {
    throw new OptionError(
      `Cannot make a wide residual net: its variant is repdistiller, ffsd or switokd, got ${variant}. Say one of them.`,
    );
  }
  const definition = definitions[variant];
  const blocks = (depth - 4) / 6;
  const stages: Stage[] = [
    { spot: "stem", layers: [conv("conv1", 16, { bias: definition.bias, init: definition.conv })] },
  ];
  let channels = 16;
  for (const index of [1, 2, 3]) {
    const width = 16 * k * 2 ** (index - 1);
    const layers: Layer[] = [];
    for (let i = 0; i < blocks; i++) {
      const stride = i === 0 && index > 1 ? 2 : 1;
      const block = { name: `${definition.stage(index)}.${i}`, inputs: channels, width, stride };
      layers.push(...(variant === "repdistiller" ? plainBlock(block) : biasedBlock(block, definition.conv)));
      channels = width;
    }
    stages.push({ spot: `layer${index}`, layers });
  }
  const norm = batchNorm("bn1", { momentum: definition.momentum });
  const classifier = linear(definition.classifier, "classes", { init: definition.linear });
  const family = { family: "wrn", variant, depth, k };
  if (variant === "repdistiller") {
    stages.push({ spot: "embedding", layers: [norm, relu, globalPool] }, { spot: "logits", layers: [classifier] });
    return defineArch(`wrn_${depth}_${k}`, stages.flatMap(behindNorm), {
      spots: ["layer1", "layer2", "layer3"],
      preActivations: { layer1: "layer1_pre", layer2: "layer2_pre", layer3: "layer3_pre" },
      options: family,
    });
  }
  stages.push(
    { spot: "relu1_pre", layers: [norm] },
    { spot: "relu1", layers: [relu] },
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [classifier] },
  );
  return defineArch(`wrn_${depth}_${k}_${variant}`, stages, {
    spots: ["layer1", "layer2", "relu1"],
    preActivations: { relu1: "relu1_pre" },
    options: family,
  });
}

/** A stage behind a spot, cut behind its first layer: the batch norm that the spot's pre-activation is read behind. */
function behindNorm(stage: Stage, index: number): readonly Stage[] {
  const [norm, ...rest] = stage.layers;
  if (norm?.kind !== "batchNorm" || index < 2) return [stage];
  return [{ spot: `layer${index - 1}_pre`, layers: [norm] }, { spot: stage.spot, layers: rest }];
}

interface Definition {
  readonly stage: (index: number) => string;
  readonly bias: boolean;
  readonly conv: Init;
  readonly linear: Init;
  readonly classifier: string;
  readonly momentum: number;
}

const definitions = {
  repdistiller: {
    stage: (index) => `block${index}.layer`,
    bias: false,
    conv: { rule: "heOut" },
    linear: { rule: "default", bias: "zero" },
    classifier: "fc",
    momentum: 0.1,
  },
  ffsd: {
    stage: (index) => `layer${index}`,
    bias: true,
    conv: { rule: "heOut" },
    linear: { rule: "default" },
    classifier: "linear",
    momentum: 0.9,
  },
  switokd: {
    stage: (index) => `layer${index}`,
    bias: true,
    conv: { rule: "xavierUniform", gain: Math.SQRT2, bias: "zero" },
    linear: { rule: "default" },
    classifier: "linear",
    momentum: 0.9,
  },
} as const satisfies Record<WrnVariant, Definition>;

interface Block {
  readonly name: string;
  readonly inputs: number;
  readonly width: number;
  readonly stride: number;
}

function plainBlock({ name, inputs, width, stride }: Block): readonly Layer[] {
  const init = definitions.repdistiller.conv;
  const activate = [batchNorm(`${name}.bn1`), relu];
  const path = [
    conv(`${name}.conv1`, width, { stride, init }),
    batchNorm(`${name}.bn2`),
    relu,
    conv(`${name}.conv2`, width, { init }),
  ];
  return inputs === width
    ? [sum([...activate, ...path], [])]
    : [...activate, sum(path, [conv(`${name}.convShortcut`, width, { kernel: 1, stride, init })])];
}

function biasedBlock({ name, inputs, width, stride }: Block, init: Init): readonly Layer[] {
  const path = [
    batchNorm(`${name}.bn1`),
    relu,
    conv(`${name}.conv1`, width, { bias: true, init }),
    batchNorm(`${name}.bn2`),
    relu,
    conv(`${name}.conv2`, width, { stride, bias: true, init }),
  ];
  const shortcut = stride === 1 && inputs === width
    ? []
    : [conv(`${name}.shortcut.0`, width, { kernel: 1, stride, bias: true, init })];
  return [sum(path, shortcut)];
}

/** WRN-10-1, a small one for tests. */
export const wrn_10_1: Arch<"wrn_10_1", WrnSpot> = wrn(10, 1);
/** WRN-16-1, 0.18 M parameters at 100 classes. */
export const wrn_16_1: Arch<"wrn_16_1", WrnSpot> = wrn(16, 1);
/** WRN-16-2, 0.70 M parameters at 100 classes. */
export const wrn_16_2: Arch<"wrn_16_2", WrnSpot> = wrn(16, 2);
/** WRN-16-8, 11.0 M parameters at 100 classes. */
export const wrn_16_8: Arch<"wrn_16_8", WrnSpot> = wrn(16, 8);
/** WRN-16-10, 17.2 M parameters at 100 classes. */
export const wrn_16_10: Arch<"wrn_16_10", WrnSpot> = wrn(16, 10);
/** WRN-28-10, 36.5 M parameters at 100 classes. */
export const wrn_28_10: Arch<"wrn_28_10", WrnSpot> = wrn(28, 10);
/** WRN-40-1, 0.57 M parameters at 100 classes. */
export const wrn_40_1: Arch<"wrn_40_1", WrnSpot> = wrn(40, 1);
/** WRN-40-2, 2.26 M parameters at 100 classes. */
export const wrn_40_2: Arch<"wrn_40_2", WrnSpot> = wrn(40, 2);
/** WRN-10-1 as FFSD defines it, a small one for tests. */
export const wrn_10_1_ffsd: Arch<"wrn_10_1_ffsd", BiasedWrnSpot> = wrn(10, 1, { variant: "ffsd" });
/** WRN-16-2 as FFSD defines it. */
export const wrn_16_2_ffsd: Arch<"wrn_16_2_ffsd", BiasedWrnSpot> = wrn(16, 2, { variant: "ffsd" });
/** WRN-28-10 as FFSD defines it, without its dropout of 0.3. */
export const wrn_28_10_ffsd: Arch<"wrn_28_10_ffsd", BiasedWrnSpot> = wrn(28, 10, { variant: "ffsd" });
/** WRN-40-2 as FFSD defines it. */
export const wrn_40_2_ffsd: Arch<"wrn_40_2_ffsd", BiasedWrnSpot> = wrn(40, 2, { variant: "ffsd" });
/** WRN-16-1 as SwitOKD defines it. */
export const wrn_16_1_switokd: Arch<"wrn_16_1_switokd", BiasedWrnSpot> = wrn(16, 1, { variant: "switokd" });
/** WRN-16-2 as SwitOKD defines it. */
export const wrn_16_2_switokd: Arch<"wrn_16_2_switokd", BiasedWrnSpot> = wrn(16, 2, { variant: "switokd" });
/** WRN-16-8 as SwitOKD defines it. */
export const wrn_16_8_switokd: Arch<"wrn_16_8_switokd", BiasedWrnSpot> = wrn(16, 8, { variant: "switokd" });
/** WRN-16-10 as SwitOKD defines it. */
export const wrn_16_10_switokd: Arch<"wrn_16_10_switokd", BiasedWrnSpot> = wrn(16, 10, { variant: "switokd" });
