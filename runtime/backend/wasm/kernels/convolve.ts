/**
 * Direct convolution in the layout of lanes: forward, and input gradient as convolutions with turned weights.
 *
 * @module
 */

import type { Int } from "../assembler/code.ts";
import { type Features, Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, int, lt, mul, sub } from "../assembler/i32.ts";
import { type Activation, normalizeOf } from "./activation.ts";
import { type Ending, endingOf, endingOfBlock, type Epilogue, finish, overChannels } from "./epilogue.ts";
import { type Kernel, kernel, laneBytes, numberBytes } from "./kernel.ts";
import { type Lines, linesOf, linesSize } from "./lines.ts";
import { clearTile, type Micro, micro, multiplyTile, overProducts, storeTile, tile } from "./micro.ts";
import {
  type Convolution,
  type ConvolutionPart,
  guarded,
  type KernelPass,
  mapBytes,
  outputPixel,
  overTaps,
  type Pass,
  passesOf,
  type TapRange,
  tapRange,
} from "./pass.ts";

export { mapBytes, type MapSize } from "./pass.ts";

/** Constants of a convolution, or of the gradient of its input. */
export interface ConvolveConstants {
  readonly convolution: Convolution;
  readonly part: ConvolutionPart;
  /** Reads activation(x · scale + shift) in place of x, zeros around it. */
  readonly normalize?: Activation;
  /** What becomes of the result. */
  readonly epilogue?: Epilogue;
}

/** Numbers of the packed weights of a pass: [groups][⌈out/4⌉][taps][in][4], in and out of one group. */
export function packedSize({ input, output, groups, taps }: Pass): number {
  const tiles = Math.ceil(output.channels / groups / tile);
  return groups * tiles * taps[0] * taps[1] * (input.channels / groups) * tile;
}

/** Numbers of the packed weights of passes, one after the other. */
export function packedSizes(passes: readonly Pass[]): number {
  return passes.reduce((sum, pass) => sum + packedSize(pass), 0);
}

/**
 * Kernel (x, w, y[, scratch], first block, last block[, scale, shift][, maps…, tables…[, sums]]).
 *
 * w holds the packed weights of each pass, one after the other. Scratch, scale and shift are there if x is normalised.
 * For an input gradient x is the gradient of the output.
 */
export function convolve(constants: ConvolveConstants): Kernel {
  return kernel("convolve", constants, build);
}

/** Numbers of scratch memory of a `convolve` that normalises, for each thread. */
export function convolveScratch({ convolution, part }: ConvolveConstants): number {
  return linesSize(passesOf(inChunks(convolution, part), part));
}

/** Weights of so many bytes stay in a first-level cache beside a few pixels. */
const weightBudget = 16 * 1024;

/** Bytes of the pixels, and most of them, that pass by each tile of larger weights. */
const chunkBudget = 64 * 1024;
const mostPixels = 16;

/**
 * Pixels of a 1×1 convolution need not come row by row: as rows of one pixel memory is passed over straight on, in
 * longer ones each tile of the weights is fetched less often.
 */
function inChunks(convolution: Convolution, part: ConvolutionPart): Convolution {
  const { input, output, groups, kernel, stride, pad } = convolution;
  if (![...kernel, ...stride].every((size) => size === 1) || pad.some((size) => size > 0)) return convolution;
  const pixels = input.height * input.width;
  const weights = input.channels * output.channels / groups * f.vectorBytes / tile;
  const from = part === "forward" ? input : output;
  const most = weights <= weightBudget ? 1 : Math.min(mostPixels, chunkBudget / (from.channels * laneBytes));
  let width = Math.max(1, Math.floor(most));
  while (pixels % width > 0) width--;
  const size = { height: pixels / width, width };
  return { ...convolution, input: { ...input, ...size }, output: { ...output, ...size } };
}

function build(features: Features, constants: ConvolveConstants): Func {
  const { convolution, part } = constants;
  const passes = passesOf(inChunks(convolution, part), part);
  const { input, output } = passes[0]!;
  const most = Math.max(...passes.map(({ count }) => count[0]));
  const func = new Func("convolve", features);
  const [x, w, y] = func.params("x", "w", "y");
  const scratch = constants.normalize && func.params("scratch")[0];
  const [first, last] = func.params("first", "last");
  const normalize = normalizeOf(func, constants.normalize);
  const ending = endingOf(func, constants.epilogue, y);
  const registers = micro(func);
  const outputRows = piecesOf(passes, w);
  const pixelwise = packedSizes(passes) * numberBytes <= weightBudget;
  func.for("block", first, last, (block) => {
    const source = func.let("source", add(x, mul(block, mapBytes(input))));
    const target = func.let("target", add(y, mul(block, mapBytes(output))));
    const blockEnding = ending && endingOfBlock(func, ending, block, output.channels);
    const lines = linesOf(func, passes, source, normalize && { ...normalize, scratch: scratch! });
    const write = (place: Int, channel: Int, width: number): void => {
      const at = func.let("at", add(target, mul(place, laneBytes)));
      if (blockEnding === undefined) storeTile(func, registers, at, width);
      else finishTile(func, registers, blockEnding, channel, at, width);
    };
    func.for("row", 0, most, (row) => {
      lines.prepare(row);
      for (const pieces of outputRows) {
        const run = (): void => convolveRow(func, { pieces, pixelwise, registers, lines, write }, row);
        const { count } = pieces[0]!.pass;
        if (count[0] < most) func.if(lt(row, count[0]), run);
        else run();
      }
    });
  });
  return func;
}

