/**
 * Convolution channel by channel: every channel has a filter of its own.
 *
 * One channel after the other passes over a band of rows, its filter in registers. Only 32 bytes of each pixel are used
 * at a time, but at equal distances, which a processor fetches ahead; passing over all channels of a few pixels, or
 * over short bands, takes up to twice as long.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import { type Features, Func, type Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, max, min, mul, sub } from "../../assembler/i32.ts";
import { type Activation, type Normalize, normalizeChannel, normalizeOf } from "../activation.ts";
import { endingOf, endingOfBlock, type Epilogue, finish, overChannels } from "../epilogue.ts";
import { type Kernel, kernel, laneBytes, numberBytes } from "../kernel.ts";
import { type Convolution, type ConvolutionPart, type KernelPass, mapBytes, outputPixel, passesOf } from "../pass.ts";
import { type Row, slideRow } from "./row.ts";

/** Pixels of a band: lines of 64 bytes of this many of input and output fit a first-level cache. */
const bandPixels = 512;

/** Constants of a depthwise convolution, or of the gradient of its input. */
export interface DepthwiseConstants {
  readonly convolution: Convolution;
  readonly part: ConvolutionPart;
  /** Reads activation(x · scale + shift) in place of x, zeros around it. */
  readonly normalize?: Activation;
  /** What becomes of the result. */
  readonly epilogue?: Epilogue;
}

/**
 * Kernel (x, w [channels][taps], y[, scratch], first block, last block[, scale, shift][, maps…, tables…[, sums]]).
 *
 * Scratch, scale and shift are there if x is normalised. For an input gradient x is the gradient of the output.
 */
export function depthwise(constants: DepthwiseConstants): Kernel {
  return kernel("depthwise", constants, build);
}

/** Numbers of scratch memory of a `depthwise` that normalises, for each thread. */
export function depthwiseScratch({ convolution, part }: DepthwiseConstants): number {
  const { height, passes } = bandOf(convolution, part);
  return height * passes[0]!.input.width * laneBytes / numberBytes;
}

/** Rows that are computed at a time. */
interface Band {
  readonly passes: readonly KernelPass[];
  /** Rows of each pass, most rows of a pass. */
  readonly rows: number;
  readonly most: number;
  /** Input row of tap 0 of the first row, and input rows from there on. */
  readonly origin: number;
  readonly height: number;
}

function bandOf(convolution: Convolution, part: ConvolutionPart): Band {
  const passes = passesOf(convolution, part);
  const { input, output, stride, step } = passes[0]!;
  const most = Math.max(...passes.map(({ count }) => count[0]));
  const pixels = Math.max(stride[0] * input.width, step[0] * output.width);
  const rows = Math.min(most, Math.max(1, Math.floor(bandPixels / pixels)));
  const origin = Math.min(...passes.map(({ offset }) => offset[0]));
  const height = Math.max(...passes.map(({ offset, taps }) => (rows - 1) * stride[0] + offset[0] + taps[0])) - origin;
  return { passes, rows, most, origin, height };
}

/** Rows of a pass, `first` to `last`, that meet the same rows of taps, `low` to `high`. */
interface RowClass {
  readonly first: number;
  readonly last: number;
  readonly low: number;
  readonly high: number;
}

function classesOf({ count, stride, offset, taps, input }: KernelPass): RowClass[] {
  const classes: RowClass[] = [];
  for (let row = 0; row < count[0]; row++) {
    const at = row * stride[0] + offset[0];
    const low = Math.min(taps[0], Math.max(0, -at));
    const high = Math.max(low, Math.min(taps[0], input.height - at));
    const before = classes.at(-1);
    const joins = before?.low === low && before.high === high;
    if (joins) classes.pop();
    classes.push({ first: joins ? before.first : row, last: row + 1, low, high });
  }
  return classes;
}

