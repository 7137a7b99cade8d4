/**
 * Sums and maxima over axes.
 *
 * A reduction over the batch runs chunk by chunk: a chunk is a fixed number of blocks of eight samples, chosen by the
 * batch size alone, and the results of chunks are combined in order. So the bits depend on nothing but the numbers.
 *
 * @module
 */

import type { Code } from "../assembler/code.ts";
import { type Features, Func, type Local } from "../assembler/func.ts";
import * as s from "../assembler/f32.ts";
import * as f from "../assembler/f32x4.ts";
import { add, mul } from "../assembler/i32.ts";
import {
  chunkBlocks,
  horizontalSum,
  type Kernel,
  kernel,
  nest,
  numberBytes,
  overBlocks,
  presentMasks,
  type Turn,
} from "./kernel.ts";

/** What is taken over the axes. */
export type Reduction = "sum" | "max";

/** An axis that stays; strides in numbers. */
export interface KeptAxis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** An axis that vanishes; its size may be the number of samples present. */
export interface ReducedAxis {
  readonly size: number | "count";
  readonly from: number;
}

/** Axes of a reduction, outermost first. */
export interface ReduceConstants {
  readonly reduction: Reduction;
  readonly kept: readonly KeptAxis[];
  readonly reduced: readonly ReducedAxis[];
}

/** Kernel (x, out, first block, last block) for eight samples at a time, each by itself. */
export function reduceSamples(
  constants: ReduceConstants & { readonly blocks: { readonly from: number; readonly to: number } },
): Kernel {
  return kernel("reduceSamples", constants, (features, { reduction, kept, reduced, blocks }) => {
    const func = new Func("reduceSamples", features);
    const [x, out, first, last] = func.params("x", "out", "first", "last");
    overBlocks(func, [first, last], [x, out], [blocks.from * numberBytes, blocks.to * numberBytes], (pointers) => {
      nest(func, keptTurns(kept), pointers, ([from, to]) => {
        const total = initial(func, reduction);
        accumulate(func, reduction, reduced, from!, total);
        total.forEach((half, i) => func.store(to!, half, i * f.vectorBytes));
      });
    });
    return func;
  });
}

/** Kernel (x, partial [chunks][size], first chunk, last chunk, count) over the batch and other axes. */
export function reduceChunks(
  constants: ReduceConstants & { readonly block: number; readonly chunk: number; readonly size: number },
): Kernel {
  return kernel("reduceChunks", constants, (features, { reduction, kept, reduced, block, chunk, size }) => {
    const func = new Func("reduceChunks", features);
    const [x, partial, first, last, count] = func.params("x", "partial", "first", "last", "count");
    func.for("chunk", first, last, (position) => {
      const [firstBlock, lastBlock] = chunkBlocks(func, position, chunk, count);
      const target = func.let("target", add(partial, mul(position, size * numberBytes)));
      nest(func, keptTurns(kept), [x, target], ([from, to]) => {
        const total = initial(func, reduction);
        func.for("block", firstBlock, lastBlock, (at) => {
          const source = func.let("source", add(from!, mul(at, block * numberBytes)));
          const here = initial(func, reduction);
          accumulate(func, reduction, reduced, source, here);
          presentMasks(func, at, count).forEach((mask, i) => {
            const present = f.select(mask, here[i]!, f.splat(neutral(reduction)));
            func.set(total[i]!, combine(reduction, total[i]!, present));
          });
        });
        func.store(to!, horizontal(func, reduction, combine(reduction, total[0], total[1])));
      });
    });
    return func;
  });
}

/** Kernel (partial [chunks][size], out [size], chunks): combines chunks in their order. */
export function combineChunks(constants: { readonly reduction: Reduction; readonly size: number }): Kernel {
  return kernel("combineChunks", constants, (features, { reduction, size }) => {
    const func = new Func("combineChunks", features);
    const [partial, out, chunks] = func.params("partial", "out", "chunks");
    const total = func.local("v128", "total");
    const one = (from: Local<"i32">, to: Local<"i32">, places: number): void => {
      func.set(total, f.load(from));
      const next = func.let("next", add(from, size * numberBytes));
      func.for("chunk", 1, chunks, () => {
        func.set(total, combine(reduction, total, f.load(next)));
        func.bump(next, size * numberBytes);
      });
      func.storePart(to, total, places);
    };
    const [from, to] = [func.let("from", partial), func.let("to", out)];
    func.times(Math.floor(size / 4), () => {
      one(from, to, 4);
      func.bump(from, f.vectorBytes);
      func.bump(to, f.vectorBytes);
    });
    if (size % 4 > 0) one(from, to, size % 4);
    return func;
  });
}

/** Kernel (x, out, count) of a tensor in rows, summed in double precision. */
export function reduceRows(constants: ReduceConstants): Kernel {
  return kernel("reduceRows", constants, buildRows);
}

function buildRows(features: Features, { reduction, kept, reduced }: ReduceConstants): Func {
  const func = new Func("reduceRows", features);
  const [x, out, count] = func.params("x", "out", "count");
  const total = func.local("f64", "total");
  const turns: Turn[] = reduced.map(({ size, from }) => ({
    count: size === "count" ? count : size,
    steps: [from * numberBytes],
  }));
  nest(func, keptTurns(kept), [x, out], ([from, to]) => {
    func.set(total, s.f64(neutral(reduction)));
    nest(func, turns, [from!], ([at]) => {
      const value = s.promote(s.load(at!));
      func.set(total, reduction === "sum" ? s.add(total, value) : s.max(total, value));
    });
    func.store(to!, s.demote(total));
  });
  return func;
}

function keptTurns(kept: readonly KeptAxis[]): Turn[] {
  return kept.map(({ size, from, to }) => ({ count: size, steps: [from * numberBytes, to * numberBytes] }));
}

function neutral(reduction: Reduction): number {
  return reduction === "sum" ? 0 : -Infinity;
}

function combine(reduction: Reduction, a: f.Vector, b: f.Vector): f.Vector {
  return reduction === "sum" ? f.add(a, b) : f.max(a, b);
}

function initial(func: Func, reduction: Reduction): [Local<"v128">, Local<"v128">] {
  const start = (): Local<"v128"> => func.let("total", f.splat(neutral(reduction)));
  return [start(), start()];
}

/** Adds a nest of axes to `total`; each loop has a sum of its own, which keeps rounding small in long sums. */
function accumulate(
  func: Func,
  reduction: Reduction,
  axes: readonly ReducedAxis[],
  pointer: Local<"i32">,
  total: readonly [Local<"v128">, Local<"v128">],
): void {
  const [axis, ...inner] = axes;
  const into = (values: readonly f.Vector[]): void =>
    total.forEach((half, i) => func.set(half, combine(reduction, half, values[i]!)));
  if (axis === undefined) return into([f.load(pointer), f.load(pointer, f.vectorBytes)]);
  const at = func.let("at", pointer);
  func.times(axis.size as number, () => {
    if (inner.length === 0) into([f.load(at), f.load(at, f.vectorBytes)]);
    else {
      const here = initial(func, reduction);
      accumulate(func, reduction, inner, at, here);
      into(here);
    }
    func.bump(at, axis.from * numberBytes);
  });
}

function horizontal(func: Func, reduction: Reduction, of: f.Vector): Code<"f32"> {
  if (reduction === "sum") return horizontalSum(func, of);
  const all = func.let("all", of);
  func.set(all, f.max(all, f.shuffle(all, all, [2, 3, 2, 3])));
  return f.extract(f.max(all, f.broadcast(all, 1)), 0);
}
