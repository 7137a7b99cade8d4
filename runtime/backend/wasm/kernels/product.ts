/**
 * Matrix products.
 *
 * @module
 */

import { type Features, Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, lt, mul } from "../assembler/i32.ts";
import { type Kernel, kernel, laneBytes, nest, numberBytes, overBlocks } from "./kernel.ts";
import { clearTile, micro, multiplyTile, overProducts, storeTile, tile } from "./micro.ts";

/**
 * Kernel (x, w, y, first block, last block, depth): y = x · w.
 *
 * x [blocks][K][8], w packed [⌈N/4⌉][K][4], y [blocks][N][8]; only the first `depth` ≤ K steps are summed.
 */
export function product(constants: { readonly depth: number; readonly columns: number }): Kernel {
  return kernel("product", constants, (features, { depth: most, columns }) => {
    const func = new Func("product", features);
    const [x, w, y, first, last, depth] = func.params("x", "w", "y", "first", "last", "depth");
    const registers = micro(func);
    const next = most * f.vectorBytes;
    overBlocks(func, [first, last], [x, y], [most * laneBytes, columns * laneBytes], ([from, to]) => {
      overProducts(func, columns, (position, width) => {
        clearTile(func, registers, width);
        const a = func.let("a", add(w, mul(position, next)));
        const b = func.let("b", from!);
        func.if(lt(0, depth), () => multiplyTile(func, registers, a, b, depth, width, next));
        storeTile(func, registers, func.let("target", add(to!, mul(position, tile * laneBytes))), width);
      });
    });
    return func;
  });
}

/** Strides of a product of matrices that belong to one sample each, in numbers. */
export interface SampleProductConstants {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Strides of a along rows and depth, b along depth and columns, y along rows and columns. */
  readonly a: readonly [number, number];
  readonly b: readonly [number, number];
  readonly y: readonly [number, number];
}

/** Kernel (a, b, y, first block, last block, depth): one matrix product per sample, eight samples at a time. */
export function sampleProduct(constants: SampleProductConstants): Kernel {
  return kernel("sampleProduct", constants, buildSampleProduct);
}

function buildSampleProduct(features: Features, constants: SampleProductConstants): Func {
  const { rows, columns, depth: most, a: as, b: bs, y: ys } = constants;
  const func = new Func("sampleProduct", features);
  const [a, b, y, first, last, depth] = func.params("a", "b", "y", "first", "last", "depth");
  const sums = func.vectors("sum", 4);
  const bytes = [rows * most, most * columns, rows * columns].map((size) => size * laneBytes);
  const factors = func.vectors("factor", 4);
  /** Two neighbouring columns share what is loaded of a. */
  const columnTile = (width: number, p: Local<"i32">, q: Local<"i32">, to: Local<"i32">): void => {
    const used = sums.slice(0, 2 * width);
    for (const sum of used) func.set(sum, f.splat(0));
    const [u, v] = [func.let("u", p), func.let("v", q)];
    func.if(lt(0, depth), () =>
      func.times(depth, () => {
        for (const half of [0, 1]) {
          func.set(factors[half]!, f.load(u, half * f.vectorBytes));
          for (let i = 0; i < width; i++) {
            const other = f.load(v, i * bs[1] * numberBytes + half * f.vectorBytes);
            func.set(used[2 * i + half]!, func.madd(factors[half]!, other, used[2 * i + half]!));
          }
        }
        func.bump(u, as[1] * numberBytes);
        func.bump(v, bs[0] * numberBytes);
      }));
    used.forEach((sum, i) => func.store(to, sum, (i >> 1) * ys[1] * numberBytes + (i & 1) * f.vectorBytes));
  };
  overBlocks(func, [first, last], [a, b, y], bytes, (pointers) => {
    const rowSteps = [as[0], 0, ys[0]].map((stride) => stride * numberBytes);
    nest(func, [{ count: rows, steps: rowSteps }], pointers, ([p, q, to]) => {
      const columnSteps = [0, 2 * bs[1], 2 * ys[1]].map((stride) => stride * numberBytes);
      const moving = [p!, func.let("q", q!), func.let("to", to!)] as const;
      func.times(Math.floor(columns / 2), () => {
        columnTile(2, ...moving);
        moving.forEach((pointer, i) => func.bump(pointer, columnSteps[i]!));
      });
      if (columns % 2 === 1) columnTile(1, ...moving);
    });
  });
  return func;
}