/** A pass and its packed weights. */
interface Piece {
  readonly pass: KernelPass;
  readonly weights: Int;
}

/** Passes by the rows of the output that they write, and where their weights are. */
function piecesOf(passes: readonly KernelPass[], w: Local<"i32">): Piece[][] {
  let before = 0;
  const pieces = passes.map((pass) => {
    const weights = add(w, before);
    before += packedSize(pass) * numberBytes;
    return { pass, weights };
  });
  return Object.values(Object.groupBy(pieces, ({ pass }) => pass.start[0])) as Piece[][];
}

/** What a row of the output is computed from and with; `write` gets a place in lanes from the start of the map. */
interface RowWork {
  readonly pieces: readonly Piece[];
  /** Whether the pixels are the outer loop: the row is written straight on then. */
  readonly pixelwise: boolean;
  readonly registers: Micro;
  readonly lines: Lines;
  readonly write: (place: Int, channel: Int, width: number) => void;
}

/** Computes a row, pixel by pixel or tile by tile. */
function convolveRow(func: Func, work: RowWork, i: Local<"i32">): void {
  if (!work.pixelwise) {
    for (const { pass, weights } of work.pieces) {
      const rows = tapRange(func, pass, 0, i);
      overOutputs(func, pass, (...tile) => {
        func.for("column", 0, pass.count[1], (j) => {
          convolveTile(func, work, pass, weights, [i, j], [rows, tapRange(func, pass, 1, j)], tile);
        });
      });
    }
    return;
  }
  const rows = work.pieces.map(({ pass }) => tapRange(func, pass, 0, i));
  const most = Math.max(...work.pieces.map(({ pass }) => pass.count[1]));
  func.for("column", 0, most, (j) => {
    work.pieces.forEach(({ pass, weights }, index) => {
      const run = (): void => {
        const columns = tapRange(func, pass, 1, j);
        overOutputs(func, pass, (...tile) => {
          convolveTile(func, work, pass, weights, [i, j], [rows[index]!, columns], tile);
        });
      };
      if (pass.count[1] < most) func.if(lt(j, pass.count[1]), run);
      else run();
    });
  });
}

/** Group, tile of its outputs, and channels of the tile. */
type OutputTile = readonly [group: Int, position: Int, width: number];

function overOutputs(func: Func, { output, groups }: Pass, body: (...tile: OutputTile) => void): void {
  func.for("group", 0, groups, (group) => {
    overProducts(func, output.channels / groups, (position, width) => body(group, position, width));
  });
}

/** Computes one tile of channels of an output pixel. */
function convolveTile(
  func: Func,
  { registers, lines, write }: RowWork,
  pass: Pass,
  w: Int,
  [i, j]: readonly [Int, Int],
  [rows, columns]: readonly [TapRange, TapRange],
  [group, position, width]: OutputTile,
): void {
  const { input, output, groups, taps } = pass;
  const [from, to] = [input.channels / groups, output.channels / groups];
  const index = add(mul(group, Math.ceil(to / tile)), position);
  const next = taps[0] * taps[1] * from * f.vectorBytes;
  const weights = func.let("weights", add(w, mul(index, next)));
  clearTile(func, registers, width);
  overTaps(func, rows, (row) => {
    const pixel = add(columns.origin, columns.first);
    const lane = add(mul(pixel, input.channels), mul(group, from));
    const b = func.let("b", add(lines.at(add(rows.origin, row)), mul(lane, laneBytes)));
    const tap = add(mul(row, taps[1]), columns.first);
    const a = func.let("a", add(weights, mul(tap, from * f.vectorBytes)));
    if (groups === 1) {
      guarded(func, columns, () => multiplyTile(func, registers, a, b, depthOf(func, columns, from), width, next));
      return;
    }
    overTaps(func, columns, () => {
      multiplyTile(func, registers, a, b, from, width, next);
      func.bump(b, (input.channels - from) * laneBytes);
    });
  });
  const channel = add(mul(group, to), mul(position, tile));
  write(add(mul(outputPixel(pass, i, j), output.channels), channel), channel, width);
}

/** Steps of a product over a range of taps and all channels. */
function depthOf(func: Func, { first, last }: TapRange, channels: number): Int {
  if (typeof first === "number" && typeof last === "number") return (last - first) * channels;
  return func.let("depth", mul(sub(last, first), channels));
}

/** Writes the sums of a tile of channels through an epilogue. */
function finishTile(
  func: Func,
  { sums }: Micro,
  ending: Ending,
  channel: Int,
  at: Local<"i32">,
  width: number,
): void {
  overChannels(func, ending, func.let("channel", int(channel)), width, (state, i) => {
    finish(func, ending, state, sums.slice(2 * i, 2 * i + 2), at, i * laneBytes);
  });
}
