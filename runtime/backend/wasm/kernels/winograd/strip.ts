/**
 * Transforms strips of tiles from a map into the 36 planes.
 *
 * Each axis is transformed in a pass of its own, a chunk of channels at a time: columns from the map into a small
 * buffer, rows from the buffer into the planes. Rows and columns outside the map read zeros.
 *
 * @module
 */

import { choose, type Int } from "../../assembler/code.ts";
import type { Func } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, mul, sub } from "../../assembler/i32.ts";
import { mapBytes, type MapSize } from "../pass.ts";
import { laneBytes } from "../kernel.ts";
import { storeFar } from "./far.ts";
import type { ColumnPass } from "./pixels.ts";
import { chunkBytes, chunkChannels, columnBytes, inside, overChunks, points, type Strip, tileSize } from "./plan.ts";
import type { Transform } from "./transform.ts";

/** Where the transformed tiles go: bytes from plane to plane, from tile to tile, from chunk to chunk of channels. */
export interface Planes {
  readonly start: Int;
  readonly plane: number;
  readonly tile: number;
  readonly chunk: number;
}

/** Addresses of a strip buffer and of a chunk of zeros. */
export interface Room {
  readonly buffer: Int;
  readonly zeros: Int;
}

/** Moves a strip of `map`, `reach` pixels a tile, into the planes from tile `tile` on. */
export function spreadStrip(
  func: Func,
  transform: Transform,
  { map, first, pad }: { readonly map: MapSize; readonly first: Int; readonly pad: readonly [number, number] },
  strip: Strip,
  { buffer, zeros }: Room,
  planes: Planes,
  tile: Int,
  pass: ColumnPass,
): void {
  const { reach } = transform;
  const constant = func.let("constant", f.splat(transform.constant));
  const pixelBytes = map.channels * laneBytes;
  const source = add(first, mul(strip.block, mapBytes(map)));
  const rows = Array.from({ length: reach }, (_, i) => {
    const row = func.let("row", add(strip.row, i - pad[0]));
    return {
      start: func.let("start", add(source, mul(row, map.width * pixelBytes))),
      present: func.let("present", inside(row, map.height)),
    };
  });
  const masks = pass.normalize && rows.map(({ present }) => func.let("mask", f.splatInt(sub(0, present))));
  const columns = func.let("columns", add(mul(strip.tiles, tileSize), reach - tileSize));
  overChunks(func, map.channels, (chunk, width) => {
    const vectors = pass.vectors(width);
    const to = func.let("to", add(buffer, 0));
    func.for("column", 0, columns, (position) => {
      const across = func.let("across", add(add(strip.column, position), -pad[1]));
      func.if(inside(across, map.width), () => {
        const place = func.let("place", add(mul(across, pixelBytes), mul(chunk, chunkBytes)));
        const pixels = rows.map(({ start, present }) => {
          return func.let("pixel", choose(present, add(start, place), add(zeros, 0)));
        });
        const channel = mul(chunk, chunkChannels);
        const column = { pixels, channel, width, ...(masks && { masks }) };
        pass.apply(func, transform, constant, column, func.let("target", to));
      }, () => {
        const target = func.let("target", to);
        func.times(columnBytes / f.vectorBytes, () => {
          func.store(target, f.splat(0));
          func.bump(target, f.vectorBytes);
        });
      });
      func.bump(to, columnBytes);
    });
    const from = func.let("from", add(buffer, 0));
    const target = func.let(
      "target",
      add(planes.start, add(mul(chunk, planes.chunk), mul(tile, planes.tile))),
    );
    func.times(strip.tiles, () => {
      const [p, q] = [func.let("p", from), func.let("q", target)];
      func.times(points, () => {
        func.times(vectors / 2, () => {
          for (const half of [0, f.vectorBytes]) {
            const values = Array.from({ length: reach }, (_, i) => {
              return func.let("value", f.load(p, i * columnBytes + half));
            });
            transform.apply(func, values, constant).forEach((result, i) => {
              storeFar(func, q, result, i * planes.plane + half);
            });
          }
          for (const pointer of [p, q]) func.bump(pointer, laneBytes);
        });
        func.bump(p, chunkBytes - vectors * f.vectorBytes);
        func.bump(q, points * planes.plane - vectors * f.vectorBytes);
      });
      func.bump(from, tileSize * columnBytes);
      func.bump(target, planes.tile);
    });
  });
}
