/**
 * The vocabulary architectures are written in: plain data, no tensors.
 *
 * A net is a list of layers; the three composite layers, {@linkcode sum}, {@linkcode product} and {@linkcode join},
 * hold branches that all read the same input. Layers with parameters carry PyTorch's module name, so that
 * `conv("layer1.0.conv1", …)` owns `layer1.0.conv1.weight` and a PyTorch state dict maps one to one.
 *
 * A net of one's own is written like the built-in ones; `pipelines/squeeze_excite_digits.ts` trains this one.
 *
 * @example A residual block with squeeze and excitation (Hu, Shen, Sun 2018)
 * ```ts
 * import { defineArch, stageIndex } from "./arch.ts";
 * import { countParameters } from "./archs/channels.ts";
 * import { batchNorm, conv, globalPool, type Layer, linear, product, relu, sigmoid, sum } from "./layers.ts";
 *
 * // The path's own channel means decide how much of each channel passes.
 * function excited(name: string, channels: number, path: readonly Layer[]): Layer[] {
 *   const gate = [
 *     globalPool,
 *     linear(`${name}.se.fc1`, channels / 4),
 *     relu,
 *     linear(`${name}.se.fc2`, channels),
 *     sigmoid,
 *   ];
 *   return [...path, product([], gate)];
 * }
 *
 * const path = [
 *   conv("block.conv1", 16),
 *   batchNorm("block.bn1"),
 *   relu,
 *   conv("block.conv2", 16),
 *   batchNorm("block.bn2"),
 * ];
 * const tiny = defineArch("tiny_se", [
 *   { spot: "stem", layers: [conv("stem.conv", 16), batchNorm("stem.bn"), relu] },
 *   { spot: "block", layers: [sum(excited("block", 16, path), []), relu] },
 *   { spot: "embedding", layers: [globalPool] },
 *   { spot: "logits", layers: [linear("head", "classes")] },
 * ], { spots: ["stem", "block"] });
 * console.log(stageIndex(tiny.name, tiny.stages, "block"), countParameters(tiny, { classes: 10 })); // 1 5454
 * ```
 *
 * @module
 */

import type { ConnectorLayer, FreeLayer } from "./connectors.ts";

/** A number of outputs: fixed, or the class count that the dataset binds later. */
export type Width = number | "classes";

/**
 * Rule that fills a layer's weight before training: PyTorch's default; N(0, 2 / (k² · outputs)); N(0, 2 / fanIn);
 * N(0, 1 / fanIn²); N(0, std²); U(±gain · √(6 / (fanIn + fanOut))); zeros; one number; U(±√(6 / ((1 + slope²) fanIn))).
 * The bias is PyTorch's default unless it says `bias: "zero"`; `bias: { even }` adds a number to its elements 0, 2, ….
 */
export type Init =
  & (
    | { readonly rule: "default" }
    | { readonly rule: "heOut" }
    | { readonly rule: "heIn" }
    | { readonly rule: "inverseFanIn" }
    | { readonly rule: "normal"; readonly std: number }
    | { readonly rule: "xavierUniform"; readonly gain: number }
    | { readonly rule: "zero" }
    | { readonly rule: "constant"; readonly value: number }
    | { readonly rule: "heUniform"; readonly slope: number }
  )
  & { readonly bias?: "zero" | { readonly even: number } };

