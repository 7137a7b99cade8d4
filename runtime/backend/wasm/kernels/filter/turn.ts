/**
 * Turns pixels of eight samples from [channel][8 samples] to [8 samples][channel]: channels become the lanes, and
 * samples the depth of a product.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add } from "../../assembler/i32.ts";
import { laneBytes, numberBytes } from "../kernel.ts";
import { tile } from "../micro.ts";
import { transpose } from "../transpose.ts";
import type { Activation } from "../activation.ts";

type Pointer = Local<"i32">;

/** What is done to pixels that are read: act(x · scale + shift), from tables of a number for each channel. */
export interface Prologue {
  readonly scale: Pointer;
  readonly shift: Pointer;
  readonly activation: Activation;
}

/** act(value · scale + shift). In this order a NaN stays one. */
export function normalized(
  func: Func,
  activation: Activation,
  value: f.Vector,
  scale: f.Vector,
  shift: f.Vector,
): f.Vector {
  const linear = func.madd(value, scale, shift);
  if (activation === "identity") return linear;
  const positive = f.pickMax(linear, f.splat(0));
  return activation === "relu" ? positive : f.pickMin(positive, f.splat(6));
}

/** Channels of a pixel that are turned, and where they go. */
export interface Turn {
  /** Address of the first channel, and of the first tile. */
  readonly source: Int;
  readonly target: Int;
  /** Channels of a tile, and bytes from a tile to the next. */
  readonly width: number;
  readonly pitch: number;
  /** Whole tiles, and whether there is one of `rest` channels behind them. */
  readonly whole: Int;
  readonly rest: number;
  readonly hasRest: Int;
}

/**
 * Turns the channels of one pixel, in tiles. Samples outside the masks count as zeros before any normalisation. Of the
 * places behind the last channel, those up to a multiple of four hold something; nothing uses them.
 */
export function turnPixel(func: Func, turn: Turn, present: readonly Local<"v128">[], prologue?: Prologue): void {
  const { width, pitch, whole, rest, hasRest } = turn;
  const [source, target] = [func.let("source", add(turn.source, 0)), func.let("target", add(turn.target, 0))];
  const tables = prologue && { scale: func.let("scale", prologue.scale), shift: func.let("shift", prologue.shift) };
  const part = (channels: number): void => {
    for (let first = 0; first < channels; first += tile) {
      const scale = tables && func.let("scale", f.load(tables.scale, first * numberBytes));
      const shift = tables && func.let("shift", f.load(tables.shift, first * numberBytes));
      present.forEach((mask, half) => {
        const rows = [0, 1, 2, 3].map((i) => {
          const channel = Math.min(first + i, channels - 1);
          return func.let("row", f.and(f.load(source, channel * laneBytes + half * f.vectorBytes), mask));
        });
        transpose(func, rows).forEach((row, i) => {
          const value = prologue ? normalized(func, prologue.activation, row, scale!, shift!) : row;
          func.store(target, value, ((half * 4 + i) * width + first) * numberBytes);
        });
      });
    }
  };
  func.for("tile", 0, whole, () => {
    part(width);
    func.bump(source, width * laneBytes);
    func.bump(target, pitch);
    for (const table of Object.values(tables ?? {})) func.bump(table, width * numberBytes);
  });
  if (rest > 0) when(func, hasRest, () => part(rest));
}

/** Runs `body` if the condition, possibly known, is not 0. */
export function when(func: Func, condition: Int, body: () => void): void {
  if (typeof condition !== "number") return func.if(condition, body);
  if (condition !== 0) body();
}
