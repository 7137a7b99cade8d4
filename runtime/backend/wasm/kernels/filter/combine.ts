/**
 * Sums what chunks of samples gave to a filter gradient, in their order, and brings it into PyTorch's order.
 *
 * @module
 */

import type { Code } from "../../assembler/code.ts";
import { type Features, Func, type Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add } from "../../assembler/i32.ts";
import { type Kernel, kernel, numberBytes } from "../kernel.ts";
import { transpose } from "../transpose.ts";

/** Sizes of a filter gradient: taps of a filter, and pairs of an output and an input of its group. */
export interface CombineConstants {
  readonly taps: number;
  readonly pairs: number;
}

/** Kernel (partial [chunks][taps][pairs], out [pairs][taps], chunks). */
export function filterCombine(constants: CombineConstants): Kernel {
  return kernel("filterCombine", constants, build);
}

const four = 4;

function build(features: Features, { taps, pairs }: CombineConstants): Func {
  const func = new Func("filterCombine", features);
  const [partial, out, chunks] = func.params("partial", "out", "chunks");
  const plane = pairs * numberBytes;
  const totals = func.vectors("total", four);
  /** Sums of up to four taps, from `tap` on, of four pairs. */
  const totalsOf = (from: Local<"i32">, tap: number): Local<"v128">[] => {
    const sums = totals.slice(0, Math.min(four, taps - tap));
    const at = func.let("at", add(from, tap * plane));
    const places = sums.map((_, i): Code<"i32"> => add(at, i * plane));
    sums.forEach((sum, i) => func.set(sum, f.load(places[i]!)));
    func.for("chunk", 1, chunks, () => {
      func.bump(at, taps * plane);
      sums.forEach((sum, i) => func.set(sum, f.add(sum, f.load(places[i]!))));
    });
    return sums;
  };
  const some = (from: Local<"i32">, to: Local<"i32">, width: number): void => {
    for (let tap = 0; tap < taps; tap += four) {
      const sums = totalsOf(from, tap);
      if (sums.length === four) {
        transpose(func, sums).slice(0, width).forEach((row, i) => func.store(to, row, (i * taps + tap) * numberBytes));
        continue;
      }
      sums.forEach((sum, t) => {
        for (let i = 0; i < width; i++) func.store(to, f.extract(sum, i), (i * taps + tap + t) * numberBytes);
      });
    }
  };
  const [from, to] = [func.let("from", partial), func.let("to", out)];
  func.times(Math.floor(pairs / four), () => {
    some(from, to, four);
    func.bump(from, f.vectorBytes);
    func.bump(to, four * taps * numberBytes);
  });
  if (pairs % four > 0) some(from, to, pairs % four);
  return func;
}
