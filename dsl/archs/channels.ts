/**
 * Channels and parameters of an architecture, without running it.
 *
 * @module
 */

import type { Arch } from "../arch.ts";
import { walk } from "./walk.ts";

/** A trainable tensor of an architecture. */
export interface ParameterShape {
  /** PyTorch's name, e.g. `layer1.0.conv1.weight`. */
  readonly name: string;
  /** PyTorch's layout: convolutions [out, in / groups, k, k], linear layers [out, in]. */
  readonly shape: readonly number[];
}

/**
 * Channels of the map (or features of the vector) at the end of every stage.
 *
 * `inputChannels` is 3 unless said. A stage whose width is the class count has `arch.classes`, or NaN while that is not
 * bound.
 *
 * @throws {ShapeError} If a layer cannot read what it is given, e.g. the branches of a sum disagree.
 *
 * @example
 * ```ts
 * import { channelsAt } from "./channels.ts";
 * import { resnet20 } from "./resnet.ts";
 * console.log(channelsAt(resnet20).layer3); // 64
 * ```
 */
export function channelsAt(arch: Arch, inputChannels = 3): Record<string, number> {
  const ends = walk(arch, anySize(inputChannels), arch.classes ?? NaN);
  return Object.fromEntries(Object.entries(ends).map(([spot, { channels }]) => [spot, channels]));
}

/**
 * Every trainable tensor of an architecture with its shape, in forward order.
 *
 * @throws {ShapeError} If a layer cannot read what it is given, e.g. the branches of a sum disagree.
 *
 * @example
 * ```ts
 * import { parameterShapes } from "./channels.ts";
 * import { resnet8 } from "./resnet.ts";
 * console.log(parameterShapes(resnet8, { classes: 10 })[0]); // { name: "conv1.weight", shape: [16, 3, 3, 3] }
 * ```
 */
export function parameterShapes(
  arch: Arch,
  options: { readonly inputChannels?: number; readonly classes: number },
): readonly ParameterShape[] {
  const parameters: ParameterShape[] = [];
  walk(arch, anySize(options.inputChannels ?? 3), options.classes, ({ tensors }) => {
    for (const { name, shape, kind } of tensors) {
      if (kind === "parameter") parameters.push(Object.freeze({ name, shape: Object.freeze([...shape]) }));
    }
  });
  return Object.freeze(parameters);
}

/**
 * Number of trainable parameters; `inputChannels` is 3 unless said.
 *
 * @example
 * ```ts
 * import { countParameters } from "./channels.ts";
 * import { resnet32 } from "./resnet.ts";
 * console.log(countParameters(resnet32, { classes: 100 })); // 472756
 * ```
 */
export function countParameters(
  arch: Arch,
  options: { readonly inputChannels?: number; readonly classes: number },
): number {
  return parameterShapes(arch, options).reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0);
}

/** Images of a size that is not known and fits everywhere. */
function anySize(channels: number): { readonly channels: number; readonly size: readonly [number, number] } {
  return { channels, size: [NaN, NaN] };
}
