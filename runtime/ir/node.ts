/**
 * The tensor graph: primitives over static shapes. All numbers are floats; class indices are exact floats.
 *
 * Layout is PyTorch's wherever numbers cross a backend's border: activations N, C, H, W; convolution weights
 * [out, in / groups, kH, kW]; linear weights [out, in]. What a backend keeps inside is its own business.
 *
 * **The batch rule.** Shapes are compiled for the largest batch. An axis listed in `batch` is indexed by sample; of
 * its elements only the first `count` (a uniform) mean anything. Every primitive that sums, averages or takes
 * statistics over such an axis covers the first `count` only; elements beyond are never read by another sample, may
 * hold anything, and must not leak into results (mask by selecting, not by multiplying: 0 · NaN is NaN).
 *
 * **Sub-batches.** A node whose `rows` names a number runs over that many samples instead, under the same rule. `compact`
 * leads into a sub-batch and `expand` out of it; nothing else reads samples of two batches.
 *
 * @module
 */

import type { Expr } from "./expr.ts";

/** Sizes of a tensor; `[]` is a single number. */
export type Shape = readonly number[];

/** Rows and columns. */
export type Pair = readonly [number, number];

/** Geometry shared by the three convolution primitives. */
export interface ConvAttrs {
  /** Step of the filter. */
  readonly stride: Pair;
  /** Zero padding on both sides. */
  readonly pad: Pair;
  /** Groups of channels that see only each other. */
  readonly groups: number;
}

/** Geometry of pooling windows. */
export interface PoolAttrs {
  /** Size of a window. */
  readonly kernel: Pair;
  /** Step of the window. */
  readonly stride: Pair;
  /** Padding on both sides. */
  readonly pad: Pair;
}

/** How nets are weighed. */
export interface WeighAttrs {
  /** Number m of nets. */
  readonly members: number;
  /** By which rule. */
  readonly rule: "simplex" | "covariance";
  /** Weights of each sample, or of the batch. */
  readonly per: "sample" | "batch";
}

/**
 * Constants of each primitive, and with them the list of primitives.
 *
 * Leaves: `parameter`, `buffer`, `input`, `uniform`, `constant`. Everything else computes.
 */
