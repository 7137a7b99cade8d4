/**
 * Numbers normalised on their way into registers, so that the result of batch norm and ReLU need not exist in memory.
 *
 * @module
 */

import type { Int } from "../assembler/code.ts";
import type { Func, Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, int, mul } from "../assembler/i32.ts";
import { laneBytes, numberBytes } from "./kernel.ts";
import { overTiles } from "./micro.ts";

/** What follows x · scale + shift: nothing, max(0, …), or that cut at 6. */
export type Activation = "identity" | "relu" | "relu6";

/** How a map is read: addresses of a scale and a shift for each channel, and what is done then. */
export interface Normalize {
  readonly activation: Activation;
  readonly scale: Local<"i32">;
  readonly shift: Local<"i32">;
}

/** Declares the parameters of a map that is normalised as it is read: scale, shift. */
export function normalizeOf(func: Func, activation: Activation | undefined): Normalize | undefined {
  if (activation === undefined) return undefined;
  const [scale, shift] = func.params("scale", "shift");
  return { activation, scale, shift };
}

/** Normalises all channels of `pixels` pixels that lie side by side; moves both pointers. */
export function normalizePixels(
  func: Func,
  { activation, scale, shift }: Normalize,
  { pixels, channels }: { readonly pixels: Int; readonly channels: number },
  from: Local<"i32">,
  to: Local<"i32">,
): void {
  const apply = activationOf(func, activation);
  const numbers = func.local("i32", "numbers");
  func.times(pixels, () => {
    func.set(numbers, int(0));
    // One load brings the numbers of four channels.
    overTiles(func, channels, (_, width) => {
      const [scales, shifts] = [scale, shift].map((table) => func.let("table", f.load(add(table, numbers))));
      for (let i = 0; i < width; i++) {
        const [factor, summand] = [scales!, shifts!].map((table) => func.let("factor", f.broadcast(table, i)));
        normalizeLane(func, apply, factor!, summand!, from, to, i * laneBytes);
      }
      for (const pointer of [from, to]) func.bump(pointer, width * laneBytes);
      func.bump(numbers, f.vectorBytes);
    });
  });
}

/** Normalises channel `channel` of `pixels` pixels and puts them side by side. */
export function normalizeChannel(
  func: Func,
  { activation, scale, shift }: Normalize,
  { pixels, channel, pixelBytes }: { readonly pixels: Int; readonly channel: Int; readonly pixelBytes: number },
  from: Local<"i32">,
  to: Local<"i32">,
): void {
  const apply = activationOf(func, activation);
  const [factor, summand] = [scale, shift].map((table) => {
    return func.let("factor", f.loadSplat(add(table, mul(channel, numberBytes))));
  });
  func.times(pixels, () => {
    normalizeLane(func, apply, factor!, summand!, from, to, 0);
    func.bump(from, pixelBytes);
    func.bump(to, laneBytes);
  });
}

/**
 * Reads the numbers of the channel `numbers` bytes into the tables, and gives the code that normalises a vector.
 * Padding is zeros after the normalisation, not before: that is left to the caller.
 */
export function normalizer(
  func: Func,
  { activation, scale, shift }: Normalize,
  numbers: Int,
): (x: f.Vector) => f.Vector {
  const [factor, summand] = [scale, shift].map((table) => func.let("factor", f.loadSplat(add(table, numbers))));
  const apply = activationOf(func, activation);
  return (x) => apply(func.madd(x, factor!, summand!));
}

const halves = [0, f.vectorBytes] as const;

/** Eight samples; both halves are loaded before one is stored, so that V8 can make one instruction of two. */
function normalizeLane(
  func: Func,
  apply: (x: f.Vector) => f.Vector,
  factor: f.Vector,
  summand: f.Vector,
  from: Local<"i32">,
  to: Local<"i32">,
  offset: number,
): void {
  const values = halves.map((half) =>
    func.let("value", apply(func.madd(f.load(from, offset + half), factor, summand)))
  );
  values.forEach((value, half) => func.store(to, value, offset + halves[half]!));
}

/** Code of an activation; a NaN stays one. */
function activationOf(func: Func, activation: Activation): (x: f.Vector) => f.Vector {
  if (activation === "identity") return (x) => x;
  const zero = func.let("zero", f.splat(0));
  if (activation === "relu") return (x) => f.pickMax(x, zero);
  const six = func.let("six", f.splat(6));
  return (x) => f.pickMin(f.pickMax(x, zero), six);
}
