/**
 * The 36 matrix products of a group of tiles.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, and, mul, shr } from "../../assembler/i32.ts";
import { laneBytes } from "../kernel.ts";
import { lanes } from "../../layout.ts";
import { clearTile, type Micro, micro, overTiles, storeTile, tile } from "../micro.ts";
import { chunkChannels, planes, planeSkew } from "./plan.ts";
import type { Planes } from "./strip.ts";

/** Sizes of a product: channels it sums over and channels it gives. */
export interface Depths {
  readonly from: number;
  readonly to: number;
}

/** m[plane][tile][to][8] ← Σ over from: u[plane][⌈to/4⌉][from][4] · v[plane][tile][from][8]. */
export function multiplyPlanes(
  func: Func,
  { from, to }: Depths,
  u: Local<"i32">,
  v: { readonly start: Int; readonly plane: number },
  m: { readonly start: Int; readonly plane: number },
  tiles: Local<"i32">,
): void {
  const registers = micro(func);
  const [weights, source, target] = [
    func.let("weights", u),
    func.let("v", add(v.start, 0)),
    func.let("m", add(m.start, 0)),
  ];
  const a = func.local("i32", "a");
  func.times(planes, () => {
    overTiles(func, to, (position, width) => {
      const y = func.let("y", add(target, mul(position, tile * laneBytes)));
      const x = func.let("x", source);
      func.times(tiles, () => {
        func.set(a, weights);
        multiplyColumn(func, registers, a, x, from, width);
        storeTile(func, registers, y, width);
        func.bump(y, to * laneBytes);
      });
      func.bump(weights, from * f.vectorBytes);
    });
    func.bump(weights, planeSkew);
    func.bump(source, v.plane);
    func.bump(target, m.plane);
  });
}

/** Sums over `depth` steps. The first sets the sums, and lets V8 compute the bounds of the loads before the loop. */
function multiplyColumn(
  func: Func,
  registers: Micro,
  w: Local<"i32">,
  x: Local<"i32">,
  depth: number,
  channels: number,
): void {
  step(func, registers, w, f.vectorBytes, x, channels, (a, b) => f.mul(a, b));
  func.times(depth - 1, () => {
    step(func, registers, w, f.vectorBytes, x, channels, (a, b, sum) => func.madd(a, b, sum));
  });
}

function step(
  func: Func,
  { sums, weights, spread, samples: [low, high] }: Micro,
  w: Local<"i32">,
  weightStep: number,
  x: Local<"i32">,
  channels: number,
  combine: (a: f.Vector, b: f.Vector, sum: f.Vector) => f.Vector,
): void {
  func.set(weights, f.load(w));
  func.set(low, f.load(x));
  func.set(high, f.load(x, f.vectorBytes));
  for (let i = 0; i < channels; i++) {
    func.set(spread, f.broadcast(weights, i));
    func.set(sums[2 * i]!, combine(spread, low, sums[2 * i]!));
    func.set(sums[2 * i + 1]!, combine(spread, high, sums[2 * i + 1]!));
  }
  func.bump(w, weightStep);
  func.bump(x, laneBytes);
}

/** sums[plane][⌈to/4⌉][⌈from/8⌉][4][8] ← or += Σ over tiles and samples: g · x, both with channels as lanes. */
export function accumulatePlanes(
  func: Func,
  { from, to }: Depths,
  g: Planes,
  x: Planes,
  sums: Local<"i32">,
  tiles: Local<"i32">,
  fresh: Local<"i32">,
): void {
  const registers = micro(func);
  const [left, right, place] = [
    func.let("g", add(g.start, 0)),
    func.let("x", add(x.start, 0)),
    func.let("place", sums),
  ];
  const depth = func.let("depth", mul(tiles, lanes));
  const [a, b] = [func.local("i32", "a"), func.local("i32", "b")];
  func.times(planes, () => {
    func.for("tile", 0, Math.ceil(to / tile), (position) => {
      const start = add(mul(shr(position, 1), g.chunk), mul(and(position, 1), f.vectorBytes));
      const weights = func.let("weights", add(left, start));
      const samples = func.let("samples", right);
      func.times(Math.ceil(from / chunkChannels), () => {
        func.if(
          fresh,
          () => clearTile(func, registers, tile),
          () => registers.sums.forEach((sum, i) => func.set(sum, f.load(place, i * f.vectorBytes))),
        );
        func.set(a, weights);
        func.set(b, samples);
        func.times(depth, () => {
          step(func, registers, a, laneBytes, b, tile, (p, q, sum) => func.madd(p, q, sum));
        });
        storeTile(func, registers, place, tile);
        func.bump(place, 2 * tile * f.vectorBytes);
        func.bump(samples, x.chunk);
      });
    });
    func.bump(place, planeSkew);
    func.bump(left, g.plane);
    func.bump(right, x.plane);
  });
}
