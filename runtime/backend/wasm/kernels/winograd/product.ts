/**
 * The 36 matrix products of a group of tiles.
 *
 * As in micro.ts, weights are loaded by fours, and each is spread and meets a column of eight numbers. Wide shapes have
 * two columns, which makes sixteen sums: eight registers of 256 bits.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, and, lt, mul, shr } from "../../assembler/i32.ts";
import { laneBytes } from "../kernel.ts";
import { overTiles, tile } from "../micro.ts";
import { chunkChannels, planes, planeSkew } from "./plan.ts";

type Vector = Local<"v128">;

/** Sizes of a product: channels it sums over and channels it gives. */
export interface Depths {
  readonly from: number;
  readonly to: number;
}

/** Where planes lie: the address of the first, and bytes from one to the next. */
export interface Planes {
  readonly start: Int;
  readonly plane: number;
}

/** Planes with channels as lanes, [⌈channels/8⌉][tile][8 samples][8], and bytes from a chunk of channels to the next. */
export interface TurnedPlanes extends Planes {
  readonly chunk: number;
}

/** m[plane][tile][to][8] ← Σ over from: u[plane][⌈to/4⌉][from][4] · v[plane][tile][from][8]. */
export function multiplyPlanes(
  func: Func,
  { from, to }: Depths,
  u: Local<"i32">,
  v: Planes,
  m: Planes,
  tiles: Local<"i32">,
): void {
  const most = columnsOf(func);
  const [four, spread, a] = [func.local("v128", "four"), func.local("v128", "spread"), func.local("i32", "a")];
  const [weights, source, target] = [func.let("u", u), startOf(func, v), startOf(func, m)];
  func.times(planes, () => {
    overTiles(func, to, (position, width) => {
      const x = func.let("x", source);
      const y = func.let("y", add(target, mul(position, tile * laneBytes)));
      overColumns(func, most, tiles, (columns) => {
        const step = (combine: Combine): void => {
          func.set(four, f.load(a));
          loadColumns(func, columns, x, from * laneBytes);
          for (let i = 0; i < width; i++) {
            func.set(spread, f.broadcast(four, i));
            addRow(func, columns, i, spread, combine);
          }
          func.bump(a, f.vectorBytes);
          func.bump(x, laneBytes);
        };
        func.set(a, weights);
        // The first step sets the sums, and lets V8 compute the bounds of the loads before the loop.
        step((p, q) => f.mul(p, q));
        func.times(from - 1, () => step((p, q, sum) => func.madd(p, q, sum)));
        overSums(columns, width, to * laneBytes, (sum, offset) => func.store(y, sum, offset));
        func.bump(x, (columns.length - 1) * from * laneBytes);
        func.bump(y, columns.length * to * laneBytes);
      });
      func.bump(weights, from * f.vectorBytes);
    });
    func.bump(weights, planeSkew);
    func.bump(source, v.plane);
    func.bump(target, m.plane);
  });
}

/**
 * sums[plane][⌈from/4⌉][⌈to/8⌉][4][8] ← or += Σ over tiles and samples: x · g. Of these x has samples as lanes,
 * [plane][tile][from][8], and is read by four channels and four samples; g has channels as lanes.
 *
 * Sums of channels there are not, up to a multiple of 4 or 8, hold anything.
 */