export interface Attrs {
  /** Trainable state. */
  readonly parameter: { readonly name: string };
  /** State that is not trained: running statistics. */
  readonly buffer: { readonly name: string };
  /** Fed every step: `images/<view>` [B, C, H, W], `labels` [B]. */
  readonly input: { readonly name: string };
  /** A number set every step: `count`, `weight/<term>`, measured values. Shape []. */
  readonly uniform: { readonly name: string };
  /** A tensor filled with one number. */
  readonly constant: { readonly value: number };
  /** expr of the inputs, element by element; inputs have the node's rank with sizes equal to its own or 1. */
  readonly elementwise: { readonly expr: Expr };
  /** Σ over axes, kept with size 1. */
  readonly sum: { readonly axes: readonly number[] };
  /** Maximum over axes, kept with size 1. */
  readonly reduceMax: { readonly axes: readonly number[] };
  /** Product of the last two axes; leading axes are equal. Rank 2 or 3. */
  readonly matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** x [B,C,H,W], w [O,C/g,kh,kw] → [B,O,H',W']. */
  readonly conv2d: ConvAttrs;
  /** g [B,O,H',W'], w [O,C/g,kh,kw] → [B,C,H,W] (`size` = H, W): input gradient; also the transposed convolution. */
  readonly conv2dInput: ConvAttrs & { readonly size: Pair };
  /** x [B,C,H,W], g [B,O,H',W'] → [O,C/g,kh,kw] (`kernel` = kh, kw): filter gradient. */
  readonly conv2dFilter: ConvAttrs & { readonly kernel: Pair };
  /** Mean of windows, padding counted as zeros. */
  readonly averagePool: PoolAttrs;
  /** Its input gradient: g → [B,C,H,W] (`size`). */
  readonly averagePoolInput: PoolAttrs & { readonly size: Pair };
  /** Maximum of windows, padding as −∞. */
  readonly maxPool: PoolAttrs;
  /** x, g → input gradient; it goes to the first maximum of a window in row order. */
  readonly maxPoolInput: PoolAttrs;
  /** x [B,C,…] → [2,C]: mean and biased variance per channel over batch and space. */
  readonly batchStats: Record<never, never>;
  /** x, stats [2,C], γ [C], β [C] → γ (x − mean) / √(var + ε) + β. Its gradient treats stats as a function of x. */
  readonly batchNorm: { readonly epsilon: number };
  /** g, x, stats → [2,C]: Σ g and Σ g·x̂ per channel. */
  readonly batchNormSums: { readonly epsilon: number };
  /** g, x, stats, γ, sums → γ/√(var + ε) · (g − sums₀/m − x̂·sums₁/m), m = count · H · W. */
  readonly batchNormInput: { readonly epsilon: number };
  /** labels [B] → one-hot [B, K]. */
  readonly oneHot: { readonly classes: number };
  /** [R, D] → [R, 1]: the k-th smallest of each row, k from 1. */
  readonly kthSmallest: { readonly k: number };
  /**
   * scores [B, m · K] of m nets side by side, label shares [B, K] → weights of the nets, [B, m] per sample or [1, m].
   * `simplex`: convex, with the least cross-entropy of the weighted scores. `covariance` (per batch): C⁻¹ 1 / (1ᵀ C⁻¹ 1)
   * with the covariance C of the nets' errors, summing to 1 but maybe negative. No gradient flows.
   */
  readonly weigh: WeighAttrs;
  /** memory [N, D], index [B, M], v [B, D] → [B, M]: memory[index[b, m]] · v[b]. No gradient reaches the memory. */
  readonly gatherDot: Record<never, never>;
  /** memory [N, D], index [B, M], g [B, M] → [B, D]: Σ_m g[b, m] · memory[index[b, m]]. */
  readonly gatherSum: Record<never, never>;
  /** Joins along an axis that is no batch axis. */
  readonly concat: { readonly axis: number };
  /** `size` elements from `start` along an axis that is no batch axis. */
  readonly slice: { readonly axis: number; readonly start: number; readonly size: number };
  /** Zeros before and after along an axis that is no batch axis. */
  readonly padAxis: { readonly axis: number; readonly before: number; readonly after: number };
  /**
   * The same elements in row-major order under another shape; a batch axis stays axis 0. It may be a view: the compiler
   * reads no reshaped state after that state was written in the same step.
   */
  readonly reshape: Record<never, never>;
  /** Axes reordered: output axis i is input axis `axes[i]`. */
  readonly permute: { readonly axes: readonly number[] };
  /**
   * x [B, …], mask [B] of 0 and 1, their number or 1 → the samples whose mask is 1, first and in order: a sub-batch,
   * whose count is the third input, named by `rows`. Where no mask is 1 its one sample is a copy of x's first one.
   */
  readonly compact: Record<never, never>;
  /** x [B, …] of a sub-batch, mask [B] → its samples back in their places, zeros where the mask is 0. */
  readonly expand: Record<never, never>;
}

/** Name of a primitive. */
export type Primitive = keyof Attrs;

/** One node; `id` is its position in the graph, inputs come before it. */
export interface NodeOf<P extends Primitive> {
  /** Position in the graph. */
  readonly id: number;
  /** The primitive. */
  readonly op: P;
  /** Nodes it reads. */
  readonly inputs: readonly number[];
  /** Constants of the primitive. */
  readonly attrs: Attrs[P];
  /** Size of every axis. */
  readonly shape: Shape;
  /** Axes indexed by sample. */
  readonly batch: readonly number[];
  /**
   * The sub-batch it belongs to, named by the node (shape []) that counts its samples; absent for the batch itself.
   * Nodes that read a sub-batch belong to it, even without a batch axis of their own.
   */
  readonly rows?: number;
}

/** Any node. */
export type Node = { [P in Primitive]: NodeOf<P> }[Primitive];

/** Whether a node only names a value that exists already. */
export function isLeaf(node: Node): boolean {
  return node.op === "parameter" || node.op === "buffer" || node.op === "input" || node.op === "uniform" ||
    node.op === "constant";
}

/** Whether a node moves samples between a batch and a sub-batch: it runs with the batch that its mask belongs to. */
export function movesSamples(node: Node): node is NodeOf<"compact"> | NodeOf<"expand"> {
  return node.op === "compact" || node.op === "expand";
}

/**
 * The samples a node runs over: those of a sub-batch (the node that counts them), those of the batch (`"batch"`), or
 * none (`"any"`), so that it may run beside either.
 */
export function domainOf(node: Node, nodes: readonly Node[]): number | "batch" | "any" {
  if (movesSamples(node)) return nodes[node.inputs[1]!]!.rows ?? "batch";
  if (node.rows !== undefined) return node.rows;
  const batched = node.batch.length > 0 || node.inputs.some((source) => nodes[source]!.batch.length > 0);
  return batched ? "batch" : "any";
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}
