/**
 * How a Winograd convolution is cut up: tiles, strips of neighbouring tiles, groups of strips, scratch memory.
 *
 * A group is transformed, multiplied and transformed back before the next one, so that its 36 planes stay in a
 * second-level cache. Groups follow from the shape alone, and every tile is computed by itself.
 *
 * @module
 */

import type { ConvAttrs, Pair } from "../../../../ir/node.ts";
import type { Code, Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import { add, and, div, ge, int, lt, min, mod, mul, sub } from "../../assembler/i32.ts";
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

/** Channels that pass through a transform together: their columns of a strip fit in a first-level cache. */
export const chunkChannels = 8;

/** Most tiles of a strip. Neighbours share the transformed columns where they overlap. */
const stripTiles = 4;

/** Bytes of a plane of a group, about: 37 of them fit in 512 KiB of second-level cache. */
const planeBudget = 8 * 1024;

/** Fewest tiles of a group: each brings the transformed filters, which may be large, into the cache once. */
const groupTiles = 4;

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

/** Tiles of a map, in strips and groups. */
export interface Tiling extends Grid {
  /** Most tiles of a strip. */
  readonly strip: number;
  /** Strips of a row of tiles. */
  readonly strips: number;
  /** Strips of a group. */
  readonly group: number;
  /** Most tiles of a group. */
  readonly capacity: number;
}

/** Cuts the output map into tiles, for planes of `channels` channels. */
export function tilingOf({ output }: WinogradShape, channels: number): Tiling {
  const grid = gridOf(output);
  const strips = Math.ceil(grid.columns / stripTiles);
  const strip = Math.ceil(grid.columns / strips);
  const group = Math.max(1, Math.floor(groupOf(channels) / strip));
  return { ...grid, strip, strips, group, capacity: group * strip };
}

/** Bytes from a plane to the next. */
export function planeBytes(capacity: number, channels: number): number {
  return capacity * channels * laneBytes + planeSkew;
}

/** Bytes of one channel chunk of one pixel or tile. */
export const chunkBytes: number = chunkChannels * laneBytes;

/** Bytes of one column of a strip between its two transforms. */
export const columnBytes: number = points * chunkBytes;

/** Bytes of a strip between its two transforms. */
export function stripBytes({ strip }: Tiling): number {
  return (strip * tileSize + points - tileSize) * columnBytes;
}

/** A strip: neighbouring tiles of one row of tiles of one block of eight samples. */
export interface Strip {
  readonly block: Local<"i32">;
  /** First output row and column. */
  readonly row: Local<"i32">;
  readonly column: Local<"i32">;
  readonly tiles: Int;
}

/** Strips of one block. */
export function stripsPerBlock({ rows, strips }: Tiling): number {
  return rows * strips;
}

/** The strip at a position, counted from the first strip of block `first`. */
export function stripAt(func: Func, tiling: Tiling, first: Int, position: Int): Strip {
  const { strip, strips, columns } = tiling;
  const inBlock = func.let("inBlock", mod(position, stripsPerBlock(tiling)));
  const index = func.let("index", strips === 1 ? int(0) : mod(inBlock, strips));
  const start = mul(index, strip);
  return {
    block: func.let("block", add(first, div(position, stripsPerBlock(tiling)))),
    row: func.let("row", mul(div(inBlock, strips), tileSize)),
    column: func.let("column", mul(start, tileSize)),
    tiles: columns % strip === 0 ? strip : func.let("tiles", min(add(mul(start, -1), columns), strip)),
  };
}

/** Whether 0 ≤ i < size. */
export function inside(i: Int, size: number): Code<"i32"> {
  return and(ge(i, 0), lt(i, size));
}

/** Runs `body` for every chunk of channels, with its number; the last may be narrower. */
export function overChunks(func: Func, channels: number, body: (chunk: Int, width: number) => void): void {
  const whole = Math.floor(channels / chunkChannels);
  func.for("channels", 0, whole, (chunk) => body(chunk, chunkChannels));
  if (channels % chunkChannels > 0) body(whole, channels % chunkChannels);
}
