/**
 * Direct convolution in the layout of lanes: forward, and input gradient as convolutions with turned weights.
 *
 * @module
 */

import type { Code, Int } from "../assembler/code.ts";
import { type Features, Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, int, lt, max, min, mul, sub } from "../assembler/i32.ts";
import type { Pair } from "../../../ir/node.ts";
import { type Kernel, kernel, laneBytes, overBlocks } from "./kernel.ts";
import { clearTile, micro, multiplyTile, overTiles, storeTile, tile } from "./micro.ts";

/** A map of lanes: [blocks][height][width][channels][8]. */
export interface MapSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * One pass over a map: output pixel start + i · step takes the input pixels i · stride + offset + tap.
 *
 * A convolution is one pass with step 1. The gradient of a convolution of stride s is s² passes of step s, one for
 * each remainder of the pixel's position: the taps that meet it are every s-th of the kernel.
 */
export interface Pass {
  readonly input: MapSize;
  readonly output: MapSize;
  readonly groups: number;
  readonly taps: Pair;
  readonly start: Pair;
  readonly step: Pair;
  /** Output pixels of this pass. */
  readonly count: Pair;
  readonly stride: Pair;
  readonly offset: Pair;
}

/** Numbers of the packed weights of a pass: [groups][⌈out/4⌉][taps][in][4] per group. */
export function packedSize({ input, output, groups, taps }: Pass): number {
  const tiles = Math.ceil(output.channels / groups / tile);
  return groups * tiles * taps[0] * taps[1] * (input.channels / groups) * tile;
}

/** Kernel (x, packed weights, y, first block, last block). */
export function convolve(pass: Pass): Kernel {
  return kernel("convolve", pass, build);
}

function build(features: Features, pass: Pass): Func {
  const { input, output, groups, taps, count } = pass;
  const [from, to] = [input.channels / groups, output.channels / groups];
  const tiles = Math.ceil(to / tile);
  const func = new Func("convolve", features);
  const [x, w, y, first, last] = func.params("x", "w", "y", "first", "last");
  const registers = micro(func);
  overBlocks(func, [first, last], [x, y], [mapBytes(input), mapBytes(output)], ([source, target]) => {
    func.for("row", 0, count[0], (i) => {
      const rows = tapRange(func, pass, 0, i);
      func.for("group", 0, groups, (group) => {
        overTiles(func, to, (position, width) => {
          const index = add(mul(group, tiles), position);
          const weights = func.let("weights", add(w, mul(index, taps[0] * taps[1] * from * f.vectorBytes)));
          func.for("column", 0, count[1], (j) => {
            const columns = tapRange(func, pass, 1, j);
            clearTile(func, registers, width);
            overTaps(func, rows, (row) => {
              const pixel = add(mul(add(rows.origin, row), input.width), add(columns.origin, columns.first));
              const channel = mul(group, from);
              const b = func.let("b", add(source!, mul(add(mul(pixel, input.channels), channel), laneBytes)));
              const tap = add(mul(row, taps[1]), columns.first);
              const a = func.let("a", add(weights, mul(tap, from * f.vectorBytes)));
              if (groups === 1) {
                const depth = func.let("depth", mul(sub(columns.last, columns.first), from));
                guarded(func, columns, () => multiplyTile(func, registers, a, b, depth, width));
                return;
              }
              overTaps(func, columns, () => {
                multiplyTile(func, registers, a, b, from, width);
                func.bump(b, (input.channels - from) * laneBytes);
              });
            });
            const pixel = outputPixel(pass, i, j);
            const channel = add(mul(group, to), mul(position, tile));
            const place = add(mul(pixel, output.channels), channel);
            storeTile(func, registers, func.let("target", add(target!, mul(place, laneBytes))), width);
          });
        });
      });
    });
  });
  return func;
}

/** Bytes of eight samples of a map. */
export function mapBytes({ height, width, channels }: MapSize): number {
  return height * width * channels * laneBytes;
}

/** Index of an output pixel of a pass. */
export function outputPixel({ start, step, output }: Pass, i: Int, j: Int): Code<"i32"> {
  return add(mul(add(mul(i, step[0]), start[0]), output.width), add(mul(j, step[1]), start[1]));
}

/** The taps of one axis that meet the input: `first` ≤ tap < `last`; tap 0 is at `origin`. */
export interface TapRange {
  readonly origin: Local<"i32">;
  readonly first: Int;
  readonly last: Int;
  /** Whether there may be none. */
  readonly empty: boolean;
}

/** Range of taps of output pixel `i` along an axis; constant where no tap of any pixel leaves the input. */
export function tapRange(func: Func, { input, taps, count, stride, offset }: Pass, axis: 0 | 1, i: Int): TapRange {
  const size = axis === 0 ? input.height : input.width;
  const origin = func.let("origin", add(mul(i, stride[axis]), offset[axis]));
  const furthest = (count[axis] - 1) * stride[axis] + offset[axis];
  const low = offset[axis] < 0;
  const high = furthest + taps[axis] > size;
  return {
    origin,
    first: low ? func.let("firstTap", max(sub(0, origin), 0)) : 0,
    last: high ? func.let("lastTap", min(sub(size, origin), taps[axis])) : taps[axis],
    empty: taps[axis] === 0 || offset[axis] + taps[axis] <= 0 || furthest >= size,
  };
}

/** Runs `body` if a range holds any tap. */
export function guarded(func: Func, { first, last, empty }: TapRange, body: () => void): void {
  if (empty) func.if(lt(first, last), body);
  else body();
}

/** Runs `body` for every tap of a range. */
export function overTaps(func: Func, { first, last }: TapRange, body: (tap: Code<"i32">) => void): void {
  func.for("tap", first, last, (tap) => body(int(tap)));
}
