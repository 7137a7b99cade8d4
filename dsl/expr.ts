/**
 * Tensor expressions over values: what a new loss is written in.
 *
 * Reductions keep their dimensions with size 1, so results broadcast against their inputs; axis 0 is the batch, and a
 * reduction over it covers the images really present, never padding.
 *
 * @module
 */

import { constant, type Kind, labels, node, type ScalarFunction, type Value } from "./value.ts";

/** A value or a number. */
export type Operand = Value | number;

function lift(operand: Operand): Value {
  return typeof operand === "number" ? constant(operand) : operand;
}

/** Applies a scalar function element by element; the result has the kind of `a`. */
export function apply<K extends Kind>(op: ScalarFunction, a: Value<K>, ...rest: readonly Operand[]): Value<K> {
  return node(op, a.kind, [a, ...rest.map(lift)]);
}

/** a + b. */
export function add<K extends Kind>(a: Value<K>, b: Operand): Value<K> {
  return apply("add", a, b);
}
/** a − b. */
export function sub<K extends Kind>(a: Value<K>, b: Operand): Value<K> {
  return apply("sub", a, b);
}
/** a · b. */
export function mul<K extends Kind>(a: Value<K>, b: Operand): Value<K> {
  return apply("mul", a, b);
}
/** a / b. */
export function div<K extends Kind>(a: Value<K>, b: Operand): Value<K> {
  return apply("div", a, b);
}
/** The larger of a and b; the gradient goes to `a` where they are equal. */
export function maximum<K extends Kind>(a: Value<K>, b: Operand): Value<K> {
  return apply("max", a, b);
}
/** The smaller of a and b; the gradient goes to `a` where they are equal. */
export function minimum<K extends Kind>(a: Value<K>, b: Operand): Value<K> {
  return apply("min", a, b);
}
/** x². */
export function square<K extends Kind>(x: Value<K>): Value<K> {
  return apply("square", x);
}
/** √x; its gradient at 0 is 0. */
export function sqrt<K extends Kind>(x: Value<K>): Value<K> {
  return apply("sqrt", x);
}
/** |x|; its gradient at 0 is 0. */
export function abs<K extends Kind>(x: Value<K>): Value<K> {
  return apply("abs", x);
}
/** −1, 0 or 1; no gradient. */
export function sign<K extends Kind>(x: Value<K>): Value<K> {
  return apply("sign", x);
}
/** eˣ. */
export function exp<K extends Kind>(x: Value<K>): Value<K> {
  return apply("exp", x);
}
/** ln x. */
export function log<K extends Kind>(x: Value<K>): Value<K> {
  return apply("log", x);
}
/** 1 where a > b, else 0; no gradient. */
export function greater<K extends Kind>(a: Value<K>, b: Operand): Value<K> {
  return apply("gt", a, b);
}

/** Σ over `axes`, dimensions kept. */
export function sumOver(x: Value, axes: readonly number[]): Value<"tensor"> {
  return node("sum", "tensor", [x], { axes });
}
/** Mean over `axes`, dimensions kept. */
export function meanOver(x: Value, axes: readonly number[]): Value<"tensor"> {
  return node("mean", "tensor", [x], { axes });
}
/** Largest element over `axes`, dimensions kept. */
export function maxOver(x: Value, axes: readonly number[]): Value<"tensor"> {
  return node("reduceMax", "tensor", [x], { axes });
}

/** Mean over everything but the batch, [B]. */
export function perSample(x: Value): Value<"sample"> {
  return node("mean", "sample", [x], { axes: [], keep: "sample" });
}
/** Sum over everything but the batch, [B]. */
export function sumPerSample(x: Value): Value<"sample"> {
  return node("sum", "sample", [x], { axes: [], keep: "sample" });
}
/** Mean over the whole tensor and the batch, []. */
export function meanAll(x: Value): Value<"scalar"> {
  return node("mean", "scalar", [x], { axes: [], keep: "none" });
}
/** Sum over the whole tensor and the batch, []. */
export function sumAll(x: Value): Value<"scalar"> {
  return node("sum", "scalar", [x], { axes: [], keep: "none" });
}

/** Flattens each sample: [B, …] → [B, D]. */
export function flatten(x: Value): Value<"vector"> {
  return node("reshape", "vector", [x], { keep: "sample" });
}
/** The rows of each channel: [B, C, H, W] → [B, C, H · W]. */
export function channelRows(x: Value<"map">): Value<"tensor"> {
  return node("reshape", "tensor", [x], { keep: "channel" });
}
/** Each sample as one row of a stack: [B, …] → [B, 1, D]. */
export function sampleRows(x: Value): Value<"tensor"> {
  return node("reshape", "tensor", [x], { keep: "row" });
}
/** Axes reordered: axis i of the result is axis `axes[i]` of `x`. */
export function transpose(x: Value, axes: readonly number[]): Value<"tensor"> {
  return node("transpose", "tensor", [x], { axes });
}
/** Matrix product of the last two axes, optionally of transposed operands. */
export function matmul(
  a: Value,
  b: Value,
  options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
): Value<"tensor"> {
  return node("matmul", "tensor", [a, b], {
    transposeA: options.transposeA ?? false,
    transposeB: options.transposeB ?? false,
  });
}
/**
 * Products of each sample's vector with rows of a memory: memory[index[b, m]] · v[b].
 *
 * `memory` is a `state()` [N, D], `index` [B, M], `v` [B, D]; the result is [B, M]. The rows are never copied. Gradient
 * reaches `v` alone.
 */
