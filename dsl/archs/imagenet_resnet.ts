/**
 * Residual nets of four stages and 64 to 512 channels: ResNet-10 to 50 for large images, and for 32 to 64 pixels.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, linear, pool, relu } from "../layers.ts";
import { type BlockKind, expansion, residualStage } from "./residual.ts";

/** Distillation spots of a residual net of four stages: their ends, after the last ReLU of each. */
export type ImagenetResnetSpot = "layer1" | "layer2" | "layer3" | "layer4";

/** Depths that are known. */
export type ImagenetResnetDepth = 10 | 18 | 34 | 50;

/**
 * Beginning of the net: `"imagenet"` halves the size twice, by a strided 7×7 convolution and max pooling, for images of
 * about 224 pixels; `"cifar"` keeps it with a 3×3 convolution, for 32 to 64.
 */
export type ImagenetResnetStem = "imagenet" | "cifar";

/**
 * A residual net of four stages with 64, 128, 256 and 512 channels (four times as many behind bottlenecks, in
 * ResNet-50), all but the first at half the size of the one before. Shortcuts are strided 1×1 convolutions with batch
 * norm where the shape changes; a bottleneck strides its 3×3 convolution.
 *
 * Reads [B, C, H, W] of any size; spots `layer1` to `layer4` after ReLU (before it: `layer1_pre` and so on), `embedding`
 * [B, 512 or 2048] and `logits` [B, K]. Convolutions start from N(0, 2 / (k² · out)), the classifier from PyTorch's
 * default. Parameters are called as in torchvision, with the `"cifar"` stem as in RepDistiller (`shortcut`, `linear`).
 *
 * @throws {OptionError} If the depth or stem is unknown.
 *
 * @example
 * ```ts
 * import { imagenetResnet } from "./imagenet_resnet.ts";
 * console.log(imagenetResnet(18).name, imagenetResnet(18, { stem: "cifar" }).name); // resnet18_imagenet resnet18_cifar
 * ```
 *
 * Source: He, Zhang, Ren, Sun 2016, table 1; torchvision's definition, which strides the 3×3 of a bottleneck; the stem
 * for small images as in the released code of Tian et al. 2020 (RepDistiller) and Qian et al. 2022 (SwitOKD).
 */
export function imagenetResnet<
  const Depth extends ImagenetResnetDepth,
  const Stem extends ImagenetResnetStem = "imagenet",
>(depth: Depth, options: { readonly stem?: Stem } = {}): Arch<`resnet${Depth}_${Stem}`, ImagenetResnetSpot> {
  const stem: ImagenetResnetStem = options.stem ?? "imagenet";
  if (!Object.hasOwn(members, depth)) {
    throw new OptionError(
      `Cannot make a residual net of four stages: its depth is 10, 18, 34 or 50, got ${depth}. ` +
        "Say one of them, or resnet() for 6n + 2 layers.",
    );
  }
  if (!Object.hasOwn(definitions, stem)) {
    throw new OptionError(
      `Cannot make a residual net of four stages: its stem is imagenet or cifar, got ${stem}. Say one of them.`,
    );
  }
  const { block, blocks } = members[depth];
  const { projection, classifier, family } = definitions[stem];
  const stages: Stage[] = [{ spot: "stem", layers: definitions[stem].stem }];
  const preActivations: Partial<Record<ImagenetResnetSpot, string>> = {};
  let inputs = 64;
  for (const index of [1, 2, 3, 4] as const) {
    const stage = `layer${index}` as const;
    const width = 32 * 2 ** index;
    const layers = residualStage({
      stage,
      block,
      blocks: blocks[index - 1]!,
      inputs,
      width,
      stride: index === 1 ? 1 : 2,
      init,
      shortcut: { projection },
    });
    stages.push({ spot: `${stage}_pre`, layers }, { spot: stage, layers: [relu] });
    preActivations[stage] = `${stage}_pre`;
    inputs = width * expansion[block];
  }
  stages.push(
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [linear(classifier, "classes")] },
  );
  return defineArch(`resnet${depth}_${stem}` as `resnet${Depth}_${Stem}`, stages, {
    spots: ["layer1", "layer2", "layer3", "layer4"],
    preActivations,
    options: { family, depth },
  });
}

const init = { rule: "heOut" } as const;

const members = {
  10: { block: "basic", blocks: [1, 1, 1, 1] },
  18: { block: "basic", blocks: [2, 2, 2, 2] },
  34: { block: "basic", blocks: [3, 4, 6, 3] },
  50: { block: "bottleneck", blocks: [3, 4, 6, 3] },
} as const satisfies Record<
  ImagenetResnetDepth,
  { readonly block: BlockKind; readonly blocks: readonly number[] }
>;

const definitions = {
  imagenet: {
    stem: [
      conv("conv1", 64, { kernel: 7, stride: 2, init }),
      batchNorm("bn1"),
      relu,
      pool("max", 3, { stride: 2, pad: 1 }),
    ],
    projection: "downsample",
    classifier: "fc",
    family: "resnet_imagenet",
  },
  cifar: {
    stem: [conv("conv1", 64, { init }), batchNorm("bn1"), relu],
    projection: "shortcut",
    classifier: "linear",
    family: "resnet_wide_stem32",
  },
} as const;

/** ResNet-10 for large images, 5.42 M parameters at 1000 classes. */
export const resnet10_imagenet: Arch<"resnet10_imagenet", ImagenetResnetSpot> = imagenetResnet(10);
/** ResNet-18 for large images, 11.7 M parameters at 1000 classes. */
export const resnet18_imagenet: Arch<"resnet18_imagenet", ImagenetResnetSpot> = imagenetResnet(18);
/** ResNet-34 for large images, 21.8 M parameters at 1000 classes. */
export const resnet34_imagenet: Arch<"resnet34_imagenet", ImagenetResnetSpot> = imagenetResnet(34);
/** ResNet-50 for large images, 25.6 M parameters at 1000 classes. */
export const resnet50_imagenet: Arch<"resnet50_imagenet", ImagenetResnetSpot> = imagenetResnet(50);
/** ResNet-10 for images of 32 to 64 pixels, 4.95 M parameters at 100 classes. */
export const resnet10_cifar: Arch<"resnet10_cifar", ImagenetResnetSpot> = imagenetResnet(10, { stem: "cifar" });
/** ResNet-18 for images of 32 to 64 pixels, 11.2 M parameters at 100 classes. */
export const resnet18_cifar: Arch<"resnet18_cifar", ImagenetResnetSpot> = imagenetResnet(18, { stem: "cifar" });
/** ResNet-34 for images of 32 to 64 pixels, 21.3 M parameters at 100 classes. */
export const resnet34_cifar: Arch<"resnet34_cifar", ImagenetResnetSpot> = imagenetResnet(34, { stem: "cifar" });
/** ResNet-50 for images of 32 to 64 pixels, 23.7 M parameters at 100 classes. */
export const resnet50_cifar: Arch<"resnet50_cifar", ImagenetResnetSpot> = imagenetResnet(50, { stem: "cifar" });
