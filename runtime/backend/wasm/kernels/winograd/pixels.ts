/**
 * Transforms one column of pixels for a chunk of channels: samples stay the lanes, or channels become them.
 *
 * @module
 */

import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { laneBytes } from "../kernel.ts";
import { chunkBytes, chunkChannels } from "./plan.ts";
import type { Transform } from "./transform.ts";

type Pointer = Local<"i32">;

/** How the columns of a strip are transformed. */
export interface ColumnPass {
  /** Vectors of a chunk of `width` channels of one pixel in the result. */
  readonly vectors: (width: number) => number;
  /** Transforms `width` channels of the pixels; may move the pointers. */
  readonly apply: (
    func: Func,
    transform: Transform,
    constant: Local<"v128">,
    pixels: readonly Pointer[],
    target: Pointer,
    width: number,
  ) => void;
}

/** Results are [point][channel][8 samples]. */
export const keepLanes: ColumnPass = {
  vectors: (width) => 2 * width,
  apply: (func, transform, constant, pixels, target, width) => {
    func.times(width, () => {
      for (const half of [0, f.vectorBytes]) {
        const values = pixels.map((pixel) => func.let("value", f.load(pixel, half)));
        transform.apply(func, values, constant).forEach((result, i) => {
          func.store(target, result, i * chunkBytes + half);
        });
      }
      for (const pointer of [...pixels, target]) func.bump(pointer, laneBytes);
    });
  },
};

const four = 4;

/**
 * Results are [point][8 samples][8 channels], for sums over samples: these become the depth of a product.
 *
 * Samples outside the masks count as zeros. Places behind the last channel repeat it; nothing uses them.
 */
export function turnLanes(masks: readonly Local<"v128">[]): ColumnPass {
  return {
    vectors: () => 2 * chunkChannels,
    apply: (func, transform, constant, pixels, target, width) => {
      for (let first = 0; first < width; first += four) {
        masks.forEach((mask, half) => {
          const channels = [0, 1, 2, 3].map((i) => {
            const offset = Math.min(first + i, width - 1) * laneBytes + half * f.vectorBytes;
            const values = pixels.map((pixel) => func.let("value", f.and(f.load(pixel, offset), mask)));
            return transform.apply(func, values, constant).map((result) => func.let("result", result));
          });
          channels[0]!.forEach((_, point) => {
            const rows = transpose(func, channels.map((results) => results[point]!));
            rows.forEach((row, i) => {
              func.store(target, row, point * chunkBytes + (half * four + i) * laneBytes + first * four);
            });
          });
        });
      }
    },
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
