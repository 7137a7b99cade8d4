/**
 * Transforms single tiles of a map of gradients into the 36 planes, and makes channels the lanes, so that samples can
 * be summed over.
 *
 * Four channels of four samples are turned as they are read: that is a tile's 16 pixels, and not yet its 36 points.
 * What follows happens in registers and in V8's stack frame, as in tiles.ts. In wide shapes the fours of a chunk of
 * eight channels are the halves of a register.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, and, lt, min, mul, shr, sub } from "../../assembler/i32.ts";
import { lanes } from "../../layout.ts";
import { mapBytes, type MapSize } from "../pass.ts";
import { laneBytes, presentMasks } from "../kernel.ts";
import { loadFar, storeFar } from "./far.ts";
import { chunkBytes, chunkChannels, type Grid, planes, points, type Tile, tileSize } from "./plan.ts";
import type { Planes, TurnedPlanes } from "./product.ts";
import { gradientTransform } from "./transform.ts";
import { transpose } from "../transpose.ts";

type Pointer = Local<"i32">;

/** Channels, and samples, that are turned together. */
const four = 4;

/** Moves a tile of `map` into planes with channels as lanes; lanes behind the last channel repeat it. */
export function turnTile(
  func: Func,
  { map, first }: { readonly map: MapSize; readonly first: Int },
  grid: Grid,
  tile: Tile,
  { start, plane, chunk }: TurnedPlanes,
): void {
  const constant = func.let("constant", f.splat(gradientTransform.constant));
  const transform = (values: readonly f.Vector[]): Local<"v128">[] => {
    return gradientTransform.apply(func, values, constant).map((result) => func.let("result", result));
  };
  const pixels = pixelsOf(func, { map, first }, grid, tile);
  const place = func.let("place", add(start, mul(tile.place, chunkBytes)));
  const turn = (target: Pointer, width: number): void => {
    const fours = upTo(Math.ceil(width / four));
    func.times(lanes / four, () => {
      /** By column of the tile, four of channels, sample and point. */
      const columns = upTo(tileSize).map((j) => {
        return fours.map((part) => {
          const rows = upTo(tileSize).map((i) => {
            const channels = upTo(four).map((c) => Math.min(four * part + c, width - 1));
            const turned = transpose(func, channels.map((c) => func.let("pixel", pixels.read(i, j, c * laneBytes))));
            return turned.map((row) => func.let("turned", row));
          });
          return upTo(four).map((sample) => transform(rows.map((row) => row[sample]!)));
        });
      });
      const out = func.let("out", target);
      for (const i of upTo(points)) {
        for (const sample of upTo(four)) {
          const results = fours.map((part) => transform(columns.map((column) => column[part]![sample]![i]!)));
          for (const j of upTo(points)) {
            results.forEach((result, part) => {
              storeFar(func, out, result[j]!, j * plane + sample * laneBytes + part * f.vectorBytes);
            });
          }
        }
        func.bump(out, points * plane);
      }
      pixels.bump(f.vectorBytes);
      func.bump(target, four * laneBytes);
    });
    pixels.bump((width - 1) * laneBytes);
  };
  const most = func.wide ? chunkChannels : four;
  const [whole, rest] = [Math.floor(map.channels / most), map.channels % most];
  const target = (position: Int): Pointer => {
    const offset = func.wide
      ? mul(position, chunk)
      : add(mul(shr(position, 1), chunk), mul(and(position, 1), f.vectorBytes));
    return func.let("target", add(place, offset));
  };
  func.for("turn", 0, whole, (position) => turn(target(position), most));
  if (rest > 0) turn(target(whole), rest);
}

/** Sets the absent samples of a tile to zeros, in planes [tile][channels][8 samples] and in planes with turned lanes. */
export function clearAbsentOf(
  func: Func,
  { block, place }: Tile,
  count: Int,
  kept: Planes & { readonly channels: number },
  turned: TurnedPlanes & { readonly channels: number },
): void {
  const absent = lt(count, mul(add(block, 1), lanes));
  func.if(absent, () => {
    const masks = presentMasks(func, block, count);
    const bytes = kept.channels * laneBytes;
    const from = func.let("from", add(kept.start, mul(place, bytes)));
    func.times(planes, () => {
      func.times(kept.channels, () => {
        masks.forEach((mask, half) => {
          const offset = half * f.vectorBytes;
          func.store(from, f.and(f.load(from, offset), mask), offset);
        });
        func.bump(from, laneBytes);
      });
      func.bump(from, kept.plane - bytes);
    });
    const present = func.let("present", sub(count, mul(block, lanes)));
    const rows = add(mul(place, chunkBytes), mul(present, laneBytes));
    const start = func.let("start", add(turned.start, rows));
    const zero = func.let("zero", f.splat(0));
    func.times(planes, () => {
      const chunk = func.let("chunk", start);
      func.times(Math.ceil(turned.channels / chunkChannels), () => {
        const row = func.let("row", chunk);
        func.times(sub(lanes, present), () => {
          for (const half of [0, f.vectorBytes]) func.store(row, zero, half);
          func.bump(row, laneBytes);
        });
        func.bump(chunk, turned.chunk);
      });
      func.bump(start, turned.plane);
    });
  });
}

/** The pixels of a tile. Those outside the map are zeros. */
interface Pixels {
  readonly read: (row: number, column: number, offset: number) => f.Vector;
  /** Moves every pointer on. */
  readonly bump: (bytes: number) => void;
}

function pixelsOf(
  func: Func,
  { map, first }: { readonly map: MapSize; readonly first: Int },
  grid: Grid,
  tile: Tile,
): Pixels {
  const pixelBytes = map.channels * laneBytes;
  const source = func.let("source", add(first, mul(tile.block, mapBytes(map))));
  const rows = axisOf(func, tile.row, grid.rows, map.height);
  const columns = axisOf(func, tile.column, grid.columns, map.width);
  const pointers = rows.map((row) => {
    const start = func.let("start", add(source, mul(row.place, map.width * pixelBytes)));
    const left = func.let("left", add(start, mul(columns[0]!.place, pixelBytes)));
    const moved = columns.map(({ place, mask }) => mask && func.let("pixel", add(start, mul(place, pixelBytes))));
    return { left, moved };
  });
  return {
    read: (row, column, offset) => {
      const { left, moved } = pointers[row]!;
      const pixel = moved[column];
      const value = pixel === undefined ? loadFar(left, column * pixelBytes + offset) : f.load(pixel, offset);
      const masks = [rows[row]!, columns[column]!].flatMap(({ mask }) => mask ?? []);
      return masks.reduce((masked, mask) => f.and(masked, mask), value);
    },
    bump: (bytes) => {
      for (const { left, moved } of pointers) {
        for (const pointer of [left, ...moved]) if (pointer !== undefined) func.bump(pointer, bytes);
      }
    },
  };
}

/** Rows or columns of a tile in the map: the nearest there is, and a mask if some tile lacks this one. */
function axisOf(
  func: Func,
  position: Pointer,
  count: number,
  size: number,
): { readonly place: Pointer; readonly mask?: Local<"v128"> }[] {
  return upTo(tileSize).map((i) => {
    const place = func.let("place", add(mul(position, tileSize), i));
    if ((count - 1) * tileSize + i < size) return { place };
    const mask = func.let("mask", f.splatInt(sub(0, lt(place, size))));
    return { place: func.let("place", min(place, size - 1)), mask };
  });
}

/** 0, 1, … below a count. */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