export function gatherDot(memory: Value, index: Value, v: Value): Value<"tensor"> {
  return node("gatherDot", "tensor", [memory, index, v]);
}
/**
 * Sum of rows of a memory with factors: Σ_m factors[b, m] · memory[index[b, m]].
 *
 * `memory` is a `state()` [N, D], `index` and `factors` [B, M]; the result is [B, D]. Gradient reaches `factors` alone.
 */
export function gatherSum(memory: Value, index: Value, factors: Value): Value<"vector"> {
  return node("gatherSum", "vector", [memory, index, factors]);
}
/** Joins values along `axis` (1 = channels, features or classes). */
export function concat<K extends Kind>(values: readonly Value<K>[], axis = 1): Value<K> {
  const first = values[0];
  if (first === undefined) throw new RangeError("Cannot concatenate: expected at least one value, got none.");
  return node("concat", first.kind, values, { axis });
}
/** Elements `start … start + size − 1` along `axis`. */
export function slice<K extends Kind>(x: Value<K>, axis: number, start: number, size: number): Value<K> {
  return node("slice", x.kind, [x], { axis, start, size });
}
/** The columns of [B, count] or [1, count], each [B, 1] or [1, 1]. */
export function columnsOf<K extends Kind>(x: Value<K>, count: number): readonly Value<K>[] {
  return Array.from({ length: count }, (_, i) => slice(x, 1, i, 1));
}
/** Number of elements of `x` along `axis`, known when shapes are bound. */
export function sizeOf(x: Value, axis: number): Value<"scalar"> {
  return node("size", "scalar", [x], { axis });
}
/** The k-th smallest element of each row of [B, D] (k from 1; `"third"` is ⌊D / 3⌋), [B, 1]. */
export function kthSmallest(x: Value<"vector">, k: number | "third"): Value<"tensor"> {
  return node("kthSmallest", "tensor", [x], { k });
}
/**
 * A map averaged down to the size of `like`, or to `like` × `like`; a side that is as small already stays. Cell i of n
 * is the mean of rows ⌊i · H / n⌋ … ⌈(i + 1) · H / n⌉ − 1, as PyTorch's adaptive average pooling; no gradient reaches
 * `like`.
 */
export function poolTo(x: Value<"map">, like: Value<"map"> | number): Value<"map"> {
  return typeof like === "number" ? node("poolTo", "map", [x], { size: like }) : node("poolTo", "map", [x, like]);
}
/** A map brought to the size of `like` by repeating or leaving out places; no gradient reaches `like`. */
export function resizeTo(x: Value<"map">, like: Value<"map">): Value<"map"> {
  return node("resizeTo", "map", [x, like]);
}
/** A vector as a map of one place: [B, D] → [B, D, 1, 1]. */
export function asMap(x: Value<"vector">): Value<"map"> {
  return node("reshape", "map", [x], { keep: "pixel" });
}
/** [B, B] with ones where column − row is `offset` and zeros elsewhere, B the batch of `x`; no gradient. */
export function diagonalOf(x: Value, offset = 0): Value<"tensor"> {
  return node("diagonal", "tensor", [x], { offset });
}
/** Number of samples present in the batch of `x`, []; no gradient. */
export function countOf(x: Value): Value<"scalar"> {
  const first = perSample(x);
  return sumAll(apply("eq", first, first));
}
/** Smooth L1: x² / 2 where |x| < 1, else |x| − 1/2. */
export function smoothL1<K extends Kind>(x: Value<K>): Value<K> {
  const size = abs(x);
  const near = minimum(size, 1);
  return mul(near, sub(size, mul(near, 0.5)));
}
/** Each sample divided by its L2 norm; one that is zero stays zero and gets no gradient. */
export function direction<K extends Kind>(x: Value<K>, axes: readonly number[]): Value<K> {
  return mul(normalize(x, axes), greater(sumOver(square(x), axes), 0));
}
/** ln softmax(x / temperature) over the last axis. */
export function logSoftmax<K extends Kind>(x: Value<K>, temperature = 1): Value<K> {
  return node("logSoftmax", x.kind, [x], { temperature });
}
/** softmax(x / temperature) over the last axis. */
export function softmax<K extends Kind>(x: Value<K>, temperature = 1): Value<K> {
  return exp(logSoftmax(x, temperature));
}
/** Mean of values of one shape. */
export function average<K extends Kind>(values: readonly Value<K>[]): Value<K> {
  const [first, ...rest] = values;
  if (first === undefined) throw new RangeError("Cannot take a mean: expected at least one value, got none.");
  return mul(rest.reduce((total, value) => add(total, value), first), 1 / values.length);
}
/** Each sample divided by max(its L2 norm, 1e-12), as PyTorch's `normalize`. */
export function normalize<K extends Kind>(x: Value<K>, axes: readonly number[]): Value<K> {
  return div(x, maximum(sqrt(sumOver(square(x), axes)), 1e-12));
}
/** Where `test` is not 0 the one value, else the other; `test` has one number a sample, or a row [B, 1]. */
export function choose<K extends Kind>(test: Value, one: Value<K>, other: Value<K>): Value<K> {
  return node("select", one.kind, [test, one, other]);
}
/**
 * Weights of nets from their class scores, [B, m] or per batch [1, m]; no gradient.
 *
 * - `"simplex"`: α ≥ 0, Σ α = 1 with the least cross-entropy of Σ_i α_i z_i, of each sample or of the batch;
 * - `"covariance"` (per batch): w = C⁻¹ 1 / (1ᵀ C⁻¹ 1), C the covariance of the errors softmax(z_i) − labels.
 */
export function weigh(
  scores: readonly Value<"logits">[],
  rule: "simplex" | "covariance",
  per: "sample" | "batch",
): Value<"tensor"> {
  return node("weigh", "tensor", [...scores, labels], { rule, per });
}
