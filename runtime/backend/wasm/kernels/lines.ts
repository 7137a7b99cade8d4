/**
 * Rows of a map as a convolution reads them: where they are, or normalised into a small ring.
 *
 * @module
 */

import type { Code, Int } from "../assembler/code.ts";
import type { Func, Local } from "../assembler/func.ts";
import { add, and, int, lt, max, min, mul } from "../assembler/i32.ts";
import { type Normalize, normalizePixels } from "./activation.ts";
import { laneBytes, numberBytes } from "./kernel.ts";
import type { KernelPass } from "./pass.ts";

/** Rows of a block of a map. */
export interface Lines {
  /** Makes those rows ready that row `i` of the passes takes; rows come in order, from 0 on. */
  readonly prepare: (i: Local<"i32">) => void;
  /** Address of a row. */
  readonly at: (row: Int) => Code<"i32">;
}

/** Rows of the passes' input, at `source`; normalised they lie in scratch memory. */
export function linesOf(
  func: Func,
  passes: readonly KernelPass[],
  source: Local<"i32">,
  normalize?: Normalize & { readonly scratch: Local<"i32"> },
): Lines {
  const { input, stride } = passes[0]!;
  const bytes = input.width * input.channels * laneBytes;
  if (normalize === undefined) {
    return { prepare: () => {}, at: (row) => add(source, mul(row, bytes)) };
  }
  const { origin, end, ring } = windowOf(passes);
  const at = (row: Int): Code<"i32"> => add(normalize.scratch, mul(ring === 1 ? 0 : and(row, ring - 1), bytes));
  const ready = func.let("ready", int(0));
  return {
    at,
    prepare: (i) => {
      const top = func.let("top", mul(i, stride[0]));
      const last = func.let("last", min(add(top, end), input.height));
      func.set(ready, max(ready, add(top, origin)));
      func.while(lt(ready, last), () => {
        const [from, to] = [func.let("from", add(source, mul(ready, bytes))), func.let("to", at(ready))];
        normalizePixels(func, normalize, { pixels: input.width, channels: input.channels }, from, to);
        func.bump(ready, 1);
      });
    },
  };
}

/** Numbers of the scratch memory. */
export function linesSize(passes: readonly KernelPass[]): number {
  const { width, channels } = passes[0]!.input;
  return windowOf(passes).ring * width * channels * laneBytes / numberBytes;
}

/** Rows that row 0 of the passes takes, and how many lie in the ring: a power of two. */
function windowOf(passes: readonly KernelPass[]): { origin: number; end: number; ring: number } {
  const used = passes.filter(({ taps }) => taps[0] > 0 && taps[1] > 0);
  const origin = Math.min(...used.map(({ offset }) => offset[0]));
  const end = Math.max(...used.map(({ offset, taps }) => offset[0] + taps[0]));
  return { origin, end, ring: 2 ** Math.ceil(Math.log2(end - origin)) };
}
