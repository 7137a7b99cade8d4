/**
 * Brings memory into the cache before it is needed.
 *
 * A tile touches dozens of places at once, which the processor's prefetcher does not follow, and WebAssembly has no
 * instruction for it. What it follows best is reading a word of every line in order.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import { add, div, int, load, min, sub } from "../../assembler/i32.ts";

type Integer = Local<"i32">;

/** Memory that is read in order, as far as is asked for. */
export interface Stream {
  /** Address that is read next, and bytes before it and in all. */
  readonly at: Integer;
  readonly done: Integer;
  readonly bytes: Integer;
  /** Sum of the words read: V8 might drop what is of no use. */
  readonly sum: Integer;
}

/** Bytes of a line of the cache, and of what is read a turn. */
const lineBytes = 64;
const turnBytes = 8 * lineBytes;

/** Declares a stream. */
export function streamOf(func: Func, start: Int, bytes: Int): Stream {
  return {
    at: func.let("at", int(start)),
    done: func.let("done", int(0)),
    bytes: func.let("bytes", int(bytes)),
    sum: func.let("sum", int(0)),
  };
}

/** Reads on until about `goal` bytes are read, or all. */
export function fetch(func: Func, { at, done, bytes, sum }: Stream, goal: Int): void {
  const end = func.let("end", int(goal));
  const turns = func.let("turns", div(sub(min(end, bytes), done), turnBytes));
  func.for("turn", 0, turns, () => {
    for (let line = 0; line < turnBytes; line += lineBytes) func.set(sum, add(sum, load(at, line)));
    func.bump(at, turnBytes);
    func.bump(done, turnBytes);
  });
}
