/**
 * Batch normalisation: statistics, application, and both halves of its gradient. One pass over the maps each.
 *
 * Variance is E[(x − k)²] − (E[x] − k)² with a shift k near the mean, so that nothing cancels; k is the mean of the
 * first pixels of the first samples. Source: Chan, Golub, LeVeque 1983, section 3 (shifted data).
 *
 * @module
 */

import type { Int } from "../assembler/code.ts";
import { Func, type Local } from "../assembler/func.ts";
import * as s from "../assembler/f32.ts";
import * as f from "../assembler/f32x4.ts";
import { add, min, mul } from "../assembler/i32.ts";
import {
  chunkBlocks,
  horizontalSum,
  type Kernel,
  kernel,
  laneBytes,
  nest,
  numberBytes,
  overBlocks,
  presentMasks,
} from "./kernel.ts";
import { overTiles, tile } from "./micro.ts";

/** Size of a normalised map: [blocks][pixels][channels][8]. */
export interface NormConstants {
  readonly pixels: number;
  readonly channels: number;
}

/** Pixels that the shift is the mean of: enough to be near the mean of the map, few enough to cost nothing. */
const shiftPixels = 32;

function blockBytes({ pixels, channels }: NormConstants): number {
  return pixels * channels * laneBytes;
}

/** Runs `body` for each pixel of a block, with pointers to a tile of channels. */
function overPixels(
  func: Func,
  { pixels, channels }: NormConstants,
  maps: readonly Local<"i32">[],
  position: Int,
  body: (pointers: readonly Local<"i32">[]) => void,
): void {
  const pointers = maps.map((map) => func.let(map.name, add(map, mul(position, tile * laneBytes))));
  nest(func, [{ count: pixels, steps: maps.map(() => channels * laneBytes) }], pointers, body);
}

/** One number per channel of a tile, spread. */
function spread(func: Func, table: Int, position: Int, width: number, row = 0): Local<"v128">[] {
  const at = func.let("at", add(table, mul(position, tile * numberBytes)));
  return Array.from({ length: width }, (_, i) => func.let("c", f.loadSplat(at, row + i * numberBytes)));
}

/** Kernel (x, shift [channels], count). */
export function statsShift(constants: NormConstants): Kernel {
  return kernel("statsShift", constants, (features, { pixels, channels }) => {
    const func = new Func("statsShift", features);
    const [x, shift, count] = func.params("x", "shift", "count");
    const used = Math.min(pixels, shiftPixels);
    const [low, high] = presentMasks(func, 0, count);
    const total = func.local("v128", "total");
    nest(func, [{ count: channels, steps: [laneBytes, numberBytes] }], [x, shift], ([from, to]) => {
      func.set(total, f.splat(0));
      nest(func, [{ count: used, steps: [channels * laneBytes] }], [from!], ([at]) => {
        func.set(total, f.add(total, f.and(f.load(at!), low)));
        func.set(total, f.add(total, f.and(f.load(at!, f.vectorBytes), high)));
      });
      const present = s.demote(s.fromInt(mul(min(count, 8), used)));
      func.store(to!, s.div(horizontalSum(func, total), present));
    });
    return func;
  });
}

/** Kernel (x, shift, partial [chunks][2][channels], first chunk, last chunk, count): Σ (x − k), Σ (x − k)². */
export function statsChunks(constants: NormConstants & { readonly chunk: number }): Kernel {
  return kernel("statsChunks", constants, (features, { chunk, ...size }) => {
    const func = new Func("statsChunks", features);
    const [x, shift, partial, first, last, count] = func.params("x", "shift", "partial", "first", "last", "count");
    const difference = func.local("v128", "difference");
    overChunks(func, [first, last], chunk, count, size.channels, partial, ([low, high], position, width, result) => {
      const means = spread(func, shift, position, width);
      const sums = func.vectors("sum", width);
      const squares = func.vectors("square", width);
      for (const sum of [...sums, ...squares]) func.set(sum, f.splat(0));
      func.for("block", low, high, (block) => {
        const map = func.let("map", add(x, mul(block, blockBytes(size))));
        const masks = presentMasks(func, block, count);
        overPixels(func, size, [map], position, ([at]) => {
          for (let i = 0; i < width; i++) {
            for (const half of [0, 1]) {
              const value = f.load(at!, i * laneBytes + half * f.vectorBytes);
              func.set(difference, f.and(f.sub(value, means[i]!), masks[half]!));
              func.set(sums[i]!, f.add(sums[i]!, difference));
              func.set(squares[i]!, func.madd(difference, difference, squares[i]!));
            }
          }
        });
      });
      storeSums(func, size.channels, result, sums, squares);
    });
    return func;
  });
}

