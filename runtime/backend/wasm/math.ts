/**
 * Functions of four floats that no instruction computes.
 *
 * Polynomials and reductions of `exp` and `log` are those of the Cephes library (expf.c, logf.c; Moshier 1992), whose
 * peak relative error is below 2e-7; what is added is exact behaviour at 0, ±∞, NaN and subnormal numbers.
 *
 * @module
 */

import type { Func } from "./assembler/func.ts";
import * as f from "./assembler/f32x4.ts";

/** x ↦ c₀xⁿ + c₁xⁿ⁻¹ + …, highest power first (Horner). */
function polynomial(func: Func, x: f.Vector, coefficients: readonly number[]): f.Vector {
  const [first, ...rest] = coefficients;
  const sum = func.let("sum", f.splat(first!));
  for (const coefficient of rest) func.set(sum, func.madd(sum, x, f.splat(coefficient)));
  return sum;
}

/**
 * eˣ = 2ⁿ · eʳ with n = round(x / ln 2) and |r| ≤ ln 2 / 2.
 *
 * Beyond [−104, 89] the result is 0 or ∞ in float32, so x is clamped there. 2ⁿ is applied as two factors, since
 * n may lie outside the exponent range of one.
 */
export function exp(func: Func, of: f.Vector): f.Vector {
  const x = func.let("x", f.max(f.min(of, f.splat(89)), f.splat(-104)));
  const n = func.let("n", f.nearest(f.mul(x, f.splat(Math.LOG2E))));
  // ln 2 in two parts: n · 0.693359375 is exact.
  func.set(x, func.madd(n, f.splat(-0.693359375), x));
  func.set(x, func.madd(n, f.splat(2.12194440e-4), x));
  const p = polynomial(func, x, [
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
  ]);
  const y = func.let("y", f.add(func.madd(f.mul(x, x), p, x), f.splat(1)));
  const whole = func.let("whole", f.toBits(n));
  const half = func.let("half", f.shiftRight(whole, 1));
  return func.let("exp", f.mul(f.mul(y, powerOfTwo(half)), powerOfTwo(f.subBits(whole, half))));
}

/** 2ⁿ for integers −126 ≤ n ≤ 127. */
function powerOfTwo(n: f.Vector): f.Vector {
  return f.shiftLeft(f.addBits(n, f.splatBits(127)), 23);
}

/** ln x = e · ln 2 + ln m with √½ ≤ m < √2; −∞ at 0, NaN below. */
export function log(func: Func, of: f.Vector): f.Vector {
  const x = func.let("x", of);
  const subnormal = func.let("subnormal", f.lt(x, f.splat(2 ** -126)));
  const scaled = func.let("scaled", f.select(subnormal, f.mul(x, f.splat(2 ** 23)), x));
  // With √½ subtracted from the bits, the exponent field counts from √½ instead of from 1.
  const root = 0x3f3504f3;
  const shifted = func.let("shifted", f.subBits(scaled, f.splatBits(root)));
  const e = func.let("e", f.fromBits(f.shiftRight(shifted, 23)));
  func.set(e, f.sub(e, f.and(subnormal, f.splat(23))));
  const mantissa = f.addBits(f.and(shifted, f.splatBits(0x007fffff)), f.splatBits(root));
  const m = func.let("m", f.sub(mantissa, f.splat(1)));
  const square = func.let("square", f.mul(m, m));
  const p = polynomial(func, m, [
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
  ]);
  const y = func.let("y", f.mul(f.mul(m, square), p));
  func.set(y, func.madd(e, f.splat(-2.12194440e-4), y));
  func.set(y, func.madd(square, f.splat(-0.5), y));
  const result = func.let("log", func.madd(e, f.splat(0.693359375), f.add(m, y)));
  // +∞ and NaN keep their value; zero is −∞; negative numbers have no logarithm.
  func.set(result, f.select(f.lt(x, f.splat(Infinity)), result, x));
  func.set(result, f.select(f.eq(x, f.splat(0)), f.splat(-Infinity), result));
  return func.let("result", f.select(f.lt(x, f.splat(0)), f.splat(NaN), result));
}

/** 1 / (1 + e⁻ˣ), by e^−|x| so that nothing overflows. */
export function sigmoid(func: Func, of: f.Vector): f.Vector {
  const x = func.let("x", of);
  const e = exp(func, f.neg(f.abs(x)));
  const top = f.select(f.lt(x, f.splat(0)), e, f.splat(1));
  return func.let("sigmoid", f.div(top, f.add(e, f.splat(1))));
}

/**
 * ln(1 + eˣ) = max(x, 0) + log1p(e^−|x|), where log1p(e) = ln(u) · e / (u − 1) for u = 1 + e, or e if u = 1.
 *
 * Source of log1p: Kahan, in Goldberg 1991, theorem 4.
 */
export function softplus(func: Func, of: f.Vector): f.Vector {
  const x = func.let("x", of);
  const e = exp(func, f.neg(f.abs(x)));
  const u = func.let("u", f.add(e, f.splat(1)));
  const ratio = f.div(e, f.sub(u, f.splat(1)));
  const tail = f.select(f.eq(u, f.splat(1)), e, f.mul(log(func, u), ratio));
  return func.let("softplus", f.add(f.pickMax(f.splat(0), x), tail));
}
