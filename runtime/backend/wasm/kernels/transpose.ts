/**
 * Turns four vectors of four numbers.
 *
 * @module
 */

import type { Func, Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";

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
