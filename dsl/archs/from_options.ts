/**
 * Architectures from the numbers that describe them, e.g. those of a spec, a checkpoint or a recorded trace.
 *
 * @module
 */

import { type Arch, withClasses } from "../arch.ts";
import { mobilenetV2 } from "./mobilenet.ts";
import { resnet, type ResnetWidths } from "./resnet.ts";
import { wrn, type WrnVariant } from "./wide_resnet.ts";

/** A net in normal form: a family and the numbers that family takes, as in {@linkcode Arch}'s `options`. */
export interface NetOptions {
  /** `resnet`, `wrn` or `mobilenet_v2`; others are not known here. */
  readonly family: string;
  /** Layers, for `resnet` and `wrn`. */
  readonly depth?: number;
  /** Channels of stem and stages, for `resnet`. */
  readonly widths?: readonly number[];
  /** `"B"` is the only shortcut there is, for `resnet`. */
  readonly shortcut?: string;
  /** `"basic"` or `"bottleneck"`, for `resnet`. */
  readonly block?: string;
  /** Blocks of a stage, for `resnet`; (depth − 2) / 6 unless said. */
  readonly blocks?: number;
  /** Definition, for `wrn`. */
  readonly variant?: string;
  /** Widening factor, for `wrn`. */
  readonly k?: number;
  /** `"cifar"` is the only style there is, for `mobilenet_v2`. */
  readonly style?: string;
  /** Channel multiplier, for `mobilenet_v2`. */
  readonly width?: number;
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
 * console.log(archFromNet({ family: "vgg", depth: 8 })); // undefined
 * ```
 */
export function archFromNet(net: NetOptions): Arch | undefined {
  const arch = build(net);
  return arch === undefined || net.classes === undefined ? arch : withClasses(arch, net.classes);
}

function build(net: NetOptions): Arch | undefined {
  switch (net.family) {
    case "resnet": {
      const { shortcut = "B", block = "basic" } = net;
      if (shortcut !== "B" || (block !== "basic" && block !== "bottleneck")) return undefined;
      const widths = net.widths === undefined ? {} : { widths: net.widths as unknown as ResnetWidths };
      const blocks = net.blocks === undefined ? {} : { blocks: net.blocks };
      return resnet(net.depth ?? NaN, { ...widths, block, ...blocks });
    }
    case "wrn": {
      const { variant = "repdistiller", depth = NaN, k = NaN } = net;
      if (!(variants as readonly string[]).includes(variant)) return undefined;
      return variant === "repdistiller"
        ? wrn(depth, k)
        : wrn(depth, k, { variant: variant as Exclude<WrnVariant, "repdistiller"> });
    }
    case "mobilenet_v2": {
      const { style = "cifar", width = 1 } = net;
      if (style !== "cifar") return undefined;
      return mobilenetV2<string>(
        width,
        width === 1 ? "mobilenet_v2" : width === 0.5 ? "mobilenet_v2_half" : `mobilenet_v2_${width}`,
      );
    }
    default:
      return undefined;
  }
}

const variants = ["repdistiller", "ffsd", "switokd"] as const satisfies readonly WrnVariant[];
