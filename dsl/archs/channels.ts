/**
 * Channels and parameters of an architecture, without running it.
 *
 * @module
 */

import type { Arch } from "../arch.ts";
import { ShapeError } from "../errors.ts";
import type { Layer } from "../layers.ts";

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
 * @throws {ShapeError} If the branches of a sum disagree.
 *
 * @example
 * ```ts
 * import { channelsAt } from "./channels.ts";
 * import { resnet20 } from "./resnet.ts";
 * console.log(channelsAt(resnet20).layer3); // 64
 * ```
 */
export function channelsAt(arch: Arch, inputChannels = 3): Record<string, number> {
  return walk(arch, inputChannels, arch.classes ?? NaN).channels;
}

/**
 * Every trainable tensor of an architecture with its shape, in forward order.
 *
 * @throws {ShapeError} If the branches of a sum disagree.
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
  return Object.freeze(walk(arch, options.inputChannels ?? 3, options.classes).parameters);
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

function walk(
  arch: Arch,
  inputChannels: number,
  classes: number,
): { readonly channels: Record<string, number>; readonly parameters: ParameterShape[] } {
  const parameters: ParameterShape[] = [];
  const channels: Record<string, number> = {};
  const add = (name: string, shape: readonly number[]): void => {
    parameters.push(Object.freeze({ name, shape: Object.freeze([...shape]) }));
  };
  let width = inputChannels;
  for (const stage of arch.stages) {
    width = through(stage.layers, width);
    channels[stage.spot] = width;
  }
  return { channels, parameters };

  function through(layers: readonly Layer[], start: number): number {
    return layers.reduce((inputs, layer) => layerWidth(layer, inputs), start);
  }

  function layerWidth(layer: Layer, inputs: number): number {
    switch (layer.kind) {
      case "conv": {
        const out = layer.out === "same" ? inputs : layer.out;
        const groups = layer.groups === "depthwise" ? inputs : layer.groups;
        add(`${layer.name}.weight`, [out, inputs / groups, layer.kernel, layer.kernel]);
        if (layer.bias) add(`${layer.name}.bias`, [out]);
        return out;
      }
      case "transposedConv":
        add(`${layer.name}.weight`, [inputs, layer.out, layer.kernel, layer.kernel]);
        if (layer.bias) add(`${layer.name}.bias`, [layer.out]);
        return layer.out;
      case "batchNorm":
        add(`${layer.name}.weight`, [inputs]);
        add(`${layer.name}.bias`, [inputs]);
        return inputs;
      case "linear": {
        const out = layer.out === "classes" ? classes : layer.out;
        add(`${layer.name}.weight`, [out, inputs]);
        if (layer.bias) add(`${layer.name}.bias`, [out]);
        return out;
      }
      case "sum": {
        const widths = layer.branches.map((branch) => through(branch, inputs));
        if (new Set(widths).size > 1) {
          throw new ShapeError(
            `Cannot add branches of ${arch.name}: all of them have one channel count, got ${widths.join(", ")}. ` +
              "Project the shortcut.",
          );
        }
        return widths[0] ?? inputs;
      }
      case "join":
        return layer.branches.reduce((total, branch) => total + through(branch, inputs), 0);
      case "relu":
      case "relu6":
      case "sigmoid":
      case "pool":
      case "globalPool":
        return inputs;
      default:
        return layer satisfies never;
    }
  }
}
