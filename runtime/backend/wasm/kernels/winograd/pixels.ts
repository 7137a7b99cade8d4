/**
 * Transforms one column of pixels for a chunk of channels, which become the lanes.
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
import type { Activation } from "../activation.ts";
import { laneBytes, numberBytes } from "../kernel.ts";
import { chunkBytes, chunkChannels } from "./plan.ts";
import type { Transform } from "./transform.ts";

type Pointer = Local<"i32">;

/** Addresses of a number for each channel, and what is done then: ReLU unless said otherwise. */
export interface Normalize {
  readonly scale: Pointer;
  readonly shift: Pointer;
  readonly activation?: Activation;
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
            const read = reader(channel);
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

/** Code that reads pixel `row` at an offset, for the channel so many after the first. */
type Reader = (distance: number) => (row: number, offset: number) => f.Vector;

function readerOf(func: Func, { pixels, masks, channel }: Column, normalize: Normalize | undefined): Reader {
  const plain = (row: number, offset: number): f.Vector => f.load(pixels[row]!, offset);
  if (normalize === undefined) return () => plain;
  const start = func.let("start", mul(channel, numberBytes));
  return (distance) => {
    const normalized = normalizer(func, normalize, start, distance);
    return (row, offset) => f.and(normalized(plain(row, offset)), masks![row]!);
  };
}

/**
 * Reads scale and shift of the channel `numbers` bytes into the tables, and gives the code that normalises a vector.
 * A NaN stays one. Padding is zeros after the normalisation, not before: that is left to the caller.
 */
export function normalizer(
  func: Func,
  { scale, shift, activation = "relu" }: Normalize,
  numbers: Int,
  distance = 0,
): (x: f.Vector) => f.Vector {
  const [factor, summand] = [scale, shift].map((table) => {
    return func.let("table", f.loadSplat(add(table, numbers), distance * numberBytes));
  }) as [Local<"v128">, Local<"v128">];
  const zero = func.let("zero", f.splat(0));
  const six = activation === "relu6" ? func.let("six", f.splat(6)) : undefined;
  return (x) => {
    const y = func.madd(x, factor, summand);
    if (activation === "identity") return y;
    const positive = f.pickMax(y, zero);
    return six === undefined ? positive : f.pickMin(positive, six);
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
