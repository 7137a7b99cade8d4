/**
 * SIMD instructions on four floats, or on their bits as four integers.
 *
 * @module
 */

import { type Code, type Int, memoryImmediate, operation, simd } from "./code.ts";
import { int } from "./i32.ts";

/** Code of a vector. */
export type Vector = Code<"v128">;

/** Bytes of a vector. */
export const vectorBytes = 16;

function unary(index: number): (a: Vector) => Vector {
  return (a) => operation("v128", simd(index), a);
}

function binary(index: number): (a: Vector, b: Vector) => Vector {
  return (a, b) => operation("v128", simd(index), a, b);
}

/** Loads four numbers. */
export function load(address: Int, offset = 0): Vector {
  return operation("v128", simd(0x00, ...memoryImmediate(2, offset)), int(address));
}

/** Loads one number into all four places. */
export function loadSplat(address: Int, offset = 0): Vector {
  return operation("v128", simd(0x09, ...memoryImmediate(2, offset)), int(address));
}

/** Four equal numbers. */
export function splat(value: number): Vector {
  const bytes = new Uint8Array(new Float32Array(4).fill(value).buffer);
  return { type: "v128", bytes: simd(0x0c, ...bytes) };
}

/** Four equal integers. */
export function splatBits(value: number): Vector {
  const bytes = new Uint8Array(new Int32Array(4).fill(value).buffer);
  return { type: "v128", bytes: simd(0x0c, ...bytes) };
}

/** Four constant integers. */
export function bits(values: readonly [number, number, number, number]): Vector {
  return { type: "v128", bytes: simd(0x0c, ...new Uint8Array(new Int32Array(values).buffer)) };
}

/** A computed number in all four places. */
export function splatOf(a: Code<"f32">): Vector {
  return operation("v128", simd(0x13), a);
}

/** A computed integer in all four places. */
export function splatInt(a: Int): Vector {
  return operation("v128", simd(0x11), int(a));
}

/** Places of `a` (0…3) and `b` (4…7) in a new order. */
export function shuffle(a: Vector, b: Vector, places: readonly [number, number, number, number]): Vector {
  return operation(
    "v128",
    simd(0x0d, ...places.flatMap((place) => [0, 1, 2, 3].map((byte) => 4 * place + byte))),
    a,
    b,
  );
}

/** One place of a vector in all four places. */
export function broadcast(a: Vector, place: number): Vector {
  return shuffle(a, a, [place, place, place, place]);
}

/** One place of a vector. */
export function extract(a: Vector, place: number): Code<"f32"> {
  return operation("f32", simd(0x1f, place), a);
}

/** a + b. */
export const add: (a: Vector, b: Vector) => Vector = binary(0xe4);
/** a − b. */
export const sub: (a: Vector, b: Vector) => Vector = binary(0xe5);
/** a · b. */
export const mul: (a: Vector, b: Vector) => Vector = binary(0xe6);
/** a / b. */
export const div: (a: Vector, b: Vector) => Vector = binary(0xe7);
/** The smaller; NaN if either is NaN. */
export const min: (a: Vector, b: Vector) => Vector = binary(0xe8);
/** The larger; NaN if either is NaN. */
export const max: (a: Vector, b: Vector) => Vector = binary(0xe9);
/** b < a ? b : a. */
export const pickMin: (a: Vector, b: Vector) => Vector = binary(0xea);
/** a < b ? b : a. */
export const pickMax: (a: Vector, b: Vector) => Vector = binary(0xeb);
/** |a|. */
export const abs: (a: Vector) => Vector = unary(0xe0);
/** −a. */
export const neg: (a: Vector) => Vector = unary(0xe1);
/** √a. */
export const sqrt: (a: Vector) => Vector = unary(0xe3);
/** Nearest integer, ties to even. */
export const nearest: (a: Vector) => Vector = unary(0x6a);
/** Mask of a = b. */
export const eq: (a: Vector, b: Vector) => Vector = binary(0x41);
/** Mask of a < b. */
export const lt: (a: Vector, b: Vector) => Vector = binary(0x43);
/** Mask of a > b. */
export const gt: (a: Vector, b: Vector) => Vector = binary(0x44);
/** Mask of a ≥ b. */
export const ge: (a: Vector, b: Vector) => Vector = binary(0x46);
/** Bitwise and. */
export const and: (a: Vector, b: Vector) => Vector = binary(0x4e);
/** Bits of a that b lacks. */
export const andNot: (a: Vector, b: Vector) => Vector = binary(0x4f);
/** Bitwise or. */
export const or: (a: Vector, b: Vector) => Vector = binary(0x50);
/** Bitwise exclusive or. */
export const xor: (a: Vector, b: Vector) => Vector = binary(0x51);
/** Integer a + b. */
export const addBits: (a: Vector, b: Vector) => Vector = binary(0xae);
/** Integer a − b. */
export const subBits: (a: Vector, b: Vector) => Vector = binary(0xb1);
/** Mask of integer a > b, signed. */
export const gtBits: (a: Vector, b: Vector) => Vector = binary(0x3b);
/** Mask of integer a < b, unsigned. */
export const ltBitsUnsigned: (a: Vector, b: Vector) => Vector = binary(0x3a);
/** Numbers to integers, towards zero, saturated; NaN gives 0. */
export const toBits: (a: Vector) => Vector = unary(0xf8);
/** Integers to numbers. */
export const fromBits: (a: Vector) => Vector = unary(0xfa);

/** `a` where the mask has ones, else `b`. */
export function select(mask: Vector, a: Vector, b: Vector): Vector {
  return operation("v128", simd(0x52), a, b, mask);
}

/** Integers shifted left. */
export function shiftLeft(a: Vector, count: number): Vector {
  return operation("v128", simd(0xab), a, int(count));
}

/** Integers shifted right; the sign fills. */
export function shiftRight(a: Vector, count: number): Vector {
  return operation("v128", simd(0xac), a, int(count));
}

/** Integers shifted right; zeros fill. */
export function shiftRightUnsigned(a: Vector, count: number): Vector {
  return operation("v128", simd(0xad), a, int(count));
}

/** a · b + c with one rounding or two, as the machine likes (relaxed SIMD). */
export function relaxedMadd(a: Vector, b: Vector, c: Vector): Vector {
  return operation("v128", simd(0x105), a, b, c);
}
