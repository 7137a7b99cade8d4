/**
 * Typed pieces of WebAssembly code: an expression is the bytes that leave one value on the stack.
 *
 * Source: WebAssembly Core Specification 2.0, chapter 5 (binary format).
 *
 * @module
 */

/** Value types that kernels use. */
export type Type = "i32" | "f32" | "f64" | "v128";

/** An expression of type `T`: running its bytes pushes one value. */
export interface Code<T extends Type = Type> {
  /** Type of the value. */
  readonly type: T;
  /** Instructions, operands first. */
  readonly bytes: readonly number[];
}

/** An address or counter: an expression, or a constant. */
export type Int = Code<"i32"> | number;

/** Encoding of each value type. */
export const typeByte: Readonly<Record<Type, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** Unsigned LEB128 of an integer below 2³². */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit integer; addresses from 2³¹ on wrap to negative numbers. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** An instruction behind its operands. */
export function operation<T extends Type>(type: T, opcode: readonly number[], ...operands: readonly Code[]): Code<T> {
  return { type, bytes: [...operands.flatMap((operand) => operand.bytes), ...opcode] };
}

/** The SIMD instruction `index` with its immediates. */
export function simd(index: number, ...immediates: readonly number[]): number[] {
  return [0xfd, ...unsigned(index), ...immediates];
}

/** Alignment exponent and byte offset of a memory instruction. */
export function memoryImmediate(alignment: number, offset: number): number[] {
  return [...unsigned(alignment), ...unsigned(offset)];
}

/** `a` where `condition` is not 0, else `b`; both are evaluated. */
export function choose<T extends Type>(condition: Code<"i32">, a: Code<T>, b: Code<T>): Code<T> {
  return operation(a.type, [0x1b], a, b, condition);
}