function build(features: Features, constants: DepthwiseConstants): Func {
  const { convolution, part } = constants;
  const band = bandOf(convolution, part);
  const { passes, rows, most } = band;
  const { input, output } = passes[0]!;
  const [height, width] = convolution.kernel;
  const func = new Func("depthwise", features);
  const [x, w, y] = func.params("x", "w", "y");
  const scratch = constants.normalize && func.params("scratch")[0];
  const [first, last] = func.params("first", "last");
  const normalize = normalizeOf(func, constants.normalize);
  const ending = endingOf(func, constants.epilogue, y);
  const weights = Array.from({ length: height }, () => func.vectors("weight", width));
  func.for("block", first, last, (block) => {
    const source = func.let("source", add(x, mul(block, mapBytes(input))));
    const target = func.let("target", add(y, mul(block, mapBytes(output))));
    const blockEnding = ending && endingOfBlock(func, ending, block, output.channels);
    func.for("line", 0, most, (line) => {
      func.for("channel", 0, input.channels, (channel) => {
        const filter = func.let("filter", add(w, mul(channel, height * width * numberBytes)));
        weights.flat().forEach((weight, i) => func.set(weight, f.loadSplat(filter, i * numberBytes)));
        const plane = func.let("plane", add(source, mul(channel, laneBytes)));
        const lines = normalize === undefined
          ? mapLines(func, band, plane)
          : scratchLines(func, band, normalize, channel, line, plane, scratch!);
        const to = func.let("to", add(target, mul(channel, laneBytes)));
        const run = (write: Row["write"]): void => computeRows(func, band, line, weights, lines, to, write);
        if (blockEnding === undefined) {
          run((results, place, offset) => {
            results.forEach((result, half) => func.store(place, result, offset + half * f.vectorBytes));
          });
        } else {
          overChannels(func, blockEnding, channel, 1, (state) => {
            run((results, place, offset) => finish(func, blockEnding, state, results, place, offset));
          });
        }
      });
    }, rows);
  });
  return func;
}

/** Computes the rows of a band of one channel; `to` is where the channel begins. */
function computeRows(
  func: Func,
  band: Band,
  line: Int,
  weights: readonly Local<"v128">[][],
  lines: Lines,
  to: Local<"i32">,
  write: Row["write"],
): void {
  overRows(func, band, line, (pass, row, { low, high }) => {
    const { input, output, count, stride, offset, step } = pass;
    const used = tapsOf(pass, weights).slice(low, high);
    const top = func.let("top", add(mul(row, stride[0]), offset[0] + low));
    const from = used.map((_, i) => lines.at(add(top, i)));
    const target = func.let("target", add(to, mul(outputPixel(pass, row, 0), output.channels * laneBytes)));
    const geometry = { count: count[1], stride: stride[1], offset: offset[1], width: input.width };
    const bytes = { inputBytes: lines.pixelBytes, outputBytes: step[1] * output.channels * laneBytes };
    slideRow(func, { ...geometry, ...bytes, weights: used, write }, from, target);
  });
}

/** Rows of one channel of the input, as they can be read. */
interface Lines {
  readonly pixelBytes: number;
  /** Address of the first pixel of a row. */
  readonly at: (row: Int) => Local<"i32">;
}

function mapLines(func: Func, { passes }: Band, plane: Local<"i32">): Lines {
  const { width, channels } = passes[0]!.input;
  const pixelBytes = channels * laneBytes;
  return { pixelBytes, at: (row) => func.let("line", add(plane, mul(row, width * pixelBytes))) };
}

/** Normalises the rows of a channel that a band needs, into the scratch memory. */
function scratchLines(
  func: Func,
  { passes, rows, most, origin, height }: Band,
  normalize: Normalize,
  channel: Int,
  line: Int,
  plane: Local<"i32">,
  scratch: Local<"i32">,
): Lines {
  const { input, stride } = passes[0]!;
  const whole = rows >= most;
  const top = whole ? origin : func.let("top", add(mul(line, stride[0]), origin));
  const [low, high] = typeof top === "number"
    ? [Math.max(top, 0), Math.min(top + height, input.height)]
    : [func.let("low", max(top, 0)), func.let("high", min(add(top, height), input.height))];
  const pixelBytes = input.channels * laneBytes;
  const lineBytes = input.width * laneBytes;
  func.for("row", low, high, (row) => {
    const from = func.let("from", add(plane, mul(row, input.width * pixelBytes)));
    const to = func.let("to", add(scratch, mul(sub(row, top), lineBytes)));
    normalizeChannel(func, normalize, { pixels: input.width, channel, pixelBytes }, from, to);
  });
  return { pixelBytes: laneBytes, at: (row) => func.let("line", add(scratch, mul(sub(row, top), lineBytes))) };
}

/** Runs `body` for the rows of every pass in the band from row `line` on. */
function overRows(
  func: Func,
  { passes, rows, most }: Band,
  line: Int,
  body: (pass: KernelPass, row: Int, taps: RowClass) => void,
): void {
  for (const pass of passes) {
    for (const taps of classesOf(pass)) {
      const { first, last } = taps;
      const range = rows >= most
        ? [first, last]
        : [func.let("first", max(line, first)), func.let("last", min(add(line, rows), last))];
      func.for("row", range[0]!, range[1]!, (row) => body(pass, row, taps));
    }
  }
}

/** The taps of a pass. */
function tapsOf({ taps, first, by }: KernelPass, weights: readonly Local<"v128">[][]): Local<"v128">[][] {
  return Array.from({ length: taps[0] }, (_, row) => {
    return Array.from({ length: taps[1] }, (_, column) => weights[first[0] + row * by[0]]![first[1] + column * by[1]]!);
  });
}
