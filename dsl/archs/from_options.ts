/**
 * Architectures from the numbers that describe them, e.g. those of a spec, a checkpoint or a recorded trace.
 *
 * @module
 */

import { type Arch, withClasses } from "../arch.ts";
import { densenet } from "./densenet.ts";
import { googlenet } from "./googlenet.ts";
import { imagenetResnet, type ImagenetResnetDepth } from "./imagenet_resnet.ts";
import { mobilenet_v1, mobilenetV2, mobilenetV2Torchvision } from "./mobilenet.ts";
import { resnet, type ResnetWidths } from "./resnet.ts";
import { shufflenet_v1, shufflenet_v2 } from "./shufflenet.ts";
import { vgg, type VggDepth } from "./vgg.ts";
import { wrn, type WrnVariant } from "./wide_resnet.ts";

/** A net in normal form: a family and the numbers that family takes, as in {@linkcode Arch}'s `options`. */
export interface NetOptions {
  /**
   * `resnet`, `wrn`, `vgg`, `mobilenet_v1`, `mobilenet_v2`, `shufflenet_v1`, `shufflenet_v2`, `densenet`, `googlenet`,
   * `resnet_imagenet` or `resnet_wide_stem32`, which are four stages with the stem of large or small images; others are
   * not known here.
   */
  readonly family: string;
  /** Layers, for `resnet`, `wrn`, `vgg`, `densenet`, `resnet_imagenet` and `resnet_wide_stem32`. */
  readonly depth?: number;
  /** Channels of stem and stages, for `resnet`. */
  readonly widths?: readonly number[];
  /** `"A"` or `"B"`, for `resnet`; `"B"` unless said. */
  readonly shortcut?: string;
  /** `"basic"` or `"bottleneck"`, for `resnet`. */
  readonly block?: string;
  /** Blocks of a stage, for `resnet`; (depth − 2) / 6 unless said. */
  readonly blocks?: number;
  /** Definition, for `wrn`. */
  readonly variant?: string;
  /** Widening factor, for `wrn`. */
  readonly k?: number;
  /** `"cifar"` or `"torchvision"`, for `mobilenet_v2`; `"cifar"` unless said. */
  readonly style?: string;
  /** Channel multiplier, for `mobilenet_v2`. */
  readonly width?: number;
  /** Channels that a layer adds, for `densenet`; 12 unless said. */
  readonly growth?: number;
  /** Share of channels that a transition keeps, for `densenet`. */
  readonly compression?: number;
  /** Whether layers have bottlenecks, for `densenet`; no unless said. */
  readonly bottleneck?: boolean;
  /** Class count to bind. */
  readonly classes?: number;
}

/**
 * Builds the net that `net` describes, or returns `undefined` if its family, variant, shortcut or style does not
 * exist. Keys it does not know, such as a role, are left to the caller.
 *
 * @throws {OptionError} If a number is outside its family's range.
 *
 * @example
 * ```ts
 * import { archFromNet } from "./from_options.ts";
 * console.log(archFromNet({ family: "wrn", variant: "ffsd", depth: 16, k: 2 })?.name); // wrn_16_2_ffsd
 * console.log(archFromNet({ family: "alexnet" })); // undefined
 * ```
 */
export function archFromNet(net: NetOptions): Arch | undefined {
  const arch = Object.hasOwn(families, net.family) ? families[net.family]!(net) : undefined;
  return arch === undefined || net.classes === undefined ? arch : withClasses(arch, net.classes);
}

const families: Readonly<Record<string, (net: NetOptions) => Arch | undefined>> = {
  resnet: ({ depth = NaN, widths, shortcut = "B", block = "basic", blocks }) => {
    if (shortcut !== "A" && shortcut !== "B") return undefined;
    if (block !== "basic" && block !== "bottleneck") return undefined;
    return resnet(depth, {
      ...(widths === undefined ? {} : { widths: widths as unknown as ResnetWidths }),
      shortcut,
      block,
      ...(blocks === undefined ? {} : { blocks }),
    });
  },
  wrn: ({ variant = "repdistiller", depth = NaN, k = NaN }) => {
    if (!(variants as readonly string[]).includes(variant)) return undefined;
    return variant === "repdistiller"
      ? wrn(depth, k)
      : wrn(depth, k, { variant: variant as Exclude<WrnVariant, "repdistiller"> });
  },
  vgg: ({ depth }) => vgg(depth as VggDepth),
  mobilenet_v1: () => mobilenet_v1,
  mobilenet_v2: ({ style = "cifar", width = 1 }) => {
    if (!Object.hasOwn(mobilenets, style)) return undefined;
    const { make, name } = mobilenets[style as keyof typeof mobilenets];
    return make<string>(width, width === 1 ? name : width === 0.5 ? `${name}_half` : `${name}_${underlined(width)}`);
  },
  shufflenet_v1: () => shufflenet_v1,
  shufflenet_v2: () => shufflenet_v2,
  densenet: ({ depth = NaN, growth, compression, bottleneck }) =>
    densenet(depth, {
      ...(growth === undefined ? {} : { growth }),
      ...(compression === undefined ? {} : { compression }),
      ...(bottleneck === undefined ? {} : { bottleneck }),
    }),
  googlenet: () => googlenet,
  resnet_imagenet: ({ depth }) => imagenetResnet(depth as ImagenetResnetDepth),
  resnet_wide_stem32: ({ depth }) => imagenetResnet(depth as ImagenetResnetDepth, { stem: "cifar" }),
};

const variants = ["repdistiller", "ffsd", "switokd"] as const satisfies readonly WrnVariant[];

const mobilenets = {
  cifar: { make: mobilenetV2, name: "mobilenet_v2" },
  torchvision: { make: mobilenetV2Torchvision, name: "mobilenet_v2_torchvision" },
} as const;

/** A number as part of a name. */
function underlined(width: number): string {
  return String(width).replace(".", "_");
}
