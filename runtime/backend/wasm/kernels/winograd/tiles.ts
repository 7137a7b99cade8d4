/**
 * Transforms single tiles from a map into the 36 planes, and back, a vector of one channel at a time.
 *
 * Both axes are transformed in registers, or rather in those and in V8's stack frame, whose slots are read and written
 * without bounds checks. Which columns a tile has in the map is known when the code is generated: there is a copy of
 * it for each edge. Rows outside the map are read from the nearest one inside and cleared; none is written.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, eq, int, max, min, mul, sub } from "../../assembler/i32.ts";
import { type Normalize, normalizer } from "../activation.ts";
import { mapBytes, type MapSize } from "../pass.ts";
import { halvesOf, laneBytes, numberBytes } from "../kernel.ts";
import { type Ending, writerOf } from "./epilogue.ts";
import { loadFar, storeFar } from "./far.ts";
import { type Grid, inside, points, type Tile, tileSize } from "./plan.ts";
import { inputTransform, outputTransform } from "./transform.ts";

/** Address of the first plane, and bytes from one to the next. */
export interface TilePlanes {
  readonly start: Int;
  readonly plane: number;
}

/** Moves a tile of `map`, with the pixels around it, into the planes. */
export function spreadTile(
  func: Func,
  { map, first, pad }: { readonly map: MapSize; readonly first: Int; readonly pad: readonly [number, number] },
  grid: Grid,
  tile: Tile,
  { start, plane }: TilePlanes,
  normalize?: Normalize,
): void {
  const pixelBytes = map.channels * laneBytes;
  const source = func.let("source", add(first, mul(tile.block, mapBytes(map))));
  const rows = upTo(points).map((i) => {
    const row = func.let("row", add(mul(tile.row, tileSize), i - pad[0]));
    const stays = i >= pad[0] && (grid.rows - 1) * tileSize + i - pad[0] < map.height;
    const mask = stays ? undefined : func.let("mask", f.splatInt(sub(0, inside(row, map.height))));
    const nearest = stays ? row : min(func.let("row", max(row, 0)), map.height - 1);
    return { start: func.let("start", add(source, mul(nearest, map.width * pixelBytes))), mask };
  });
  const constant = func.let("constant", f.splat(inputTransform.constant));
  const zero = func.let("zero", f.splat(0));
  const target = func.let("target", add(start, mul(tile.place, pixelBytes)));
  const presence = (column: number): boolean[] => {
    return upTo(points).map((j) => {
      const at = column * tileSize + j - pad[1];
      return at >= 0 && at < map.width;
    });
  };
  overEdges(func, grid.columns, tile.column, presence, (present) => {
    const skipped = present.indexOf(true);
    const left = mul(add(mul(tile.column, tileSize), skipped - pad[1]), pixelBytes);
    const pixels = rows.map(({ start }) => func.let("pixel", add(start, left)));
    const numbers = normalize && func.let("numbers", int(0));
    func.times(map.channels, () => {
      const activate = normalize === undefined ? (x: f.Vector) => x : normalizer(func, normalize, numbers!);
      for (const halves of halvesOf(func)) {
        const columns = halves.map((half) =>
          present.map((there, j) => {
            if (!there) return upTo(points).map(() => zero);
            const values = rows.map(({ mask }, i) => {
              const value = activate(loadFar(pixels[i]!, (j - skipped) * pixelBytes + half));
              return func.let("value", mask === undefined ? value : f.and(value, mask));
            });
            return inputTransform.apply(func, values, constant).map((result) => func.let("result", result));
          })
        );
        const out = func.let("out", target);
        for (const i of upTo(points)) {
          const results = columns.map((of) => inputTransform.apply(func, of.map((column) => column[i]!), constant));
          for (const j of upTo(points)) {
            halves.forEach((half, k) => storeFar(func, out, results[k]![j]!, j * plane + half));
          }
          func.bump(out, points * plane);
        }
      }
      for (const pointer of [...pixels, target]) func.bump(pointer, laneBytes);
      if (numbers !== undefined) func.bump(numbers, numberBytes);
    });
  });
}

/** Moves a tile of products out of the planes into `map`. */
export function gatherTile(
  func: Func,
  { map, first }: { readonly map: MapSize; readonly first: Int },
  grid: Grid,
  tile: Tile,
  { start, plane }: TilePlanes,
  ending?: Ending,
): void {
  const pixelBytes = map.channels * laneBytes;
  const constant = func.let("constant", f.splat(outputTransform.constant));
  const source = func.let("source", add(start, mul(tile.place, pixelBytes)));
  const pixel = add(mul(mul(tile.row, tileSize), map.width), mul(tile.column, tileSize));
  const corner = func.let("corner", add(add(first, mul(tile.block, mapBytes(map))), mul(pixel, pixelBytes)));
  const within = (size: number) => (index: number): number[] => upTo(Math.min(tileSize, size - index * tileSize));
  overEdges(func, grid.rows, tile.row, within(map.height), (rows) => {
    overEdges(func, grid.columns, tile.column, within(map.width), (columns) => {
      const pixels = rows.map((i) => func.let("pixel", add(corner, i * map.width * pixelBytes)));
      const writer = writerOf(func, ending, tile.block, map.channels);
      func.times(map.channels, () => {
        const channel = writer.begin();
        for (const halves of halvesOf(func)) {
          const from = func.let("from", source);
          const lines = upTo(points).map(() => {
            const line = halves.map((half) => {
              const values = upTo(points).map((j) => func.let("value", loadFar(from, j * plane + half)));
              const results = outputTransform.apply(func, values, constant);
              return columns.map((j) => func.let("result", results[j]!));
            });
            func.bump(from, points * plane);
            return line;
          });
          const part = channel.begin(halves);
          for (const j of columns) {
            const results = halves.map((_, k) => {
              const all = outputTransform.apply(func, lines.map((line) => line[k]![j]!), constant);
              return rows.map((i) => func.let("y", all[i]!));
            });
            pixels.forEach((pixel, i) => part.store(results.map((of) => of[i]!), pixel, j * pixelBytes));
          }
          part.end();
        }
        for (const pointer of [...pixels, source]) func.bump(pointer, laneBytes);
        writer.next();
      });
    });
  });
}

/**
 * Runs the body for the tile at `position` of `count` in a row, generated once for each different thing that `of` says
 * of a position. Only those at the ends may differ from the others.
 */
function overEdges<T>(
  func: Func,
  count: number,
  position: Int,
  of: (position: number) => T,
  body: (of: T) => void,
): void {
  const cases = Map.groupBy(upTo(count), (i) => JSON.stringify(of(i)));
  const [usual, ...edges] = [...cases.values()].sort((a, b) => b.length - a.length);
  const choose = (left: readonly (readonly number[])[]): void => {
    const [edge, ...rest] = left;
    if (edge === undefined) return body(of(usual![0]!));
    const hit = edge.map((i) => eq(position, i)).reduce((a, b) => add(a, b));
    func.if(hit, () => body(of(edge[0]!)), () => choose(rest));
  };
  choose(edges);
}

/** 0, 1, … below a count. */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
