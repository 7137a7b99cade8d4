/**
 * How a Winograd convolution is cut up: tiles, groups of tiles, scratch memory.
 *
 * A group is transformed, multiplied and transformed back before the next one, so that its 36 planes stay in a
 * second-level cache. Groups follow from the shape alone, and every tile is computed by itself.
 *
 * @module
 */

import type { ConvAttrs, Pair } from "../../../../ir/node.ts";
import type { Code, Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import { add, and, div, ge, lt, mod, sub } from "../../assembler/i32.ts";
import type { MapSize } from "../pass.ts";
import { laneBytes } from "../kernel.ts";

/** A convolution by 3×3 filters with stride 1 and no groups. */
export interface WinogradShape {
  readonly input: MapSize;
  readonly output: MapSize;
  /** Rows and columns of zeros around the input: 0, 1 or 2. */
  readonly pad: Pair;
}

/** The shape of a convolution that Winograd can do, forward and both gradients; undefined for others. */
export function winogradShape(
  input: MapSize,
  output: MapSize,
  kernel: Pair,
  { stride, pad, groups }: ConvAttrs,
): WinogradShape | undefined {
  const plain = groups === 1 && [...stride].every((step) => step === 1);
  const fits = [...kernel].every((taps) => taps === 3) && [...pad].every((zeros) => zeros <= 2);
  return plain && fits ? { input, output, pad } : undefined;
}

/** Rows and columns of a tile of outputs. */
export const tileSize = 4;

/** Points at which each axis is evaluated. */
export const points = 6;

/** Products a tile takes, each in a plane of its own. */
export const planes: number = points * points;

/** Channels that lie side by side where channels are the lanes. */
export const chunkChannels = 8;

/** Bytes of a plane of a group, about: 37 of them fit in 512 KiB of second-level cache. */
const planeBudget = 8 * 1024;

/** Fewest tiles of a group: each brings into the cache once what may be large, transformed filters or their sums. */
export const groupTiles = 4;

/** Bytes by which planes are set apart from powers of two, where all 36 would meet in one cache set. */
export const planeSkew = 64;

/** Tiles of a map. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** The tiles that cover a map of outputs. */
export function gridOf({ height, width }: MapSize): Grid {
  return { rows: Math.ceil(height / tileSize), columns: Math.ceil(width / tileSize) };
}

/** Most tiles of a group, for planes of `channels` channels. */
export function groupOf(channels: number): number {
  return Math.max(groupTiles, Math.floor(planeBudget / (channels * laneBytes)));
}

/** A tile of one block of eight samples: its row and column in the grid, its position in the group. */
export interface Tile {
  readonly block: Local<"i32">;
  readonly row: Local<"i32">;
  readonly column: Local<"i32">;
  readonly place: Local<"i32">;
}

/** The tile at a position, counted from the first tile of block `first`; its group begins at position `group`. */
export function tileAt(func: Func, { rows, columns }: Grid, first: Int, group: Int, position: Int): Tile {
  const inBlock = func.let("inBlock", mod(position, rows * columns));
  return {
    block: func.let("block", add(first, div(position, rows * columns))),
    row: func.let("row", div(inBlock, columns)),
    column: func.let("column", mod(inBlock, columns)),
    place: func.let("place", sub(position, group)),
  };
}

/** Bytes from a plane to the next. */
export function planeBytes(capacity: number, channels: number): number {
  return capacity * channels * laneBytes + planeSkew;
}

/** Bytes of one channel chunk of one pixel or tile. */
export const chunkBytes: number = chunkChannels * laneBytes;

/** Whether 0 ≤ i < size. */
export function inside(i: Int, size: number): Code<"i32"> {
  return and(ge(i, 0), lt(i, size));
}
