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
import { add, div, int, load, min, mul, sub } from "../../assembler/i32.ts";
import { laneBytes } from "../kernel.ts";
import { mapBytes, type MapSize } from "../pass.ts";
import { type Grid, tileSize } from "./plan.ts";

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

/** Bytes from a word to the next: half a line of the cache, which is read a third faster than by whole ones. */
const stepBytes = 32;

/** Bytes that are read a turn. */
const turnBytes = 16 * stepBytes;

/** Declares a stream over `blocks` blocks of a map at `start`, from block `first` on. */
export function streamOver(func: Func, map: MapSize, start: Int, first: Int, blocks: Int): Stream {
  return {
    at: func.let("at", add(start, mul(first, mapBytes(map)))),
    done: func.let("done", int(0)),
    bytes: func.let("bytes", mul(blocks, mapBytes(map))),
    sum: func.let("sum", int(0)),
  };
}

/** Reads on until the tiles before tile `end` are read, groups of `group` of them, and so many rows below. */
export function fetchTiles(
  func: Func,
  stream: Stream,
  map: MapSize,
  { rows, columns }: Grid,
  group: number,
  end: Int,
  below = 0,
): void {
  // Where groups end amid a row of tiles, all of that row is needed.
  const rest = group % columns === 0 ? 0 : tileSize - 1;
  const tileBytes = Math.ceil(mapBytes(map) / (rows * columns));
  fetch(func, stream, add(mul(end, tileBytes), (rest + below) * map.width * map.channels * laneBytes));
}

/** Reads on until about `goal` bytes are read, or all. */
function fetch(func: Func, { at, done, bytes, sum }: Stream, goal: Int): void {
  const end = func.let("end", int(goal));
  const turns = func.let("turns", div(sub(min(end, bytes), done), turnBytes));
  func.for("turn", 0, turns, () => {
    for (let step = 0; step < turnBytes; step += stepBytes) func.set(sum, add(sum, load(at, step)));
    func.bump(at, turnBytes);
    func.bump(done, turnBytes);
  });
}
