/**
 * Transforms one column of pixels for a chunk of channels: samples stay the lanes, or channels become them.
 *
 * What is read may be normalised on the way, max(0, x · scale + shift) channel by channel, so that the result of batch
 * norm and ReLU need not exist in memory.
 *
 * @module
 */

import { add, mul } from "../../assembler/i32.ts";
import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { laneBytes, numberBytes } from "../kernel.ts";
import { chunkBytes, chunkChannels } from "./plan.ts";
import type { Transform } from "./transform.ts";

type Pointer = Local<"i32">;

/** Addresses of a number for each channel. */
export interface Normalize {
  readonly scale: Pointer;
  readonly shift: Pointer;
}

/** Pixels of one column: where they are and, if they are normalised, a mask of ones for those inside the map. */
export interface Column {
  readonly pixels: readonly Pointer[];
  readonly masks?: readonly Local<"v128">[];
  /** First channel, and how many. */
  readonly channel: Int;
  readonly width: number;
}

/** How the columns of a strip are transformed. */
export interface ColumnPass {
  /** What is done to the pixels first. */
  readonly normalize?: Normalize | undefined;
  /** Vectors of a chunk of `width` channels of one pixel in the result. */
  readonly vectors: (width: number) => number;
  /** Transforms a column; may move its pointers. */
  readonly apply: (func: Func, transform: Transform, constant: Local<"v128">, column: Column, target: Pointer) => void;
}

/** Results are [point][channel][8 samples]. */
export function keepLanes(normalize?: Normalize): ColumnPass {
  return {
    normalize,
    vectors: (width) => 2 * width,
    apply: (func, transform, constant, column, target) => {
      const reader = readerOf(func, column, normalize);
      func.times(column.width, () => {
        const read = reader.channel(0);
        for (const half of [0, f.vectorBytes]) {
          const values = column.pixels.map((_, i) => func.let("value", read(i, half)));
          transform.apply(func, values, constant).forEach((result, i) => {
            func.store(target, result, i * chunkBytes + half);
          });
        }
        for (const pointer of [...column.pixels, target]) func.bump(pointer, laneBytes);
        reader.next();
      });
    },
  };
}

const four = 4;

/**
 * Results are [point][8 samples][8 channels], for sums over samples: these become the depth of a product.
 *
 * Samples outside the masks count as zeros. Places behind the last channel repeat it; nothing uses them.
 */
export function turnLanes(present: readonly Local<"v128">[], normalize?: Normalize): ColumnPass {
  return {
    normalize,
    vectors: () => 2 * chunkChannels,
    apply: (func, transform, constant, column, target) => {
      const { pixels, width } = column;
      const reader = readerOf(func, column, normalize);
      for (let first = 0; first < width; first += four) {
        present.forEach((mask, half) => {
          const channels = [0, 1, 2, 3].map((i) => {
            const channel = Math.min(first + i, width - 1);
            const read = reader.channel(channel);
            const offset = channel * laneBytes + half * f.vectorBytes;
            const values = pixels.map((_, row) => func.let("value", f.and(read(row, offset), mask)));
            return transform.apply(func, values, constant).map((result) => func.let("result", result));
          });
          channels[0]!.forEach((_, point) => {
            const rows = transpose(func, channels.map((results) => results[point]!));
            rows.forEach((row, i) => {
              func.store(target, row, point * chunkBytes + (half * four + i) * laneBytes + first * numberBytes);
            });
          });
        });
      }
    },
  };
}

interface Reader {
  /** Code that reads pixel `row` at an offset, for the channel so many after the current one. */
  readonly channel: (distance: number) => (row: number, offset: number) => f.Vector;
  /** Moves on to the next channel. */
  readonly next: () => void;
}

function readerOf(func: Func, { pixels, masks, channel }: Column, normalize: Normalize | undefined): Reader {
  const plain = (row: number, offset: number): f.Vector => f.load(pixels[row]!, offset);
  if (normalize === undefined) return { channel: () => plain, next: () => {} };
  const at = (start: Pointer): Pointer => func.let("at", add(start, mul(channel, numberBytes)));
  const [scales, shifts] = [at(normalize.scale), at(normalize.shift)];
  const zero = func.let("zero", f.splat(0));
  return {
    channel: (distance) => {
      const scale = func.let("scale", f.loadSplat(scales, distance * numberBytes));
      const shift = func.let("shift", f.loadSplat(shifts, distance * numberBytes));
      return (row, offset) => {
        // In this order a NaN stays one; padding is zeros after the normalisation, not before.
        return f.and(f.pickMax(func.madd(plain(row, offset), scale, shift), zero), masks![row]!);
      };
    },
    next: () => [scales, shifts].forEach((pointer) => func.bump(pointer, numberBytes)),
  };
}

/** Columns of four rows of four. */
export function transpose(func: Func, rows: readonly f.Vector[]): f.Vector[] {
  const [a, b, c, d] = rows as readonly [f.Vector, f.Vector, f.Vector, f.Vector];
  const pair = (x: f.Vector, y: f.Vector, places: readonly [number, number, number, number]): Local<"v128"> => {
    return func.let("pair", f.shuffle(x, y, places));
  };
  const low = [pair(a, b, [0, 4, 1, 5]), pair(c, d, [0, 4, 1, 5])] as const;
  const high = [pair(a, b, [2, 6, 3, 7]), pair(c, d, [2, 6, 3, 7])] as const;
  return [low, high].flatMap(([p, q]) => [f.shuffle(p, q, [0, 1, 4, 5]), f.shuffle(p, q, [2, 3, 6, 7])]);
}
