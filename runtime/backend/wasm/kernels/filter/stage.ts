/**
 * Copies rows of a map to where they can be visited channel by channel, and normalises them on the way.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, mul, sub } from "../../assembler/i32.ts";
import type { MapSize } from "../pass.ts";
import { laneBytes, nest, numberBytes } from "../kernel.ts";
import { touch } from "./touch.ts";
import { normalized, type Prologue } from "./turn.ts";

type Pointer = Local<"i32">;

/** Neighbouring channels of eight samples of a map. */
export interface MapPart {
  /** Address of the first channel of the first pixel. */
  readonly start: Pointer;
  readonly size: MapSize;
  readonly channels: Int;
  /** Whether these are all channels of the map. */
  readonly whole: boolean;
}

/** Brings rows `low` to `high` of a part into the caches. */
export function touchRows(
  func: Func,
  { start, size: { width, channels: all }, channels, whole }: MapPart,
  [low, high]: readonly [Pointer, Pointer],
  waste: Pointer,
): void {
  const pixel = all * laneBytes;
  const at = func.let("at", add(start, mul(low, width * pixel)));
  const pixels = mul(sub(high, low), width);
  if (whole) return touch(func, at, mul(pixels, pixel), waste);
  func.for("pixel", 0, pixels, () => {
    touch(func, at, mul(channels, laneBytes), waste);
    func.bump(at, pixel);
  });
}

/** Copies rows `low` to `high` of a part, pixels `pixel` bytes apart; gives the address that row 0 would have. */
export function stage(
  func: Func,
  { start, size: { width, channels: all }, channels }: MapPart,
  [low, high]: readonly [Pointer, Int],
  buffer: Pointer,
  pixel: number,
  prologue?: Prologue,
): Pointer {
  const source = func.let("source", add(start, mul(low, width * all * laneBytes)));
  const target = func.let("target", buffer);
  func.for("pixel", 0, mul(sub(high, low), width), () => {
    const [from, to] = [func.let("from", source), func.let("to", target)];
    const channel = (read: (half: number) => f.Vector): void => {
      for (const half of [0, f.vectorBytes]) func.store(to, read(half), half);
      for (const pointer of [from, to]) func.bump(pointer, laneBytes);
    };
    if (prologue === undefined) func.times(channels, () => channel((half) => f.load(from, half)));
    else {
      const { scale, shift, activation } = prologue;
      nest(func, [{ count: channels, steps: [numberBytes, numberBytes] }], [scale, shift], ([a, b]) => {
        const [factor, term] = [func.let("factor", f.loadSplat(a!)), func.let("term", f.loadSplat(b!))];
        channel((half) => normalized(func, activation, f.load(from, half), factor, term));
      });
    }
    func.bump(source, all * laneBytes);
    func.bump(target, pixel);
  });
  return func.let("map", sub(buffer, mul(low, width * pixel)));
}
