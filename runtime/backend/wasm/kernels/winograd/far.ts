/**
 * Accesses at constant offsets that may be large.
 *
 * @module
 */

import type { Code } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add } from "../../assembler/i32.ts";

/** One page: memory has at least this, and V8 checks accesses with larger constant offsets twice. */
const pageBytes = 65536;

function near(offset: number): boolean {
  return offset + f.vectorBytes <= pageBytes;
}

/** Stores a vector. */
export function storeFar(func: Func, pointer: Local<"i32">, value: f.Vector, offset: number): void {
  if (near(offset)) func.store(pointer, value, offset);
  else func.store(add(pointer, offset), value);
}

/** Loads a vector. */
export function loadFar(pointer: Local<"i32">, offset: number): Code<"v128"> {
  return near(offset) ? f.load(pointer, offset) : f.load(add(pointer, offset));
}
