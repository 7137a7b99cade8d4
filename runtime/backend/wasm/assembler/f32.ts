/**
 * Scalar float instructions: single precision, and double precision for sums of sums.
 *
 * @module
 */

import { type Code, type Int, memoryImmediate, operation } from "./code.ts";
import { int } from "./i32.ts";

type F32 = Code<"f32">;
type F64 = Code<"f64">;

/** A constant of single precision. */
export function f32(value: number): F32 {
  return { type: "f32", bytes: [0x43, ...new Uint8Array(new Float32Array([value]).buffer)] };
}

/** A constant of double precision. */
export function f64(value: number): F64 {
  return { type: "f64", bytes: [0x44, ...new Uint8Array(new Float64Array([value]).buffer)] };
}

/** Loads one number. */
export function load(address: Int, offset = 0): F32 {
  return operation("f32", [0x2a, ...memoryImmediate(2, offset)], int(address));
}

/** a + b. */
export function add<T extends "f32" | "f64">(a: Code<T>, b: Code<T>): Code<T> {
  return operation(a.type, [a.type === "f32" ? 0x92 : 0xa0], a, b);
}

/** a − b. */
export function sub<T extends "f32" | "f64">(a: Code<T>, b: Code<T>): Code<T> {
  return operation(a.type, [a.type === "f32" ? 0x93 : 0xa1], a, b);
}

/** a · b. */
export function mul<T extends "f32" | "f64">(a: Code<T>, b: Code<T>): Code<T> {
  return operation(a.type, [a.type === "f32" ? 0x94 : 0xa2], a, b);
}

/** a / b. */
export function div<T extends "f32" | "f64">(a: Code<T>, b: Code<T>): Code<T> {
  return operation(a.type, [a.type === "f32" ? 0x95 : 0xa3], a, b);
}

/** The larger; NaN if either is NaN. */
export function max<T extends "f32" | "f64">(a: Code<T>, b: Code<T>): Code<T> {
  return operation(a.type, [a.type === "f32" ? 0x97 : 0xa5], a, b);
}

/** √a. */
export function sqrt<T extends "f32" | "f64">(a: Code<T>): Code<T> {
  return operation(a.type, [a.type === "f32" ? 0x91 : 0x9f], a);
}

/** a ≥ b. */
export function ge(a: F32, b: F32): Code<"i32"> {
  return operation("i32", [0x60], a, b);
}

/** To double precision. */
export function promote(a: F32): F64 {
  return operation("f64", [0xbb], a);
}

/** To single precision, rounded to nearest even. */
export function demote(a: F64): F32 {
  return operation("f32", [0xb6], a);
}

/** An integer as a number of double precision. */
export function fromInt(a: Code<"i32">): F64 {
  return operation("f64", [0xb7], a);
}

/** A number as an integer, towards zero, out-of-range numbers saturated. */
export function toInt(a: F32): Code<"i32"> {
  return operation("i32", [0xfc, 0x00], a);
}
