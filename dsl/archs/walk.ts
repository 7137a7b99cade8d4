/**
 * Goes through an architecture layer by layer with the shapes that maps have there, without running it.
 *
 * @module
 */

import type { Arch } from "../arch.ts";
import { ShapeError } from "../errors.ts";
import type { Layer } from "../layers.ts";

/** A map [C, H, W] or a vector [D] of one image. NaN where a width or size is not known. */
export interface Extent {
  /** Channels of a map, features of a vector. */
  readonly channels: number;
  /** Height and width of a map. */
  readonly size?: readonly [height: number, width: number];
}

/** A tensor that a layer owns. */
export interface OwnTensor {
  /** PyTorch's name, e.g. `layer1.0.conv1.weight`. */
  readonly name: string;
  /** PyTorch's layout. */
  readonly shape: readonly number[];
  /** Trained, or a running statistic. */
  readonly kind: "parameter" | "buffer";
}

/** A layer that is passed: all but {@linkcode Layer}s of branches, whose own layers come before where they join. */
export interface Passed {
  readonly layer: Layer;
  /** Spot at which its stage ends. */
  readonly stage: string;
  /** Branches it lies in, 0 outside of any. */
  readonly depth: number;
  /** What it makes of one image. */
  readonly out: Extent;
  /** Parameters, then running statistics. */
  readonly tensors: readonly OwnTensor[];
  /** Multiply-adds of convolutions and linear layers for one image; 0 of other layers. */
  readonly multiplyAdds: number;
}

/**
 * Passes every layer of a net in forward order and returns what is at the end of each stage.
 *
 * @throws {ShapeError} If a layer cannot read what it is given.
 */
