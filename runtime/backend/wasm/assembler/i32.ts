/**
 * Integer instructions: addresses and counters. Constants fold.
 *
 * @module
 */

import { choose, type Code, type Int, memoryImmediate, operation, signed } from "./code.ts";

/** The value as code. */
export function int(value: Int): Code<"i32"> {
  return typeof value === "number" ? { type: "i32", bytes: [0x41, ...signed(value)] } : value;
}

/** a + b. */
export function add(a: Int, b: Int): Code<"i32"> {
  if (typeof a === "number" && typeof b === "number") return int(a + b);
  if (b === 0) return int(a);
  if (a === 0) return int(b);
  return operation("i32", [0x6a], int(a), int(b));
}

/** a − b. */
export function sub(a: Int, b: Int): Code<"i32"> {
  if (b === 0) return int(a);
  return operation("i32", [0x6b], int(a), int(b));
}

/** a · b. */
export function mul(a: Int, b: Int): Code<"i32"> {
  if (b === 1) return int(a);
  if (a === 1) return int(b);
  if (a === 0 || b === 0) return int(0);
  return operation("i32", [0x6c], int(a), int(b));
}

/** ⌊a / b⌋ of unsigned numbers. */
export function div(a: Int, b: Int): Code<"i32"> {
  return b === 1 ? int(a) : operation("i32", [0x6e], int(a), int(b));
}

/** a mod b of unsigned numbers. */
export function mod(a: Int, b: Int): Code<"i32"> {
  return operation("i32", [0x70], int(a), int(b));
}

/** Bitwise and. */
export function and(a: Int, b: Int): Code<"i32"> {
  return operation("i32", [0x71], int(a), int(b));
}

/** a · 2ᵇ. */
export function shl(a: Int, b: Int): Code<"i32"> {
  return operation("i32", [0x74], int(a), int(b));
}

/** ⌊a / 2ᵇ⌋ of an unsigned number. */
export function shr(a: Int, b: Int): Code<"i32"> {
  return operation("i32", [0x76], int(a), int(b));
}

/** a = b. */
export function eq(a: Int, b: Int): Code<"i32"> {
  return operation("i32", [0x46], int(a), int(b));
}

/** a < b, signed. */
export function lt(a: Int, b: Int): Code<"i32"> {
  return operation("i32", [0x48], int(a), int(b));
}

/** a ≥ b, signed. */
export function ge(a: Int, b: Int): Code<"i32"> {
  return operation("i32", [0x4e], int(a), int(b));
}

/** The smaller; operands are evaluated twice. */
export function min(a: Int, b: Int): Code<"i32"> {
  return choose(lt(a, b), int(a), int(b));
}

/** The larger; operands are evaluated twice. */
export function max(a: Int, b: Int): Code<"i32"> {
  return choose(lt(a, b), int(b), int(a));
}

/** Loads 32 bits. */
export function load(address: Int, offset = 0): Code<"i32"> {
  return operation("i32", [0x28, ...memoryImmediate(2, offset)], int(address));
}
