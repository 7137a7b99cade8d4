/**
 * The inner loop of every product with weights: four output channels for eight samples.
 *
 * One vector load brings four weights; each is spread by a shuffle and meets two vectors of samples. V8 checks the
 * bounds of every load, so loads are what to save, and it has 15 vector registers: eight sums, two vectors of
 * samples, the weights and a spread weight fit. Eight sums can reach 55 of the 59 GF/s that a Zen 4 core has with
 * vectors of 128 bits; the loop reaches 54.
 *
 * In wide shapes it is eight channels: the halves of a lane are one register there, and a weight is spread by the
 * instruction that loads it.
 *
 * @module
 */

import type { Int } from "../assembler/code.ts";
import type { Func, Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { laneBytes } from "./kernel.ts";

/** Output channels whose weights lie side by side. */
export const tile = 4;

/** Registers of a tile. */
export interface Micro {
  /** Sums of four channels, in wide shapes of eight; lower and upper four samples of each. */
  readonly sums: readonly Local<"v128">[];
  readonly weights: Local<"v128">;
  readonly spread: Local<"v128">;
  readonly samples: readonly [Local<"v128">, Local<"v128">];
}

/** Declares the registers. */
export function micro(func: Func): Micro {
  return {
    sums: func.vectors("sum", 2 * widest(func)),
    weights: func.local("v128", "weights"),
    spread: func.local("v128", "spread"),
    samples: [func.local("v128", "low"), func.local("v128", "high")],
  };
}

/** Most channels of a product's tile. */
function widest(func: Func): number {
  return func.wide ? 2 * tile : tile;
}

/** Sums of the first `channels` channels ← 0. */
export function clearTile(func: Func, { sums }: Micro, channels: number): void {
  for (const sum of sums.slice(0, 2 * channels)) func.set(sum, f.splat(0));
}

/**
 * Adds Σ_k w[k][channel] · x[k][sample] over `depth` ≥ 1 steps; moves both pointers on. Weights of the channels after
 * the fourth lie `next` bytes behind the others.
 */
export function multiplyTile(
  func: Func,
  { sums, weights, spread, samples: [low, high] }: Micro,
  w: Local<"i32">,
  x: Local<"i32">,
  depth: Int,
  channels: number,
  next: number,
): void {
  func.times(depth, () => {
    func.set(low, f.load(x));
    func.set(high, f.load(x, f.vectorBytes));
    for (let i = 0; i < channels; i++) {
      if (i % tile === 0) func.set(weights, f.load(w, i / tile * next));
      func.set(spread, f.broadcast(weights, i % tile));
      func.set(sums[2 * i]!, func.madd(spread, low, sums[2 * i]!));
      func.set(sums[2 * i + 1]!, func.madd(spread, high, sums[2 * i + 1]!));
    }
    func.bump(w, f.vectorBytes);
    func.bump(x, laneBytes);
  });
}

/** Writes the sums of the first `channels` channels. */
export function storeTile(func: Func, { sums }: Micro, y: Local<"i32">, channels: number): void {
  sums.slice(0, 2 * channels).forEach((sum, i) => func.store(y, sum, i * f.vectorBytes));
}

/** Runs `body` for every tile of `channels` channels, the last one possibly narrower. */
export function overTiles(func: Func, channels: number, body: (position: Int, width: number) => void): void {
  const whole = Math.floor(channels / tile);
  func.for("tile", 0, whole, (position) => body(position, tile));
  if (channels % tile > 0) body(whole, channels % tile);
}

/** Runs `body` for the tiles of a product: those of `overTiles`, in wide shapes two at a time. */
export function overProducts(func: Func, channels: number, body: (position: Int, width: number) => void): void {
  const most = widest(func);
  const whole = Math.floor(channels / most);
  func.for("tile", 0, whole * most / tile, (position) => body(position, most), most / tile);
  if (channels % most > 0) body(whole * most / tile, channels % most);
}