/** Kernel (partial [chunks][2][channels], shift, stats [2][channels], chunks, count). */
export function statsCombine(constants: NormConstants): Kernel {
  return kernel("statsCombine", constants, (features, { pixels, channels }) => {
    const func = new Func("statsCombine", features);
    const [partial, shift, stats, chunks, count] = func.params("partial", "shift", "stats", "chunks", "count");
    const [sum, square] = [func.local("f64", "sum"), func.local("f64", "square")];
    const size = func.let("size", s.fromInt(mul(count, pixels)));
    const steps = [numberBytes, numberBytes, numberBytes];
    nest(func, [{ count: channels, steps }], [partial, shift, stats], ([from, k, to]) => {
      func.set(sum, s.f64(0));
      func.set(square, s.f64(0));
      nest(func, [{ count: chunks, steps: [2 * channels * numberBytes] }], [from!], ([at]) => {
        func.set(sum, s.add(sum, s.promote(s.load(at!))));
        func.set(square, s.add(square, s.promote(s.load(at!, channels * numberBytes))));
      });
      func.set(sum, s.div(sum, size));
      func.store(to!, s.demote(s.add(s.promote(s.load(k!)), sum)));
      const variance = s.sub(s.div(square, size), s.mul(sum, sum));
      func.store(to!, s.demote(s.max(variance, s.f64(0))), channels * numberBytes);
    });
    return func;
  });
}

/** Kernel (x, stats, γ, β, y, first block, last block): y = γ (x − mean) / √(var + ε) + β. */
export function normalize(constants: NormConstants & { readonly epsilon: number }): Kernel {
  return kernel("normalize", constants, (features, { epsilon, ...size }) => {
    const func = new Func("normalize", features);
    const [x, stats, gamma, beta, y, first, last] = func.params("x", "stats", "gamma", "beta", "y", "first", "last");
    overBlocks(func, [first, last], [x, y], [blockBytes(size), blockBytes(size)], (maps) => {
      overTiles(func, size.channels, (position, width) => {
        const means = spread(func, stats, position, width);
        const deviations = inverseDeviations(func, size, stats, position, width, epsilon);
        const scales = spread(func, gamma, position, width);
        scales.forEach((scale, i) => func.set(scale, f.mul(scale, deviations[i]!)));
        const offsets = spread(func, beta, position, width);
        overPixels(func, size, maps, position, ([from, to]) => {
          for (let i = 0; i < 2 * width; i++) {
            const centred = f.sub(f.load(from!, i * f.vectorBytes), means[i >> 1]!);
            func.store(to!, func.madd(centred, scales[i >> 1]!, offsets[i >> 1]!), i * f.vectorBytes);
          }
        });
      });
    });
    return func;
  });
}

/** Kernel (g, x, stats, partial [chunks][2][channels], first chunk, last chunk, count): Σ g, Σ g·x̂. */
export function normSums(constants: NormConstants & { readonly epsilon: number; readonly chunk: number }): Kernel {
  return kernel("normSums", constants, (features, { epsilon, chunk, ...size }) => {
    const func = new Func("normSums", features);
    const [g, x, stats, partial, first, last, count] = func.params(
      "g",
      "x",
      "stats",
      "partial",
      "first",
      "last",
      "count",
    );
    const [gradient, centred] = func.vectors("v", 2) as [Local<"v128">, Local<"v128">];
    overChunks(func, [first, last], chunk, count, size.channels, partial, ([low, high], position, width, result) => {
      const means = spread(func, stats, position, width);
      const sums = func.vectors("sum", width);
      const products = func.vectors("product", width);
      for (const sum of [...sums, ...products]) func.set(sum, f.splat(0));
      func.for("block", low, high, (block) => {
        const maps = [g, x].map((map) => func.let("map", add(map, mul(block, blockBytes(size)))));
        const masks = presentMasks(func, block, count);
        overPixels(func, size, maps, position, ([p, q]) => {
          for (let i = 0; i < width; i++) {
            for (const half of [0, 1]) {
              const offset = i * laneBytes + half * f.vectorBytes;
              func.set(gradient, f.and(f.load(p!, offset), masks[half]!));
              func.set(centred, f.and(f.sub(f.load(q!, offset), means[i]!), masks[half]!));
              func.set(sums[i]!, f.add(sums[i]!, gradient));
              func.set(products[i]!, func.madd(gradient, centred, products[i]!));
            }
          }
        });
      });
      const deviations = inverseDeviations(func, size, stats, position, width, epsilon);
      products.forEach((product, i) => func.set(product, f.mul(product, deviations[i]!)));
      storeSums(func, size.channels, result, sums, products);
    });
    return func;
  });
}

