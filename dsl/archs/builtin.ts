/**
 * The architectures that sentences know by name.
 *
 * @module
 */

import { densenet_40_12, densenet_40_12_bc } from "./densenet.ts";
import { googlenet } from "./googlenet.ts";
import {
  resnet10_cifar,
  resnet10_imagenet,
  resnet18_cifar,
  resnet18_imagenet,
  resnet34_cifar,
  resnet34_imagenet,
  resnet50_cifar,
  resnet50_imagenet,
} from "./imagenet_resnet.ts";
import {
  mobilenet_v1,
  mobilenet_v2,
  mobilenet_v2_half,
  mobilenet_v2_torchvision,
  mobilenet_v2_torchvision_1_4,
} from "./mobilenet.ts";
import {
  resnet110,
  resnet110_a,
  resnet14,
  resnet14_a,
  resnet20,
  resnet20_a,
  resnet32,
  resnet32_a,
  resnet32x4,
  resnet32x4_a,
  resnet44,
  resnet44_a,
  resnet56,
  resnet56_a,
  resnet8,
  resnet8_a,
  resnet8x4,
  resnet8x4_a,
} from "./resnet.ts";
import { shufflenet_v1, shufflenet_v2 } from "./shufflenet.ts";
import { vgg11, vgg13, vgg16, vgg19, vgg8 } from "./vgg.ts";
import {
  wrn_10_1,
  wrn_10_1_ffsd,
  wrn_16_1,
  wrn_16_10,
  wrn_16_10_switokd,
  wrn_16_1_switokd,
  wrn_16_2,
  wrn_16_2_ffsd,
  wrn_16_2_switokd,
  wrn_16_8,
  wrn_16_8_switokd,
  wrn_28_10,
  wrn_28_10_ffsd,
  wrn_40_1,
  wrn_40_2,
  wrn_40_2_ffsd,
} from "./wide_resnet.ts";

