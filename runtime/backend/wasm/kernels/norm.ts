/**
 * The small parts of batch normalisation: numbers per channel. What passes over the maps is in pointwise.ts.
 *
 * Variance is E[(x − k)²] − (E[x] − k)² with a shift k near the mean, so that nothing cancels; k is the mean of the
 * first pixels of the first samples. Source: Chan, Golub, LeVeque 1983, section 3 (shifted data). Sums that a
 * convolution takes of its own results, whose mean is near zero, have k = 0.
 *
 * @module
 */

import type { Code } from "../assembler/code.ts";
import { Func, type Local } from "../assembler/func.ts";
import * as s from "../assembler/f32.ts";
import * as f from "../assembler/f32x4.ts";
import { min, mul } from "../assembler/i32.ts";
import { horizontalSum, type Kernel, kernel, laneBytes, nest, numberBytes, presentMasks } from "./kernel.ts";
import type { MapExtent } from "./pointwise.ts";

/** Pixels that the shift is the mean of: enough to be near the mean of the map, few enough to cost nothing. */
const shiftPixels = 32;

/** Kernel (x, shift [channels], count). */
export function statsShift(constants: MapExtent): Kernel {
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

/** Kernel (partial [chunks][2][channels][, shift], stats [2][channels], chunks, count): mean and biased variance. */
export function statsCombine(constants: MapExtent & { readonly shifted: boolean }): Kernel {
  return kernel("statsCombine", constants, (features, { pixels, channels, shifted }) => {
    const func = new Func("statsCombine", features);
    const [partial] = func.params("partial");
    const shifts = shifted ? func.params("shift") : [];
    const [stats, chunks, count] = func.params("stats", "chunks", "count");
    const [sum, square] = [func.local("f64", "sum"), func.local("f64", "square")];
    const size = func.let("size", s.fromInt(mul(count, pixels)));
    const pointers = [partial, stats, ...shifts];
    nest(func, [{ count: channels, steps: pointers.map(() => numberBytes) }], pointers, ([from, to, k]) => {
      func.set(sum, s.f64(0));
      func.set(square, s.f64(0));
      nest(func, [{ count: chunks, steps: [2 * channels * numberBytes] }], [from!], ([at]) => {
        func.set(sum, s.add(sum, s.promote(s.load(at!))));
        func.set(square, s.add(square, s.promote(s.load(at!, channels * numberBytes))));
      });
      func.set(sum, s.div(sum, size));
      func.store(to!, s.demote(k === undefined ? sum : s.add(s.promote(s.load(k)), sum)));
      const variance = s.sub(s.div(square, size), s.mul(sum, sum));
      func.store(to!, s.demote(s.max(variance, s.f64(0))), channels * numberBytes);
    });
    return func;
  });
}

/** Constants of a batch norm's tables. */
export interface NormConstants {
  readonly channels: number;
  readonly epsilon: number;
}

/** Kernel (stats [2][channels], γ, β, tables [2][channels]): scale = γ / √(var + ε), shift = β − mean · scale. */
export function normTables(constants: NormConstants): Kernel {
  return kernel("normTables", constants, (features, { channels, epsilon }) => {
    const func = new Func("normTables", features);
    const pointers = func.params("stats", "gamma", "beta", "tables");
    const scale = func.local("f64", "scale");
    nest(func, [{ count: channels, steps: pointers.map(() => numberBytes) }], pointers, ([stats, gamma, beta, to]) => {
      func.set(scale, s.mul(s.promote(s.load(gamma!)), inverseDeviation(stats!, channels, epsilon)));
      func.store(to!, s.demote(scale));
      // With the scale as it is stored, so that the mean is mapped to β.
      func.set(scale, s.promote(s.load(to!)));
      const shift = s.sub(s.promote(s.load(beta!)), s.mul(s.promote(s.load(stats!)), scale));
      func.store(to!, s.demote(shift), channels * numberBytes);
    });
    return func;
  });
}

/** Kernel (partial [chunks][2][channels], stats, sums [2][channels], chunks): Σ g, and Σ g · (x − mean) / √(var + ε). */
export function sumsCombine(constants: NormConstants): Kernel {
  return kernel("sumsCombine", constants, (features, { channels, epsilon }) => {
    const func = new Func("sumsCombine", features);
    const [partial, stats, sums, chunks] = func.params("partial", "stats", "sums", "chunks");
    const [sum, product] = [func.local("f64", "sum"), func.local("f64", "product")];
    const pointers = [partial, stats, sums];
    nest(func, [{ count: channels, steps: pointers.map(() => numberBytes) }], pointers, ([from, of, to]) => {
      func.set(sum, s.f64(0));
      func.set(product, s.f64(0));
      nest(func, [{ count: chunks, steps: [2 * channels * numberBytes] }], [from!], ([at]) => {
        func.set(sum, s.add(sum, s.promote(s.load(at!))));
        func.set(product, s.add(product, s.promote(s.load(at!, channels * numberBytes))));
      });
      func.store(to!, s.demote(sum));
      func.store(to!, s.demote(s.mul(product, inverseDeviation(of!, channels, epsilon))), channels * numberBytes);
    });
    return func;
  });
}

/**
 * Kernel (stats, γ, sums, tables [3][channels], count): the numbers a, b, c of dx = a · g + b · (x − mean) + c, which is
 * γ / √(var + ε) · (g − sums₀/m − x̂ · sums₁/m) with m = count · pixels.
 */
export function gradientTables(constants: MapExtent & NormConstants): Kernel {
  return kernel("gradientTables", constants, (features, { channels, pixels, epsilon }) => {
    const func = new Func("gradientTables", features);
    const [stats, gamma, sums, tables, count] = func.params("stats", "gamma", "sums", "tables", "count");
    const [slope, scale] = [func.local("f64", "slope"), func.local("f64", "scale")];
    const share = func.let("share", s.div(s.f64(-1), s.fromInt(mul(count, pixels))));
    const pointers = [stats, gamma, sums, tables];
    nest(func, [{ count: channels, steps: pointers.map(() => numberBytes) }], pointers, ([of, g, sum, to]) => {
      const row = channels * numberBytes;
      func.set(slope, inverseDeviation(of!, channels, epsilon));
      func.set(scale, s.mul(s.promote(s.load(g!)), slope));
      func.store(to!, s.demote(scale));
      func.set(scale, s.mul(scale, share));
      func.store(to!, s.demote(s.mul(s.mul(scale, slope), s.promote(s.load(sum!, row)))), row);
      func.store(to!, s.demote(s.mul(scale, s.promote(s.load(sum!)))), 2 * row);
    });
    return func;
  });
}

/** 1 / √(var + ε) of a channel. */
function inverseDeviation(stats: Local<"i32">, channels: number, epsilon: number): Code<"f64"> {
  const variance = s.promote(s.load(stats, channels * numberBytes));
  return s.div(s.f64(1), s.sqrt(s.add(variance, s.f64(epsilon))));
}
