/**
 * Double precision beyond sums of sums: comparisons, and the exponential.
 *
 * @module
 */

import { type Code, operation } from "./code.ts";
import { add, f64, max, mul, sub } from "./f32.ts";
import type { Func, Local } from "./func.ts";
import { add as addInt } from "./i32.ts";

type F64 = Code<"f64">;

/** The smaller; NaN if either is NaN. */
export function min(a: F64, b: F64): F64 {
  return operation("f64", [0xa4], a, b);
}

/** |a|. */
export function abs(a: F64): F64 {
  return operation("f64", [0x99], a);
}

/** −a. */
export function neg(a: F64): F64 {
  return operation("f64", [0x9a], a);
}

/** a > b; no if either is NaN. */
export function gt(a: F64, b: F64): Code<"i32"> {
  return operation("i32", [0x64], a, b);
}

/** a < b; no if either is NaN. */
export function lt(a: F64, b: F64): Code<"i32"> {
  return operation("i32", [0x63], a, b);
}

/** The nearest whole number, of two the even one. */
function nearest(a: F64): F64 {
  return operation("f64", [0x9e], a);
}

/** 2ⁿ of a whole number n from −1022 to 1023: its exponent bits. */
function powerOfTwo(n: F64): F64 {
  const biased = addInt(operation("i32", [0xfc, 0x02], n), 1023);
  // i64.extend_i32_s, i64.const 52, i64.shl, f64.reinterpret_i64.
  return operation("f64", [0xac, 0x42, 52, 0x86, 0xbf], biased);
}

/** ln 2 in two parts, the first with so few bits that its small multiples are exact (fdlibm, e_exp.c). */
const ln2 = [6.93147180369123816490e-01, 1.90821492927058770002e-10] as const;

/** 1 / k! for k = 13 … 0: of |x| ≤ ½ ln 2 the rest is below 1e-17. */
const taylor = Array.from({ length: 14 }, (_, i) => 1 / factorial(13 - i));

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

/** result ← eˣ of x ≤ 700, to about 1e-16; of numbers below −700 it is e⁻⁷⁰⁰, which adds nothing to 1. */
export function setExp(func: Func, result: Local<"f64">, x: F64): void {
  const from = func.let("from", max(x, f64(-700)));
  const n = func.let("n", nearest(mul(from, f64(Math.LOG2E))));
  func.set(from, sub(sub(from, mul(n, f64(ln2[0]))), mul(n, f64(ln2[1]))));
  func.set(result, f64(taylor[0]!));
  for (const coefficient of taylor.slice(1)) func.set(result, add(mul(result, from), f64(coefficient)));
  func.set(result, mul(result, powerOfTwo(n)));
}
