/**
 * Geometry of convolutions and windows: maps of lanes, and passes over them.
 *
 * @module
 */

import type { Code, Int } from "../assembler/code.ts";
import type { Func, Local } from "../assembler/func.ts";
import { add, int, lt, max, min, mul, sub } from "../assembler/i32.ts";
import type { ConvAttrs, Pair } from "../../../ir/node.ts";
import { laneBytes } from "./kernel.ts";

/** A map of lanes: [blocks][height][width][channels][8]. */
export interface MapSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A convolution: its maps, its kernel [rows, columns] and how the kernel moves. */
export interface Convolution extends ConvAttrs {
  readonly input: MapSize;
  readonly output: MapSize;
  readonly kernel: Pair;
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

/** A pass of a convolution: its tap i is tap `first` + i · `by` of the kernel. */
export interface KernelPass extends Pass {
  readonly first: Pair;
  readonly by: Pair;
}

/** What is computed of a convolution: its result, or the gradient of its input. */
export type ConvolutionPart = "forward" | "input";

/** The passes of a convolution: one, or for the gradient of its input as many as its stride has remainders. */
export function passesOf(convolution: Convolution, part: ConvolutionPart): readonly KernelPass[] {
  return part === "forward" ? [forwardPass(convolution)] : gradientPasses(convolution);
}

/** The one pass of a convolution or of pooling. */
export function forwardPass({ input, output, groups, kernel, stride, pad }: Convolution): KernelPass {
  return {
    input,
    output,
    groups,
    taps: kernel,
    start: [0, 0],
    step: [1, 1],
    count: [output.height, output.width],
    stride,
    offset: [0 - pad[0], 0 - pad[1]],
    first: [0, 0],
    by: [1, 1],
  };
}

/**
 * The passes of an input gradient. Pixel h of the input met tap r of output pixel (h + pad − r) / stride wherever
 * that is whole: for h = start + i · stride these are r = first + q · stride, at output pixel i + c − q.
 */
function gradientPasses({ input, output, groups, kernel, stride, pad }: Convolution): KernelPass[] {
  const along = (axis: 0 | 1) => {
    const [by, size] = [stride[axis], axis === 0 ? input.height : input.width];
    return Array.from({ length: Math.min(by, size) }, (_, start) => {
      const nearest = (start + pad[axis]) % by;
      const taps = Math.max(0, Math.ceil((kernel[axis] - nearest) / by));
      const offset = (start + pad[axis] - nearest) / by - (taps - 1);
      return { start, count: Math.ceil((size - start) / by), taps, offset, first: nearest + (taps - 1) * by };
    });
  };
  return along(0).flatMap((rows) =>
    along(1).map((columns) => {
      const both = (key: "start" | "count" | "taps" | "offset" | "first"): Pair => [rows[key], columns[key]];
      return {
        input: output,
        output: input,
        groups,
        taps: both("taps"),
        start: both("start"),
        step: stride,
        count: both("count"),
        stride: [1, 1],
        offset: both("offset"),
        first: both("first"),
        by: [-stride[0], -stride[1]],
      };
    })
  );
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