/** One layer. Shapes are inferred from the input; only what cannot be inferred is said. */
export type Layer =
  | ConvLayer
  | {
    readonly kind: "transposedConv";
    readonly name: string;
    readonly out: number;
    readonly kernel: number;
    readonly stride: number;
    readonly pad: number;
    /**
     * Extra rows and columns at the far side; a tap chooses 0 or 1 so that the output is as large as it, a stride of 1
     * where the input is as large already, and no padding where it is larger than twice the input.
     */
    readonly outputPad: number | { readonly net: string; readonly spot: string };
    readonly bias: boolean;
    readonly init: Init;
  }
  | ConnectorLayer
  | FreeLayer
  | {
    readonly kind: "batchNorm";
    readonly name: string;
    /** Weight of the new statistics in the running ones (PyTorch's meaning; 0.1 unless said). */
    readonly momentum: number;
    /** Added to the variance; 1e-5 as in PyTorch. */
    readonly epsilon: number;
  }
  | { readonly kind: "relu" }
  | { readonly kind: "relu6" }
  | { readonly kind: "leakyRelu"; readonly slope: number }
  | { readonly kind: "sigmoid" }
  | {
    readonly kind: "pool";
    readonly mode: "average" | "max";
    readonly kernel: number;
    readonly stride: number;
    readonly pad: number;
    /** Smallest height and width that is pooled; a smaller map passes as it is. */
    readonly atLeast?: number;
  }
  | { readonly kind: "globalPool" }
  | { readonly kind: "shuffleChannels"; readonly groups: number }
  | { readonly kind: "chunkChannels"; readonly index: number; readonly of: number }
  | { readonly kind: "padChannels"; readonly before: number; readonly after: number }
  | { readonly kind: "linear"; readonly name: string; readonly out: Width; readonly bias: boolean; readonly init: Init }
  | { readonly kind: "sum"; readonly branches: readonly (readonly Layer[])[] }
  | { readonly kind: "product"; readonly branches: readonly (readonly Layer[])[] }
  | { readonly kind: "join"; readonly branches: readonly (readonly Layer[])[] };

/** A convolution, zero-padded. `groups: "depthwise"` means one group a channel. */
export interface ConvLayer {
  /** Tells layers apart. */
  readonly kind: "conv";
  /** PyTorch's module name. */
  readonly name: string;
  /** Output channels; `"same"` keeps the input's. */
  readonly out: number | "same";
  /** Side of the filter. */
  readonly kernel: number;
  /** Step of the filter. */
  readonly stride: number;
  /** Zero padding on every side. */
  readonly pad: number;
  /** Groups of channels that see only each other. */
  readonly groups: number | "depthwise";
  /** Whether it adds a bias. */
  readonly bias: boolean;
  /** Rule that fills its weights. */
  readonly init: Init;
}

/** Options of {@linkcode conv}; a 3×3 convolution keeps its size unless told otherwise. */
export interface ConvOptions {
  /** Side of the filter; 3 unless said. */
  readonly kernel?: number;
  /** Step; 1 unless said. */
  readonly stride?: number;
  /** Zero padding; (kernel − 1) / 2 unless said. */
  readonly pad?: number;
  /** Groups; 1 unless said. */
  readonly groups?: number | "depthwise";
  /** Whether it has a bias; no unless said. */
  readonly bias?: boolean;
  /** Initial weights; PyTorch's default unless said. */
  readonly init?: Init;
}

/** A convolution with `out` channels; `"same"` keeps the input's. */
export function conv(name: string, out: number | "same", options: ConvOptions = {}): Layer {
  const { kernel = 3, stride = 1, pad = (kernel - 1) >> 1, groups = 1, bias = false, init = { rule: "default" } } =
    options;
  return Object.freeze({ kind: "conv", name, out, kernel, stride, pad, groups, bias, init: Object.freeze(init) });
}

/**
 * A transposed 3×3 convolution that doubles the size (stride 2, pad 1), as FFSD's SD modules use. Without `like` the
 * output padding is 1; with it, 0 or 1, whichever gives the size of that tap (odd maps). A tap as large as the input is
 * reached with stride 1: VGG's last two blocks on 32×32 images. One of twice the size and one more, of which a pool
 * dropped the last row, is reached without padding: VGG on 28×28 images.
 */
export function upsample(name: string, out: number, like?: { readonly net: string; readonly spot: string }): Layer {
  return Object.freeze({
    kind: "transposedConv",
    name,
    out,
    kernel: 3,
    stride: 2,
    pad: 1,
    outputPad: like === undefined ? 1 : Object.freeze({ ...like }),
    bias: false,
    init: Object.freeze({ rule: "default" }),
  });
}

