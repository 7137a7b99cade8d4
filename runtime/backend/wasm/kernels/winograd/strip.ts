/**
 * Transforms strips of tiles from a map into the 36 planes, and back.
 *
 * Each axis is transformed in a pass of its own, a chunk of channels at a time: columns from the map into a small
 * buffer, rows from the buffer into the planes. Rows and columns outside the map read zeros and write to a place
 * that nothing reads.
 *
 * @module
 */

import type { Code, Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { choose } from "../../assembler/code.ts";
import { add, min, mul, sub } from "../../assembler/i32.ts";
import { mapBytes, type MapSize } from "../convolve.ts";
import { laneBytes, numberBytes } from "../kernel.ts";
import type { ColumnPass } from "./pixels.ts";
import { chunkBytes, chunkChannels, columnBytes, inside, overChunks, points, type Strip, tileSize } from "./plan.ts";
import { outputTransform, type Transform } from "./transform.ts";

type Pointer = Local<"i32">;

/** One page: memory has at least this, and V8 checks accesses with larger constant offsets twice. */
const pageBytes = 65536;

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

/** Sums over the pixels of each sample, to be continued: [channels][2][8], of y − shift and of its square. */
export interface Statistics {
  readonly sums: Pointer;
  /** Address of a number for each channel, near its mean. */
  readonly shift: Pointer;
}

/** Moves the tiles of a strip, from tile `tile` on, out of the planes into the output map. */
export function gatherStrip(
  func: Func,
  { map, first }: { readonly map: MapSize; readonly first: Int },
  strip: Strip,
  { buffer, zeros: waste }: Room,
  planes: Planes,
  tile: Int,
  statistics?: Statistics,
): void {
  const constant = func.let("constant", f.splat(outputTransform.constant));
  const pixelBytes = map.channels * laneBytes;
  const target = add(first, mul(strip.block, mapBytes(map)));
  const rows = Array.from({ length: tileSize }, (_, i) => {
    const row = func.let("row", add(strip.row, i));
    return {
      start: func.let("start", add(target, mul(row, map.width * pixelBytes))),
      present: func.let("present", inside(row, map.height)),
    };
  });
  const recording = statistics && {
    ...statistics,
    masks: rows.map(({ present }) => func.let("mask", f.splatInt(sub(0, present)))),
  };
  func.for("tile", 0, strip.tiles, (index) => {
    const column = func.let("column", add(strip.column, mul(index, tileSize)));
    const columns = map.width % tileSize === 0 ? tileSize : func.let("columns", min(sub(map.width, column), tileSize));
    overChunks(func, map.channels, (chunk, width) => {
      const start = add(planes.start, add(mul(chunk, planes.chunk), mul(add(tile, index), planes.tile)));
      gatherRows(func, constant, func.let("p", start), planes.plane, func.let("q", add(buffer, 0)), width);
      const place = func.let("place", add(mul(column, pixelBytes), mul(chunk, chunkBytes)));
      const from = func.let("from", add(buffer, 0));
      func.times(columns, () => {
        const pixels = rows.map(({ start, present }) => {
          return func.let("pixel", choose(present, add(start, place), add(waste, 0)));
        });
        const record = recording && {
          sums: func.let("sums", add(recording.sums, mul(chunk, chunkChannels * 2 * laneBytes))),
          shift: func.let("shift", add(recording.shift, mul(chunk, chunkChannels * numberBytes))),
          masks: recording.masks,
        };
        gatherColumn(func, constant, from, pixels, width, record);
        func.bump(from, columnBytes - width * laneBytes);
        func.bump(place, pixelBytes);
      });
    });
  });
}

/** Transforms the rows of a tile of products into the buffer. */
function gatherRows(func: Func, constant: Local<"v128">, p: Pointer, plane: number, q: Pointer, width: number): void {
  func.times(points, () => {
    func.times(width, () => {
      for (const half of [0, f.vectorBytes]) {
        const values = Array.from({ length: points }, (_, i) => func.let("value", loadFar(p, i * plane + half)));
        outputTransform.apply(func, values, constant).forEach((result, i) => {
          func.store(q, result, i * columnBytes + half);
        });
      }
      for (const pointer of [p, q]) func.bump(pointer, laneBytes);
    });
    func.bump(p, points * plane - width * laneBytes);
    func.bump(q, chunkBytes - width * laneBytes);
  });
}

/** Transforms one column of a tile from the buffer into the map. */
function gatherColumn(
  func: Func,
  constant: Local<"v128">,
  from: Pointer,
  pixels: readonly Pointer[],
  width: number,
  statistics?: Statistics & { readonly masks: readonly Local<"v128">[] },
): void {
  func.times(width, () => {
    const shift = statistics && func.let("shift", f.loadSplat(statistics.shift));
    for (const half of [0, f.vectorBytes]) {
      const values = Array.from({ length: points }, (_, i) => func.let("value", f.load(from, i * chunkBytes + half)));
      const results = outputTransform.apply(func, values, constant).map((result) => func.let("y", result));
      results.forEach((y, i) => func.store(pixels[i]!, y, half));
      if (statistics === undefined) continue;
      const [sum, squares] = [0, laneBytes].map((part) => func.let("sum", f.load(statistics.sums, part + half)));
      results.forEach((y, i) => {
        func.set(y, f.and(f.sub(y, shift!), statistics.masks[i]!));
        func.set(sum!, f.add(sum!, y));
        func.set(squares!, func.madd(y, y, squares!));
      });
      func.store(statistics.sums, sum!, half);
      func.store(statistics.sums, squares!, laneBytes + half);
    }
    for (const pointer of [from, ...pixels]) func.bump(pointer, laneBytes);
    if (statistics !== undefined) {
      func.bump(statistics.sums, 2 * laneBytes);
      func.bump(statistics.shift, numberBytes);
    }
  });
}

function near(offset: number): boolean {
  return offset + f.vectorBytes <= pageBytes;
}

function storeFar(func: Func, pointer: Pointer, value: f.Vector, offset: number): void {
  if (near(offset)) func.store(pointer, value, offset);
  else func.store(add(pointer, offset), value);
}

function loadFar(pointer: Pointer, offset: number): Code<"v128"> {
  return near(offset) ? f.load(pointer, offset) : f.load(add(pointer, offset));
}