export function walk(
  arch: Pick<Arch, "name" | "stages">,
  input: Extent,
  classes: number,
  visit: (passed: Passed) => void = () => {},
): Readonly<Record<string, Extent>> {
  const ends: Record<string, Extent> = {};
  let at = input;
  for (const { spot, layers } of arch.stages) {
    at = layers.reduce((from, layer) => pass(layer, from, spot, 0), at);
    ends[spot] = at;
  }
  return ends;

  function pass(layer: Layer, from: Extent, stage: string, depth: number): Extent {
    if (!("branches" in layer)) {
      const { out, tensors = [], multiplyAdds = 0 } = leaf(layer, from);
      visit({ layer, stage, depth, out, tensors, multiplyAdds });
      return out;
    }
    const made = layer.branches.map((branch) =>
      branch.reduce((inner, next) => pass(next, inner, stage, depth + 1), from)
    );
    const out = meet(layer.kind, made, from);
    visit({ layer, stage, depth, out, tensors: [], multiplyAdds: 0 });
    return out;
  }

  function meet(kind: "sum" | "product" | "join", made: readonly Extent[], from: Extent): Extent {
    const [first = from] = made;
    const maps = made.filter(({ size }) => size !== undefined);
    const map = maps.find(({ channels }) => kind !== "product" || channels !== 1) ?? maps[0] ?? first;
    const widths = made.map(({ channels }) => channels);
    // A map of one channel multiplies all channels.
    const counted = kind === "product"
      ? widths.filter((width, i) => width !== 1 || made[i]!.size === undefined)
      : widths;
    if (kind !== "join" && new Set(counted).size > 1) {
      throw new ShapeError(
        `Cannot ${kind === "sum" ? "add" : "multiply"} branches of ${arch.name}: all of them have one channel count, ` +
          `got ${widths.join(", ")}. ${kind === "sum" ? "Project the shortcut." : "Give them the same."}`,
      );
    }
    const odd = made.find(({ size }) => size === undefined ? kind !== "product" && maps.length > 0 : differ(size, map));
    if (odd !== undefined) {
      throw new ShapeError(
        `Cannot bring branches of ${arch.name} together: their maps have one size, got ${
          made.map(sizeText).join(", ")
        }. Stride them alike.`,
      );
    }
    return kind === "join" ? { ...map, channels: widths.reduce((a, b) => a + b, 0) } : map;
  }

  function leaf(
    layer: Exclude<Layer, { readonly branches: unknown }>,
    from: Extent,
  ): { out: Extent; tensors?: readonly OwnTensor[]; multiplyAdds?: number } {
    const inputs = from.channels;
    switch (layer.kind) {
      case "conv": {
        const size = sizeOf(from, layer.name);
        const out = layer.out === "same" ? inputs : layer.out;
        const groups = layer.groups === "depthwise" ? inputs : layer.groups;
        divide(layer.name, `${groups} groups`, inputs, groups);
        const made = slide(layer.name, size, layer.kernel, layer.stride, layer.pad);
        const filter = inputs / groups * layer.kernel ** 2;
        return {
          out: { channels: out, size: made },
          tensors: parameters(layer, [out, inputs / groups, layer.kernel, layer.kernel], out),
          multiplyAdds: out * filter * made[0] * made[1],
        };
      }
      case "transposedConv": {
        const size = sizeOf(from, layer.name);
        // Which tap decides is not known here: sizes double.
        const extra = typeof layer.outputPad === "number" ? layer.outputPad : 1;
        const grow = (length: number): number => (length - 1) * layer.stride - 2 * layer.pad + layer.kernel + extra;
        return {
          out: { channels: layer.out, size: [grow(size[0]), grow(size[1])] },
          tensors: parameters(layer, [inputs, layer.out, layer.kernel, layer.kernel], layer.out),
          multiplyAdds: inputs * layer.out * layer.kernel ** 2 * size[0] * size[1],
        };
      }
      case "connector":
        // Which map decides is not known here, nor the side of the filter.
        sizeOf(from, layer.name);
        return {
          out: { channels: layer.out, size: [NaN, NaN] },
          tensors: parameters(layer, [layer.out, inputs, NaN, NaN], layer.out),
          multiplyAdds: NaN,
        };
      case "free":
        return {
          out: { channels: layer.width, ...(from.size === undefined ? {} : { size: [1, 1] }) },
          tensors: [{ name: layer.name, shape: [layer.width], kind: "parameter" }],
        };
      case "linear": {
        if (from.size !== undefined) {
          throw new ShapeError(
            `Cannot apply linear layer ${layer.name} of ${arch.name}: it reads vectors [B, D], got a map. ` +
              "Pool it before.",
          );
        }
        const out = layer.out === "classes" ? classes : layer.out;
        return {
          out: { channels: out },
          tensors: parameters(layer, [out, inputs], out),
          multiplyAdds: inputs * out,
        };
      }
      case "batchNorm": {
        const own = (suffix: string, kind: OwnTensor["kind"]): OwnTensor => ({
          name: `${layer.name}.${suffix}`,
          shape: [inputs],
          kind,
        });
        const tensors = [
          own("weight", "parameter"),
          own("bias", "parameter"),
          own("running_mean", "buffer"),
          own("running_var", "buffer"),
        ];
        return { out: from, tensors };
      }
      case "pool": {
        const size = sizeOf(from, "pool");
        if (layer.atLeast !== undefined && Math.min(...size) < layer.atLeast) return { out: from };
        return { out: { channels: inputs, size: slide("pool", size, layer.kernel, layer.stride, layer.pad) } };
      }
      case "globalPool":
        sizeOf(from, "globalPool");
        return { out: { channels: inputs } };
      case "shuffleChannels":
        divide("shuffleChannels", `${layer.groups} groups`, inputs, layer.groups);
        return { out: from };
      case "chunkChannels":
        divide("chunkChannels", `${layer.of} parts`, inputs, layer.of);
        return { out: { ...from, channels: inputs / layer.of } };
      case "padChannels":
        return { out: { ...from, channels: layer.before + inputs + layer.after } };
      case "relu":
      case "relu6":
      case "leakyRelu":
      case "sigmoid":
        return { out: from };
      default:
        return layer satisfies never;
    }
  }

  function sizeOf({ channels, size }: Extent, layer: string): readonly [number, number] {
    if (size !== undefined) return size;
    throw new ShapeError(
      `Cannot apply ${layer} of ${arch.name}: it reads maps [B, C, H, W], got vectors of ${channels}. Put it before pooling.`,
    );
  }

  function slide(
    layer: string,
    size: readonly [number, number],
    kernel: number,
    stride: number,
    pad: number,
  ): readonly [number, number] {
    const made = size.map((length) => Math.floor((length + 2 * pad - kernel) / stride) + 1) as [number, number];
    if (made.some((length) => length < 1)) {
      throw new ShapeError(
        `Cannot apply ${layer} of ${arch.name}: windows of ${kernel}×${kernel} need a larger map, got ${
          size.join("×")
        }. Use larger images.`,
      );
    }
    return made;
  }

  function divide(layer: string, what: string, channels: number, parts: number): void {
    if (channels % parts === 0 || Number.isNaN(channels)) return;
    throw new ShapeError(
      `Cannot apply ${layer} of ${arch.name}: ${what} share the channels equally, got ${channels}. Say another number.`,
    );
  }
}

function parameters(
  layer: { readonly name: string; readonly bias: boolean },
  shape: readonly number[],
  out: number,
): readonly OwnTensor[] {
  const weight: OwnTensor = { name: `${layer.name}.weight`, shape, kind: "parameter" };
  return layer.bias ? [weight, { name: `${layer.name}.bias`, shape: [out], kind: "parameter" }] : [weight];
}

/** Whether sizes differ; sizes that are not known do not. */
function differ(size: readonly [number, number], { size: other }: Extent): boolean {
  return other !== undefined && size.some((length, axis) => length !== other[axis] && !Number.isNaN(length));
}

function sizeText({ size }: Extent): string {
  return size === undefined ? "none" : size.join("×");
}
