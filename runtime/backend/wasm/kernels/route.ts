/**
 * Kernels that move samples into a sub-batch and back.
 *
 * @module
 */

import type { Int } from "../assembler/code.ts";
import { type Features, Func } from "../assembler/func.ts";
import { f32, ge, load as loadNumber } from "../assembler/f32.ts";
import { add, and, int, load, lt, mul, shl, shr } from "../assembler/i32.ts";
import { lanes } from "../layout.ts";
import { type Kernel, kernel, laneBytes, nest, numberBytes, overBlocks } from "./kernel.ts";

/** Constants of a list of samples. */
export interface ChosenConstants {
  /** Whether samples go back to their places; else they are drawn together. */
  readonly back: boolean;
  /** Blocks of eight that the list has. */
  readonly blocks: number;
}

/**
 * Kernel (mask, list, count): number of the sample that comes to each place. Drawn together, place j has the j-th sample
 * whose mask is above 0, and 0 behind the last; back, a place has the number it had among those chosen, and −1 if none.
 */
export function chosenSamples(constants: ChosenConstants): Kernel {
  return kernel("chosenSamples", constants, (features, { back, blocks }) => {
    const func = new Func("chosenSamples", features);
    const [mask, list, count] = func.params("mask", "list", "count");
    // Each number is written once, so that several threads may write the same list at the same time.
    const next = func.let("next", list);
    const found = func.let("found", int(0));
    const append = (value: Int): void => {
      func.store(next, int(value));
      func.bump(next, numberBytes);
    };
    func.for("sample", 0, count, (sample) => {
      const absent = ge(f32(0), loadNumber(add(mask, shl(sample, 2))));
      func.if(absent, () => back && append(-1), () => {
        append(back ? found : sample);
        func.bump(found, 1);
      });
    });
    const end = func.let("end", add(list, blocks * laneBytes));
    func.while(lt(next, end), () => append(back ? -1 : 0));
    return func;
  });
}

/** Kernel (x, list, out, first block, last block): samples of `size` numbers as the list says; zeros for −1. */
export function moveSamples(constants: { readonly size: number }): Kernel {
  return kernel("moveSamples", constants, buildMove);
}

function buildMove(features: Features, { size }: { readonly size: number }): Func {
  const func = new Func("moveSamples", features);
  const [x, list, out, first, last] = func.params("x", "list", "out", "first", "last");
  const block = size * laneBytes;
  overBlocks(func, [first, last], [list, out], [lanes * numberBytes, block], ([numbers, target]) => {
    nest(func, [{ count: lanes, steps: [numberBytes, numberBytes] }], [numbers!, target!], ([number, lane]) => {
      const sample = func.let("sample", load(number!));
      const each = [{ count: size, steps: [laneBytes, laneBytes] }];
      func.if(lt(sample, 0), () => {
        nest(func, each.map(({ count, steps }) => ({ count, steps: steps.slice(1) })), [lane!], ([to]) => {
          func.store(to!, f32(0));
        });
      }, () => {
        const within = shl(and(sample, lanes - 1), 2);
        const from = func.let("from", add(add(x, mul(shr(sample, 3), block)), within));
        nest(func, each, [from, lane!], ([source, to]) => func.store(to!, load(source!)));
      });
    });
  });
  return func;
}
