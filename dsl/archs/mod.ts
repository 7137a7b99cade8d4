/**
 * The architectures that come with the project.
 *
 * @module
 */

import { mobilenet_v2, mobilenet_v2_half } from "./mobilenet.ts";
import {
  resnet110,
  resnet14,
  resnet20,
  resnet32,
  resnet32x4,
  resnet44,
  resnet56,
  resnet8,
  resnet8x4,
} from "./resnet.ts";
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

export * from "./channels.ts";
export * from "./from_options.ts";
export * from "./mobilenet.ts";
export * from "./resnet.ts";
export * from "./wide_resnet.ts";

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
  /** MobileNetV2 for small images, ×1.0. */
  readonly mobilenet_v2: typeof mobilenet_v2;
  /** MobileNetV2 for small images, ×0.5. */
  readonly mobilenet_v2_half: typeof mobilenet_v2_half;
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
  mobilenet_v2,
  mobilenet_v2_half,
});