export function accumulatePlanes(
  func: Func,
  { from, to }: Depths,
  x: Planes,
  g: TurnedPlanes,
  sums: Local<"i32">,
  tiles: Local<"i32">,
  fresh: Local<"i32">,
): void {
  const most = columnsOf(func);
  const [fours, spread] = [func.vectors("four", tile), func.local("v128", "spread")];
  const [a, b] = [func.local("i32", "a"), func.local("i32", "b")];
  const [place, left, right] = [func.let("place", sums), startOf(func, x), startOf(func, g)];
  func.times(planes, () => {
    const rows = func.let("rows", left);
    func.times(Math.ceil(from / tile), () => {
      const chunk = func.let("chunk", right);
      overColumns(func, most, Math.ceil(to / chunkChannels), (columns) => {
        const move = (body: (sum: Vector, offset: number) => void): void => {
          overSums(columns, tile, tile * laneBytes, body);
        };
        func.if(
          fresh,
          () => move((sum) => func.set(sum, f.splat(0))),
          () => move((sum, offset) => func.set(sum, f.load(place, offset))),
        );
        func.set(a, rows);
        func.set(b, chunk);
        func.times(tiles, () => {
          for (const half of [0, f.vectorBytes]) {
            fours.forEach((four, i) => func.set(four, f.load(a, i * laneBytes + half)));
            for (let sample = 0; sample < 4; sample++) {
              loadColumns(func, columns, b, g.chunk);
              fours.forEach((four, i) => {
                func.set(spread, f.broadcast(four, sample));
                addRow(func, columns, i, spread, (p, q, sum) => func.madd(p, q, sum));
              });
              func.bump(b, laneBytes);
            }
          }
          func.bump(a, from * laneBytes);
        });
        move((sum, offset) => func.store(place, sum, offset));
        func.bump(place, columns.length * tile * laneBytes);
        func.bump(chunk, columns.length * g.chunk);
      });
      func.bump(rows, tile * laneBytes);
    });
    func.bump(place, planeSkew);
    func.bump(left, x.plane);
    func.bump(right, g.plane);
  });
}

function startOf(func: Func, { start }: Planes): Local<"i32"> {
  return func.let("start", add(start, 0));
}

/** Registers of a column: eight numbers, and for each of four weights the sums of the lower and upper four. */
interface Column {
  readonly low: Vector;
  readonly high: Vector;
  readonly sums: readonly Vector[];
}

/** What becomes of a spread weight, numbers and their sum. */
type Combine = (weight: f.Vector, numbers: f.Vector, sum: f.Vector) => f.Vector;

/** The most columns of a step. */
function columnsOf(func: Func): Column[] {
  return Array.from({ length: func.wide ? 2 : 1 }, () => ({
    low: func.local("v128", "low"),
    high: func.local("v128", "high"),
    sums: func.vectors("sum", 2 * tile),
  }));
}

/** Runs `body` for `count` ≥ 1 columns, the most at a time and then the rest. */
function overColumns(
  func: Func,
  most: readonly Column[],
  count: Int,
  body: (columns: readonly Column[]) => void,
): void {
  if (most.length === 1) return func.times(count, () => body(most));
  const rest = most.slice(0, 1);
  if (typeof count === "number") {
    func.times(count >> 1, () => body(most));
    func.times(count & 1, () => body(rest));
    return;
  }
  func.if(lt(1, count), () => func.times(shr(count, 1), () => body(most)));
  func.if(and(count, 1), () => body(rest));
}

/** Loads a step of each column, `stride` bytes apart. */
function loadColumns(func: Func, columns: readonly Column[], from: Local<"i32">, stride: number): void {
  columns.forEach(({ low, high }, i) => {
    func.set(low, f.load(from, i * stride));
    func.set(high, f.load(from, i * stride + f.vectorBytes));
  });
}

/** Brings one spread weight to the sums of its row in every column. */
function addRow(func: Func, columns: readonly Column[], row: number, weight: Vector, combine: Combine): void {
  for (const { low, high, sums } of columns) {
    [low, high].forEach((numbers, half) => {
      const sum = sums[2 * row + half]!;
      func.set(sum, combine(weight, numbers, sum));
    });
  }
}

/** Runs `body` for the sums of `rows` weights, columns `stride` bytes apart. */
function overSums(
  columns: readonly Column[],
  rows: number,
  stride: number,
  body: (sum: Vector, offset: number) => void,
): void {
  columns.forEach(({ sums }, i) => {
    sums.slice(0, 2 * rows).forEach((sum, j) => body(sum, i * stride + j * f.vectorBytes));
  });
}
