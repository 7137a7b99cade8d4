/**
 * Values of a loss graph: typed handles to batch tensors, pure data. No numbers live here.
 *
 * Kinds and shapes: `logits` [B, K], `map` [B, C, H, W], `vector` [B, D], `sample` [B], `scalar` [], `tensor` any.
 *
 * @module
 */

/** What a value is, in batch terms. */
export type Kind = "logits" | "map" | "vector" | "sample" | "scalar" | "tensor";

/** A constant of a node, JSON-safe. */
export type Attr = string | number | boolean | readonly number[] | readonly string[];

/** A node of the loss graph. `K` tells the checker what it may be used for. */
export interface Value<K extends Kind = Kind> {
  /** Operation that makes it. */
  readonly op: ValueOp;
  /** What it is, in batch terms. */
  readonly kind: K;
  /** Values it is made of. */
  readonly of: readonly Value[];
  /** Constants of the operation. */
  readonly attrs: Readonly<Record<string, Attr>>;
}

/** Scalar functions that apply element by element, with broadcasting over dimensions of size 1. */
export type ScalarFunction =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "max"
  | "min"
  | "neg"
  | "abs"
  | "sign"
  | "square"
  | "sqrt"
  | "exp"
  | "log"
  | "sigmoid"
  | "softplus"
  | "gt"
  | "ge"
  | "eq"
  | "select";

/** Every operation of the vocabulary; `runtime/compile/terms.ts` gives each its meaning in tensors. */
export type ValueOp =
  | ScalarFunction
  | "run"
  | "labels"
  | "constant"
  | "measured"
  | "state"
  | "sampleIndex"
  | "negatives"
  | "gatherDot"
  | "gatherSum"
  | "noise"
  | "route"
  | "unroute"
  | "size"
  | "stop"
  | "live"
  | "scaleGradient"
  | "sum"
  | "mean"
  | "reduceMax"
  | "matmul"
  | "transpose"
  | "reshape"
  | "concat"
  | "slice"
  | "kthSmallest"
  | "poolTo"
  | "resizeTo"
  | "diagonal"
  | "logSoftmax"
  | "crossEntropy"
  | "kl";

/** Makes a node; the one constructor of values, for this module's functions and for methods' own vocabulary. */
export function node<K extends Kind>(
  op: ValueOp,
  kind: K,
  of: readonly Value[] = [],
  attrs: Readonly<Record<string, Attr>> = {},
): Value<K> {
  return Object.freeze({ op, kind, of: Object.freeze([...of]), attrs: Object.freeze({ ...attrs }) });
}

/**
 * Batch norm uses batch statistics (`train`), running ones as they are before the step (`eval`), or running ones that the
 * net's own `train` forward of the step has advanced (`settled`), as a net switched to evaluation between two forwards.
 */
export type Mode = "train" | "eval" | "settled";

/** How a net or auxiliary module is run. */
export interface RunOptions {
  /** Restart behind this spot with {@linkcode RunOptions.input}; from the images unless said. */
  readonly from?: string;
  /** Read at this spot; `"logits"` unless said. */
  readonly to?: string;
  /** Input of the first stage that runs; the batch's images of {@linkcode RunOptions.view} unless said. */
  readonly input?: Value;
  /** Batch-norm mode; `"train"` unless said. Evaluation programs run everything in `"eval"`. */
  readonly mode?: Mode;
  /** Which augmented view of the images, from 0. */
  readonly view?: number;
}

/** A forward of `net` (a member or an auxiliary module) read at one spot. Equal runs are computed once. */
export function run<K extends Kind>(net: string, kind: K, options: RunOptions = {}): Value<K> {
  const { from = "", to = "logits", input, mode = "train", view = 0 } = options;
  return node("run", kind, input === undefined ? [] : [input], { net, from, to, mode, view });
}

/** A member of a sentence, as methods see it. */
export interface NetRef {
  /** Name of the net in terms, groups and weight files. */
  readonly id: string;
  /** Which augmented view of the images it sees. */
  readonly view: number;
}