/** Type of {@linkcode builtinArchs}: every name with its architecture. */
export interface BuiltinArchs {
  /** ResNet-8 for small images. */
  readonly resnet8: typeof resnet8;
  /** ResNet-14 for small images. */
  readonly resnet14: typeof resnet14;
  /** ResNet-20 for small images. */
  readonly resnet20: typeof resnet20;
  /** ResNet-32 for small images. */
  readonly resnet32: typeof resnet32;
  /** ResNet-44 for small images. */
  readonly resnet44: typeof resnet44;
  /** ResNet-56 for small images. */
  readonly resnet56: typeof resnet56;
  /** ResNet-110 for small images. */
  readonly resnet110: typeof resnet110;
  /** ResNet-8, four times as wide. */
  readonly resnet8x4: typeof resnet8x4;
  /** ResNet-32, four times as wide. */
  readonly resnet32x4: typeof resnet32x4;
  /** ResNet-8 for small images, shortcuts without parameters. */
  readonly resnet8_a: typeof resnet8_a;
  /** ResNet-14 for small images, shortcuts without parameters. */
  readonly resnet14_a: typeof resnet14_a;
  /** ResNet-20 for small images, shortcuts without parameters. */
  readonly resnet20_a: typeof resnet20_a;
  /** ResNet-32 for small images, shortcuts without parameters. */
  readonly resnet32_a: typeof resnet32_a;
  /** ResNet-44 for small images, shortcuts without parameters. */
  readonly resnet44_a: typeof resnet44_a;
  /** ResNet-56 for small images, shortcuts without parameters. */
  readonly resnet56_a: typeof resnet56_a;
  /** ResNet-110 for small images, shortcuts without parameters. */
  readonly resnet110_a: typeof resnet110_a;
  /** ResNet-8, four times as wide, shortcuts without parameters. */
  readonly resnet8x4_a: typeof resnet8x4_a;
  /** ResNet-32, four times as wide, shortcuts without parameters. */
  readonly resnet32x4_a: typeof resnet32x4_a;
  /** WRN-10-1. */
  readonly wrn_10_1: typeof wrn_10_1;
  /** WRN-16-1. */
  readonly wrn_16_1: typeof wrn_16_1;
  /** WRN-16-2. */
  readonly wrn_16_2: typeof wrn_16_2;
  /** WRN-16-8. */
  readonly wrn_16_8: typeof wrn_16_8;
  /** WRN-16-10. */
  readonly wrn_16_10: typeof wrn_16_10;
  /** WRN-28-10. */
  readonly wrn_28_10: typeof wrn_28_10;
  /** WRN-40-1. */
  readonly wrn_40_1: typeof wrn_40_1;
  /** WRN-40-2. */
  readonly wrn_40_2: typeof wrn_40_2;
  /** WRN-10-1 as FFSD's code has it. */
  readonly wrn_10_1_ffsd: typeof wrn_10_1_ffsd;
  /** WRN-16-2 as FFSD's code has it. */
  readonly wrn_16_2_ffsd: typeof wrn_16_2_ffsd;
  /** WRN-28-10 as FFSD's code has it. */
  readonly wrn_28_10_ffsd: typeof wrn_28_10_ffsd;
  /** WRN-40-2 as FFSD's code has it. */
  readonly wrn_40_2_ffsd: typeof wrn_40_2_ffsd;
  /** WRN-16-1 as SwitOKD's code has it. */
  readonly wrn_16_1_switokd: typeof wrn_16_1_switokd;
  /** WRN-16-2 as SwitOKD's code has it. */
  readonly wrn_16_2_switokd: typeof wrn_16_2_switokd;
  /** WRN-16-8 as SwitOKD's code has it. */
  readonly wrn_16_8_switokd: typeof wrn_16_8_switokd;
  /** WRN-16-10 as SwitOKD's code has it. */
  readonly wrn_16_10_switokd: typeof wrn_16_10_switokd;
  /** VGG of 8 layers. */
  readonly vgg8: typeof vgg8;
  /** VGG of 11 layers. */
  readonly vgg11: typeof vgg11;
  /** VGG of 13 layers. */
  readonly vgg13: typeof vgg13;
  /** VGG of 16 layers. */
  readonly vgg16: typeof vgg16;
  /** VGG of 19 layers. */
  readonly vgg19: typeof vgg19;
  /** MobileNet. */
  readonly mobilenet_v1: typeof mobilenet_v1;
  /** MobileNetV2 for small images, ×1.0. */
  readonly mobilenet_v2: typeof mobilenet_v2;
  /** MobileNetV2 for small images, ×0.5. */
  readonly mobilenet_v2_half: typeof mobilenet_v2_half;
  /** MobileNetV2 as in torchvision, ×1.0. */
  readonly mobilenet_v2_torchvision: typeof mobilenet_v2_torchvision;
  /** MobileNetV2 as in torchvision, ×1.4. */
  readonly mobilenet_v2_torchvision_1_4: typeof mobilenet_v2_torchvision_1_4;
  /** ShuffleNet with 3 groups. */
  readonly shufflenet_v1: typeof shufflenet_v1;
  /** ShuffleNetV2, ×1.0. */
  readonly shufflenet_v2: typeof shufflenet_v2;
  /** DenseNet of 40 layers, growth 12. */
  readonly densenet_40_12: typeof densenet_40_12;
  /** DenseNet of 40 layers, growth 12, with bottlenecks and compression. */
  readonly densenet_40_12_bc: typeof densenet_40_12_bc;
  /** GoogLeNet for small images. */
  readonly googlenet: typeof googlenet;
  /** ResNet-10 of four stages, for images of 32 to 64 pixels. */
  readonly resnet10_cifar: typeof resnet10_cifar;
  /** ResNet-18 of four stages, for images of 32 to 64 pixels. */
  readonly resnet18_cifar: typeof resnet18_cifar;
  /** ResNet-34 of four stages, for images of 32 to 64 pixels. */
  readonly resnet34_cifar: typeof resnet34_cifar;
  /** ResNet-50 of four stages, for images of 32 to 64 pixels. */
  readonly resnet50_cifar: typeof resnet50_cifar;
  /** ResNet-10 of four stages, for large images. */
  readonly resnet10_imagenet: typeof resnet10_imagenet;
  /** ResNet-18 of four stages, for large images. */
  readonly resnet18_imagenet: typeof resnet18_imagenet;
  /** ResNet-34 of four stages, for large images. */
  readonly resnet34_imagenet: typeof resnet34_imagenet;
  /** ResNet-50 of four stages, for large images. */
  readonly resnet50_imagenet: typeof resnet50_imagenet;
}

/** Every built-in architecture by the name that sentences use, e.g. `"resnet32"`. */
export const builtinArchs: BuiltinArchs = Object.freeze({
  resnet8,
  resnet14,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
  resnet8x4,
  resnet32x4,
  resnet8_a,
  resnet14_a,
  resnet20_a,
  resnet32_a,
  resnet44_a,
  resnet56_a,
  resnet110_a,
  resnet8x4_a,
  resnet32x4_a,
  wrn_10_1,
  wrn_16_1,
  wrn_16_2,
  wrn_16_8,
  wrn_16_10,
  wrn_28_10,
  wrn_40_1,
  wrn_40_2,
  wrn_10_1_ffsd,
  wrn_16_2_ffsd,
  wrn_28_10_ffsd,
  wrn_40_2_ffsd,
  wrn_16_1_switokd,
  wrn_16_2_switokd,
  wrn_16_8_switokd,
  wrn_16_10_switokd,
  vgg8,
  vgg11,
  vgg13,
  vgg16,
  vgg19,
  mobilenet_v1,
  mobilenet_v2,
  mobilenet_v2_half,
  mobilenet_v2_torchvision,
  mobilenet_v2_torchvision_1_4,
  shufflenet_v1,
  shufflenet_v2,
  densenet_40_12,
  densenet_40_12_bc,
  googlenet,
  resnet10_cifar,
  resnet18_cifar,
  resnet34_cifar,
  resnet50_cifar,
  resnet10_imagenet,
  resnet18_imagenet,
  resnet34_imagenet,
  resnet50_imagenet,
});
