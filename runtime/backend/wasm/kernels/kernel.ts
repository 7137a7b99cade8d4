/**
 * A kernel: one generated function, shared by every step with the same constants.
 *
 * @module
 */

import type { Code, Int } from "../assembler/code.ts";
import type { Features, Func, Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, lt, min, mul, shr, sub } from "../assembler/i32.ts";
import { lanes } from "../layout.ts";

/** A function yet to be generated; equal keys mean equal code. Parameters are addresses, then what the doc says. */
export interface Kernel {
  readonly key: string;
  readonly build: (features: Features) => Func;
}

/** Bytes of one number. */
export const numberBytes = 4;

/** Bytes of one number for eight samples. */
export const laneBytes: number = lanes * numberBytes;

/**
 * Offsets of the lower and upper four samples of a lane, those together that are to be loaded, then computed, then
 * stored together: each by itself or, in wide shapes, both.
 */
export function halvesOf({ wide }: Func): readonly (readonly number[])[] {
  return wide ? [[0, f.vectorBytes]] : [[0], [f.vectorBytes]];
}

/** Names a kernel by its constants. */
export function kernel<S>(name: string, constants: S, build: (features: Features, constants: S) => Func): Kernel {
  return { key: `${name} ${JSON.stringify(constants, exactly)}`, build: (features) => build(features, constants) };
}

/** Keeps apart the numbers that JSON does not: ±∞, NaN and −0. */
function exactly(_: string, value: unknown): unknown {
  if (typeof value !== "number" || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return Object.is(value, -0) ? "-0" : String(value);
}

/** One loop of a nest: how often it turns, and how far each pointer moves a turn, in bytes. */
export interface Turn {
  readonly count: Int;
  readonly steps: readonly number[];
}

/** Runs nested loops, outermost first; the body sees the pointers of the innermost turn. Counts are at least 1. */
export function nest(
  func: Func,
  turns: readonly Turn[],
  pointers: readonly Local<"i32">[],
  body: (pointers: readonly Local<"i32">[]) => void,
): void {
  const [turn, ...inner] = turns;
  if (turn === undefined) return body(pointers);
  if (turn.count === 1) return nest(func, inner, pointers, body);
  const moving = pointers.map((pointer, i) => (turn.steps[i] === 0 ? pointer : func.let(pointer.name, pointer)));
  func.times(turn.count, () => {
    nest(func, inner, moving, body);
    moving.forEach((pointer, i) => func.bump(pointer, turn.steps[i]!));
  });
}

/** Runs the body with pointers set to a range of blocks of eight samples, if there are any. */
export function overBlocks(
  func: Func,
  range: readonly [Local<"i32">, Local<"i32">],
  pointers: readonly Local<"i32">[],
  bytes: readonly number[],
  body: (pointers: readonly Local<"i32">[]) => void,
): void {
  const [first, last] = range;
  func.if(lt(first, last), () => {
    const starts = pointers.map((pointer, i) => func.let(pointer.name, add(pointer, mul(first, bytes[i]!))));
    nest(func, [{ count: sub(last, first), steps: bytes }], starts, body);
  });
}

/** Masks of the samples of block `block` that are below `count`, for its lower and upper four. */
export function presentMasks(func: Func, block: Int, count: Int): [Local<"v128">, Local<"v128">] {
  const left = func.let("left", f.splatInt(sub(count, mul(block, lanes))));
  return [
    func.let("present", f.gtBits(left, f.bits([0, 1, 2, 3]))),
    func.let("present", f.gtBits(left, f.bits([4, 5, 6, 7]))),
  ];
}

/** First and last block of a chunk, the latter cut to the blocks that hold `count` samples. */
export function chunkBlocks(func: Func, chunk: Int, blocks: number, count: Int): [Local<"i32">, Local<"i32">] {
  const first = func.let("first", mul(chunk, blocks));
  const used = func.let("used", shr(add(count, lanes - 1), 3));
  return [first, func.let("last", min(add(first, blocks), used))];
}

/** Sum of the four places of a vector, in the order (0 + 2) + (1 + 3). */
export function horizontalSum(func: Func, of: f.Vector): Code<"f32"> {
  const a = func.let("a", of);
  func.set(a, f.add(a, f.shuffle(a, a, [2, 3, 2, 3])));
  return f.extract(f.add(a, f.broadcast(a, 1)), 0);
}