/** A transposed 3×3 convolution that keeps the size (stride 1, pad 1), with bias. */
export function transposedConv(name: string, out: number): Layer {
  const init = Object.freeze({ rule: "default" } as const);
  return Object.freeze({
    kind: "transposedConv",
    name,
    out,
    kernel: 3,
    stride: 1,
    pad: 1,
    outputPad: 0,
    bias: true,
    init,
  });
}

/** Batch normalisation; `momentum` is the weight of the new statistics (0.1 as in PyTorch). */
export function batchNorm(name: string, options: { readonly momentum?: number } = {}): Layer {
  return Object.freeze({ kind: "batchNorm", name, momentum: options.momentum ?? 0.1, epsilon: 1e-5 });
}

/** max(x, 0). */
export const relu: Layer = Object.freeze({ kind: "relu" });
/** min(max(x, 0), 6). */
export const relu6: Layer = Object.freeze({ kind: "relu6" });
/** max(x, slope · x), for a slope from 0 to 1. */
export function leakyRelu(slope: number): Layer {
  return Object.freeze({ kind: "leakyRelu", slope });
}
/** 1 / (1 + exp(−x)). */
export const sigmoid: Layer = Object.freeze({ kind: "sigmoid" });
/** Mean over the whole map: [B, C, H, W] → [B, C]. */
export const globalPool: Layer = Object.freeze({ kind: "globalPool" });

/** Options of {@linkcode pool}. */
export interface PoolOptions {
  /** Step of the window; its side unless said. */
  readonly stride?: number;
  /** Padding; 0 unless said. */
  readonly pad?: number;
  /** Smallest height and width that is pooled; a smaller map passes as it is. Every map is pooled unless said. */
  readonly atLeast?: number;
}

/**
 * Average or max pooling over windows; padding counts as zero for averages and as −∞ for maxima. Windows of one place
 * with a stride of two keep every second row and column.
 */
export function pool(mode: "average" | "max", kernel: number, options: PoolOptions = {}): Layer {
  const { stride = kernel, pad = 0, atLeast } = options;
  return Object.freeze({ kind: "pool", mode, kernel, stride, pad, ...(atLeast === undefined ? {} : { atLeast }) });
}

/**
 * Channels dealt out anew: those of `groups` equal runs take turns, so that output channel i · groups + j was input
 * channel j · C / groups + i. The number of channels is a multiple of `groups`.
 *
 * Source: Zhang et al. 2018 (ShuffleNet), section 3.1.
 */
export function shuffleChannels(groups: number): Layer {
  return Object.freeze({ kind: "shuffleChannels", groups });
}

/** The `index`-th (from 0) of `of` equal runs of channels, whose number is a multiple of `of`. */
export function chunkChannels(index: number, of: number): Layer {
  return Object.freeze({ kind: "chunkChannels", index, of });
}

/** Channels of zeros before and after those of the input. */
export function padChannels(before: number, after: number): Layer {
  return Object.freeze({ kind: "padChannels", before, after });
}

/** A fully connected layer, [B, D] → [B, out]. */
export function linear(
  name: string,
  out: Width,
  options: { readonly bias?: boolean; readonly init?: Init } = {},
): Layer {
  const { bias = true, init = { rule: "default" } } = options;
  return Object.freeze({ kind: "linear", name, out, bias, init: Object.freeze(init) });
}

/** Branches over one input, added. An empty branch is the identity. */
export function sum(...branches: readonly (readonly Layer[])[]): Layer {
  return Object.freeze({ kind: "sum", branches: freeze(branches) });
}

/**
 * Branches over one input, multiplied element by element; a vector [B, C] multiplies every place of a map [B, C, H, W],
 * a map of one channel every channel.
 * An empty branch is the identity.
 */
export function product(...branches: readonly (readonly Layer[])[]): Layer {
  return Object.freeze({ kind: "product", branches: freeze(branches) });
}

/** Branches over one input, concatenated along channels. An empty branch is the identity. */
export function join(...branches: readonly (readonly Layer[])[]): Layer {
  return Object.freeze({ kind: "join", branches: freeze(branches) });
}

function freeze(branches: readonly (readonly Layer[])[]): readonly (readonly Layer[])[] {
  return Object.freeze(branches.map((branch) => Object.freeze([...branch])));
}
