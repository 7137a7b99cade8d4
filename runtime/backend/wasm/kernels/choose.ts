/**
 * Kernels that pick numbers: one-hot labels, order statistics, zeros.
 *
 * @module
 */

import { type Features, Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { type Kernel, kernel, laneBytes, nest, overBlocks } from "./kernel.ts";

/** Kernel (labels, out, first block, last block): 1 at the label's class, else 0. */
export function oneHot(constants: { readonly classes: number }): Kernel {
  return kernel("oneHot", constants, (features, { classes }) => {
    const func = new Func("oneHot", features);
    const [labels, out, first, last] = func.params("labels", "out", "first", "last");
    const index = func.local("v128", "index");
    overBlocks(func, [first, last], [labels, out], [laneBytes, classes * laneBytes], ([from, to]) => {
      const halves = [0, 1].map((half) => func.let("label", f.load(from!, half * f.vectorBytes)));
      func.set(index, f.splat(0));
      nest(func, [{ count: classes, steps: [laneBytes] }], [to!], ([at]) => {
        halves.forEach((label, half) => {
          func.store(at!, f.and(f.eq(label, index), f.splat(1)), half * f.vectorBytes);
        });
        func.set(index, f.add(index, f.splat(1)));
      });
    });
    return func;
  });
}

/** Kernel (x, out, first block, last block, width): the k-th smallest of the first `width` numbers of each sample. */
export function kthSmallest(constants: { readonly k: number; readonly width: number }): Kernel {
  return kernel("kthSmallest", constants, buildKthSmallest);
}

/**
 * Floats are ordered as unsigned integers once their bits are turned around: all of them for negative numbers, the
 * sign for others. The result is found bit by bit: the largest key that fewer than k numbers lie below.
 */
function buildKthSmallest(
  features: Features,
  { k, width: most }: { readonly k: number; readonly width: number },
): Func {
  const func = new Func("kthSmallest", features);
  const [x, out, first, last, width] = func.params("x", "out", "first", "last", "width");
  const [key, bit, trial, below, value] = func.vectors("v", 5) as [
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
  ];
  const top = f.splatBits(1 << 31);
  const half = f.vectorBytes;
  overBlocks(func, [first, last], [x, out], [most * laneBytes, laneBytes], (pointers) => {
    nest(func, [{ count: 2, steps: [half, half] }], pointers, ([from, to]) => {
      func.set(key, f.splatBits(0));
      func.set(bit, top);
      func.times(32, () => {
        func.set(trial, f.or(key, bit));
        func.set(below, f.splatBits(0));
        nest(func, [{ count: width, steps: [laneBytes] }], [from!], ([at]) => {
          func.set(value, f.load(at!));
          func.set(value, f.xor(value, f.or(f.shiftRight(value, 31), top)));
          func.set(below, f.subBits(below, f.ltBitsUnsigned(value, trial)));
        });
        func.set(key, f.select(f.gtBits(f.splatBits(k), below), trial, key));
        func.set(bit, f.shiftRightUnsigned(bit, 1));
      });
      const turned = f.or(f.xor(f.shiftRight(key, 31), f.splatBits(-1)), top);
      func.store(to!, f.xor(key, turned));
    });
  });
  return func;
}

/** Kernel (out, vectors): fills with zeros. */
export function fillZero(): Kernel {
  return kernel("fillZero", {}, (features) => {
    const func = new Func("fillZero", features);
    const [out, vectors] = func.params("out", "vectors");
    nest(func, [{ count: vectors, steps: [f.vectorBytes] }], [out], ([at]) => func.store(at!, f.splat(0)));
    return func;
  });
}
