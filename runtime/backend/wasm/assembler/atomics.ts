/**
 * Atomic instructions on 32-bit words of a shared memory. Every one is sequentially consistent: what a thread wrote
 * before it is seen by a thread that reads the word after it.
 *
 * Source: WebAssembly threads proposal, section on instructions.
 *
 * @module
 */

import { type Code, type Int, memoryImmediate, operation, signed } from "./code.ts";
import { int } from "./i32.ts";

const wordAlignment = 2;

function atomic(opcode: number, ...operands: readonly Int[]): Code<"i32"> {
  return operation("i32", [0xfe, opcode, ...memoryImmediate(wordAlignment, 0)], ...operands.map(int));
}

/** Reads a word. */
export function atomicLoad(address: Int): Code<"i32"> {
  return atomic(0x10, address);
}

/** word ← word + amount; gives the word before. */
export function atomicAdd(address: Int, amount: Int): Code<"i32"> {
  return atomic(0x1e, address, amount);
}

/** word ← value; gives the word before. */
export function atomicExchange(address: Int, value: Int): Code<"i32"> {
  return atomic(0x41, address, value);
}

/** Wakes at most `count` threads that wait on a word; gives how many there were. */
export function atomicNotify(address: Int, count: Int): Code<"i32"> {
  return atomic(0x00, address, count);
}

/**
 * Sleeps for so many nanoseconds, or until notified, if the word is `expected`; gives 0 when notified, 1 at once if the
 * word is another, 2 when the time is over.
 */
export function atomicWait(address: Int, expected: Int, nanoseconds: number): Code<"i32"> {
  const time = [0x42, ...signed(nanoseconds)];
  const wait = [0xfe, 0x01, ...memoryImmediate(wordAlignment, 0)];
  return { type: "i32", bytes: [...int(address).bytes, ...int(expected).bytes, ...time, ...wait] };
}