/** Class scores of a member before softmax, [B, K]. */
export function logits(net: NetRef): Value<"logits"> {
  return run(net.id, "logits", { to: "logits", view: net.view });
}

/** Activation of a member at a spot, [B, C, H, W]. */
export function tap(net: NetRef, spot: string): Value<"map"> {
  return run(net.id, "map", { to: spot, view: net.view });
}

/** Pooled features of a member before its classifier, [B, D]. */
export function embedding(net: NetRef): Value<"vector"> {
  return run(net.id, "vector", { to: "embedding", view: net.view });
}

/** One-hot ground truth, [B, K]. */
export const labels: Value<"logits"> = node("labels", "logits");

/** A number. */
export function constant(value: number): Value<"scalar"> {
  return node("constant", "scalar", [], { value });
}

/** A number that the trainer measures and sets between steps, e.g. once per epoch. */
export function measured(name: string): Value<"scalar"> {
  return node("measured", "scalar", [], { name });
}

/** A tensor that the graph keeps from step to step, as it is before this step; no gradient reaches it. */
export function state<K extends Kind = "tensor">(name: string, kind: K = "tensor" as K): Value<K> {
  return node("state", kind, [], { name });
}

/** Position of each sample among the training images, [B]. */
export const sampleIndex: Value<"sample"> = node("sampleIndex", "sample");

/**
 * Positions of `count` other training images for each sample, [B, count], none of the sample's class; the trainer draws
 * them from the run's seed, without replacement where other classes have as many.
 *
 * @throws {RangeError} If the number is no whole number of at least 1.
 */
export function negatives(count: number): Value<"tensor"> {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(`Cannot draw negatives: their number is a whole one from 1, got ${count}. Say 16384.`);
  }
  return node("negatives", "tensor", [], { count });
}

/** How noise is drawn: U[0, 1) or N(0, 1). */
export type Distribution = "uniform" | "normal";

/**
 * `width` random numbers for each sample, [B, width], drawn anew every step from the run's seed; no gradient reaches it.
 * Equal names are the same numbers.
 *
 * @throws {RangeError} If the width is no whole number of at least 1.
 */
export function noise(name: string, width: number, distribution: Distribution = "uniform"): Value<"vector"> {
  if (!Number.isSafeInteger(width) || width < 1) {
    throw new RangeError(`Cannot draw noise: its width is a whole number from 1, got ${width}. Say 1.`);
  }
  return node("noise", "vector", [], { name, width, distribution });
}

/**
 * The samples of a value whose mask [B] is 1, as a batch of their own: losses, means and batch statistics behind it cover
 * those alone. Values that meet behind it are routed by the same mask. Where the mask is 0 everywhere, the batch holds the
 * first sample, so that everything stays finite: a loss is multiplied by the share of samples chosen.
 *
 * No gradient reaches the mask.
 */
export function route<K extends Kind>(value: Value<K>, mask: Value<"sample">): Value<K> {
  return node("route", value.kind, [value, mask]);
}

/** The samples of a routed value back in the places where its mask is 1, zeros elsewhere. */
export function unroute<K extends Kind>(value: Value<K>, mask: Value<"sample">): Value<K> {
  return node("unroute", value.kind, [value, mask]);
}

/** Cuts the gradient: nothing behind it learns from what is computed from it. */
export function stop<K extends Kind>(value: Value<K>): Value<K> {
  return node("stop", value.kind, [value]);
}

/** Lets gradient pass into a target; without it every target is cut. */
export function live<K extends Kind>(value: Value<K>): Value<K> {
  return node("live", value.kind, [value]);
}

/** Identity forward; the gradient is multiplied by `factor`. */
export function scaleGradient<K extends Kind>(value: Value<K>, factor: number): Value<K> {
  return node("scaleGradient", value.kind, [value], { factor });
}

/** A target: cut unless the caller said {@linkcode live}. */
export function cutUnlessLive<K extends Kind>(value: Value<K>): Value<K> {
  return value.op === "live" || value.op === "stop" ? value : stop(value);
}