/**
 * Kernel (g, x, stats, γ, sums, dx, first block, last block, count):
 * dx = γ/√(var + ε) · (g − sums₀/m − x̂ · sums₁/m), m = count · pixels.
 */
export function normInput(constants: NormConstants & { readonly epsilon: number }): Kernel {
  return kernel("normInput", constants, (features, { epsilon, ...size }) => {
    const func = new Func("normInput", features);
    const [g, x, stats, gamma, sums, dx, first, last, count] = func.params(
      "g",
      "x",
      "stats",
      "gamma",
      "sums",
      "dx",
      "first",
      "last",
      "count",
    );
    const share = func.let("share", f.div(f.splat(1), f.fromBits(f.splatInt(mul(count, size.pixels)))));
    const value = func.local("v128", "value");
    const bytes = [g, x, dx].map(() => blockBytes(size));
    overBlocks(func, [first, last], [g, x, dx], bytes, (maps) => {
      overTiles(func, size.channels, (position, width) => {
        const means = spread(func, stats, position, width);
        const slopes = inverseDeviations(func, size, stats, position, width, epsilon);
        const scales = spread(func, gamma, position, width);
        const shifts = spread(func, sums, position, width);
        const products = spread(func, sums, position, width, size.channels * numberBytes);
        for (let i = 0; i < width; i++) {
          func.set(scales[i]!, f.mul(scales[i]!, slopes[i]!));
          func.set(slopes[i]!, f.mul(slopes[i]!, f.mul(products[i]!, share)));
          func.set(shifts[i]!, f.mul(shifts[i]!, share));
        }
        overPixels(func, size, maps, position, ([p, q, to]) => {
          for (let i = 0; i < 2 * width; i++) {
            const channel = i >> 1;
            const centred = f.sub(f.load(q!, i * f.vectorBytes), means[channel]!);
            func.set(value, f.sub(f.load(p!, i * f.vectorBytes), shifts[channel]!));
            func.set(value, f.sub(value, f.mul(centred, slopes[channel]!)));
            func.store(to!, f.mul(value, scales[channel]!), i * f.vectorBytes);
          }
        });
      });
    });
    return func;
  });
}

/** 1 / √(var + ε) of each channel of a tile. */
function inverseDeviations(
  func: Func,
  { channels }: NormConstants,
  stats: Int,
  position: Int,
  width: number,
  epsilon: number,
): Local<"v128">[] {
  const variances = spread(func, stats, position, width, channels * numberBytes);
  for (const v of variances) func.set(v, f.div(f.splat(1), f.sqrt(f.add(v, f.splat(epsilon)))));
  return variances;
}

/** Visits every chunk and tile of channels, with the chunk's blocks and the place of the tile's results. */
function overChunks(
  func: Func,
  [first, last]: readonly [Int, Int],
  chunk: number,
  count: Local<"i32">,
  channels: number,
  partial: Local<"i32">,
  body: (blocks: readonly [Int, Int], position: Int, width: number, result: Local<"i32">) => void,
): void {
  func.for("chunk", first, last, (index) => {
    const blocks = chunkBlocks(func, index, chunk, count);
    const results = func.let("results", add(partial, mul(index, 2 * channels * numberBytes)));
    overTiles(func, channels, (position, width) => {
      body(blocks, position, width, func.let("result", add(results, mul(position, tile * numberBytes))));
    });
  });
}

function storeSums(
  func: Func,
  channels: number,
  result: Local<"i32">,
  ...rows: readonly (readonly Local<"v128">[])[]
): void {
  rows.forEach((row, r) =>
    row.forEach((sum, i) => func.store(result, horizontalSum(func, sum), (r * channels + i) * numberBytes))
  );
}
