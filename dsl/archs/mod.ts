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
  readonly resnet8: typeof resnet8;
  readonly resnet14: typeof resnet14;
  readonly resnet20: typeof resnet20;
  readonly resnet32: typeof resnet32;
  readonly resnet44: typeof resnet44;
  readonly resnet56: typeof resnet56;
  readonly resnet110: typeof resnet110;
  readonly resnet8x4: typeof resnet8x4;
  readonly resnet32x4: typeof resnet32x4;
  readonly wrn_10_1: typeof wrn_10_1;
  readonly wrn_16_1: typeof wrn_16_1;
  readonly wrn_16_2: typeof wrn_16_2;
  readonly wrn_16_8: typeof wrn_16_8;
  readonly wrn_16_10: typeof wrn_16_10;
  readonly wrn_28_10: typeof wrn_28_10;
  readonly wrn_40_1: typeof wrn_40_1;
  readonly wrn_40_2: typeof wrn_40_2;
  readonly wrn_10_1_ffsd: typeof wrn_10_1_ffsd;
  readonly wrn_16_2_ffsd: typeof wrn_16_2_ffsd;
  readonly wrn_28_10_ffsd: typeof wrn_28_10_ffsd;
  readonly wrn_40_2_ffsd: typeof wrn_40_2_ffsd;
  readonly wrn_16_1_switokd: typeof wrn_16_1_switokd;
  readonly wrn_16_2_switokd: typeof wrn_16_2_switokd;
  readonly wrn_16_8_switokd: typeof wrn_16_8_switokd;
  readonly wrn_16_10_switokd: typeof wrn_16_10_switokd;
  readonly mobilenet_v2: typeof mobilenet_v2;
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
