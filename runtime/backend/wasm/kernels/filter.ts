/**
 * Filter gradient of a convolution: dw[o][c][r][t] = Σ over samples and pixels of x · g.
 *
 * A tile of the result is held in registers while a few rows of a map pass by; lanes of a register are sums over
 * different samples, and are added up at the end of a chunk. Where the stride is 1, neighbouring taps share what is
 * loaded of x: it moves from register to register as the pixel advances. Samples beyond the count must be zero in
 * both maps.
 *
 * @module
 */

import type { Code, Int } from "../assembler/code.ts";
import { type Features, Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, div, max, min, mul, sub } from "../assembler/i32.ts";
import type { Pair } from "../../../ir/node.ts";
import { mapBytes, type MapSize } from "./convolve.ts";
import { chunkBlocks, horizontalSum, type Kernel, kernel, laneBytes, nest, numberBytes } from "./kernel.ts";

/** Constants of a filter gradient. */
export interface FilterConstants {
  /** The convolution's input. */
  readonly input: MapSize;
  /** The convolution's output, where the gradient arrives. */
  readonly output: MapSize;
  readonly groups: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly pad: Pair;
  /** Blocks of a chunk. */
  readonly chunk: number;
}

/** Bytes of both maps' rows that a tile passes over at once: they stay in a second-level cache beside the sums. */
const rowBudget = 128 * 1024;

/** Numbers of the result. */
export function filterSize({ input, output, groups, kernel }: FilterConstants): number {
  return output.channels * (input.channels / groups) * kernel[0] * kernel[1];
}

/** Kernel (x, g, scratch of 4 numbers a weight, partial [chunks][weights], first chunk, last chunk, count). */
export function filterChunks(constants: FilterConstants): Kernel {
  return kernel("filterChunks", constants, build);
}

/** One register tile: `inputs` × `taps` of x against `outputs` of g, from the given first channels and tap. */
interface Tile {
  readonly row: Local<"i32">;
  readonly group: Local<"i32">;
  readonly input: Code<"i32">;
  readonly inputs: number;
  readonly output: Code<"i32">;
  readonly outputs: number;
  readonly tap: number;
  readonly taps: number;
}

function build(features: Features, constants: FilterConstants): Func {
  const { input, output, chunk } = constants;
  const func = new Func("filterChunks", features);
  const [x, g, scratch, partial, first, last, count] = func.params(
    "x",
    "g",
    "scratch",
    "partial",
    "first",
    "last",
    "count",
  );
  const size = filterSize(constants);
  const rowBytes = (input.width * input.channels + output.width * output.channels) * laneBytes;
  const rows = Math.max(1, Math.min(output.height, Math.floor(rowBudget / rowBytes)));
  const place = func.local("i32", "place");
  func.for("chunk", first, last, (position) => {
    const start = func.let("start", scratch);
    nest(func, [{ count: size, steps: [f.vectorBytes] }], [start], ([at]) => func.store(at!, f.splat(0)));
    const [firstBlock, lastBlock] = chunkBlocks(func, position, chunk, count);
    func.for("block", firstBlock, lastBlock, (block) => {
      const source = func.let("source", add(x, mul(block, mapBytes(input))));
      const gradient = func.let("gradient", add(g, mul(block, mapBytes(output))));
      func.for("line", 0, output.height, (line) => {
        func.set(place, scratch);
        overTiles(func, constants, (tile) => {
          const range = rowRange(func, constants, tile.row, line, rows);
          accumulate(func, constants, tile, source, gradient, range, place);
        });
      }, rows);
    });
    const result = func.let("result", add(partial, mul(position, size * numberBytes)));
    func.set(place, scratch);
    overTiles(func, constants, (tile) => sumTile(func, constants, tile, result, place));
  });
  return func;
}

/** Visits all tiles in the order in which their sums lie in the scratch memory. */
function overTiles(func: Func, constants: FilterConstants, body: (tile: Tile) => void): void {
  const { input, output, groups, kernel, stride } = constants;
  const [from, to] = [input.channels / groups, output.channels / groups];
  // Eight or nine sums keep the multipliers busy. Taps share loads only where they are neighbours.
  const sharing = kernel[1] > 1 && (stride[1] === 1 || from === 1);
  const tapTiles = sharing ? widths(kernel[1], 3) : widths(kernel[1], 1);
  const inputTiles = sharing ? widths(from, 1) : widths(from, 4);
  const outputTiles = sharing ? widths(to, 3) : widths(to, 2);
  func.for("row", 0, kernel[0], (row) => {
    let tap = 0;
    for (const taps of tapTiles.flatMap(({ width, count }) => Array<number>(count).fill(width))) {
      func.for("group", 0, groups, (group) => {
        inEach(func, inputTiles, (input, inputs) => {
          inEach(func, outputTiles, (output, outputs) => {
            body({ row, group, input, inputs, output, outputs, tap, taps });
          });
        });
      });
      tap += taps;
    }
  });
}

interface Widths {
  readonly width: number;
  readonly count: number;
}

/** The fewest parts of at most `most`, of two neighbouring widths. */
function widths(size: number, most: number): Widths[] {
  const parts = Math.ceil(size / most);
  const narrow = Math.floor(size / parts);
  const wide = size - narrow * parts;
  return [{ width: narrow + 1, count: wide }, { width: narrow, count: parts - wide }].filter(({ count }) => count > 0);
}

function inEach(func: Func, tiles: readonly Widths[], body: (first: Code<"i32">, width: number) => void): void {
  let start = 0;
  for (const { width, count } of tiles) {
    const first = start;
    func.for("part", 0, count, (part) => body(add(mul(part, width), first), width));
    start += width * count;
  }
}

/** Output rows of the group from `line` whose input row, under this row of taps, lies inside the map. */
function rowRange(
  func: Func,
  { input, output, kernel, stride: [stride], pad: [pad] }: FilterConstants,
  row: Local<"i32">,
  line: Local<"i32">,
  rows: number,
): [Code<"i32">, Code<"i32">] {
  const end = output.height % rows === 0 ? add(line, rows) : min(add(line, rows), output.height);
  const last = (output.height - 1) * stride - pad + kernel[0] - 1;
  const low = pad === 0 ? line : max(line, div(add(max(sub(pad, row), 0), stride - 1), stride));
  const high = last < input.height ? end : min(end, div(max(sub(input.height - 1 + pad + stride, row), 0), stride));
  return [func.let("low", low), func.let("high", high)];
}

function accumulate(
  func: Func,
  constants: FilterConstants,
  tile: Tile,
  source: Local<"i32">,
  gradient: Local<"i32">,
  [low, high]: readonly [Int, Int],
  place: Local<"i32">,
): void {
  const { input, output, groups, stride, pad } = constants;
  const sums = func.vectors("sum", tile.inputs * tile.taps * tile.outputs);
  sums.forEach((sum, i) => func.set(sum, f.load(place, i * f.vectorBytes)));
  const inputChannel = add(mul(tile.group, input.channels / groups), tile.input);
  const outputChannel = add(mul(tile.group, output.channels / groups), tile.output);
  func.for("line", low, high, (line) => {
    const inputLine = sub(add(mul(line, stride[0]), tile.row), pad[0]);
    const inputPlace = add(mul(inputLine, input.width * input.channels), inputChannel);
    const outputPlace = add(mul(line, output.width * output.channels), outputChannel);
    const x = func.let("x", add(source, mul(inputPlace, laneBytes)));
    const g = func.let("g", add(gradient, mul(outputPlace, laneBytes)));
    func.times(2, () => {
      accumulateLine(func, constants, tile, sums, x, g);
      func.bump(x, f.vectorBytes);
      func.bump(g, f.vectorBytes);
    });
  });
  sums.forEach((sum, i) => func.store(place, sum, i * f.vectorBytes));
  func.bump(place, sums.length * f.vectorBytes);
}

/** Adds the products of one line for four samples; `x` and `g` point to the first pixels. */
function accumulateLine(
  func: Func,
  { input, output, stride: [, stride], pad: [, pad] }: FilterConstants,
  { inputs, taps, tap, outputs }: Tile,
  sums: readonly Local<"v128">[],
  x: Local<"i32">,
  g: Local<"i32">,
): void {
  const [inputPixel, outputPixel] = [input.channels * laneBytes, output.channels * laneBytes];
  const sum = (i: number, t: number, o: number): Local<"v128"> => sums[(i * taps + t) * outputs + o]!;
  const left = func.vectors("x", taps);
  const right = func.vectors("g", outputs);
  const inside = (pixel: number, t: number): boolean => {
    const at = pixel * stride - pad + tap + t;
    return at >= 0 && at < input.width;
  };
  const pixels = Array.from({ length: output.width }, (_, pixel) => pixel);
  const every = pixels.filter((pixel) => inside(pixel, 0) && inside(pixel, taps - 1));
  for (const pixel of pixels) {
    if (every.includes(pixel)) continue;
    right.forEach((r, o) => func.set(r, f.load(g, pixel * outputPixel + o * laneBytes)));
    for (let t = 0; t < taps; t++) {
      if (!inside(pixel, t)) continue;
      for (let i = 0; i < inputs; i++) {
        func.set(left[0]!, f.load(x, (pixel * stride - pad + tap + t) * inputPixel + i * laneBytes));
        right.forEach((r, o) => func.set(sum(i, t, o), func.madd(left[0]!, r, sum(i, t, o))));
      }
    }
  }
  if (every.length === 0) return;
  const start = every[0]!;
  const p = func.let("p", add(x, (start * stride - pad + tap) * inputPixel));
  const q = func.let("q", add(g, start * outputPixel));
  const rolling = stride === 1 && taps > 1 && inputs === 1;
  if (rolling) { for (let t = 0; t < taps - 1; t++) func.set(left[t]!, f.load(p, t * inputPixel)); }
  func.times(every.length, () => {
    if (rolling) {
      func.set(left[taps - 1]!, f.load(p, (taps - 1) * inputPixel));
      for (let o = 0; o < outputs; o++) {
        func.set(right[0]!, f.load(q, o * laneBytes));
        for (let t = 0; t < taps; t++) func.set(sum(0, t, o), func.madd(left[t]!, right[0]!, sum(0, t, o)));
      }
      for (let t = 0; t < taps - 1; t++) func.set(left[t]!, left[t + 1]!);
    } else {
      right.forEach((r, o) => func.set(r, f.load(q, o * laneBytes)));
      for (let i = 0; i < inputs; i++) {
        for (let t = 0; t < taps; t++) {
          func.set(left[0]!, f.load(p, t * inputPixel + i * laneBytes));
          right.forEach((r, o) => func.set(sum(i, t, o), func.madd(left[0]!, r, sum(i, t, o))));
        }
      }
    }
    func.bump(p, stride * inputPixel);
    func.bump(q, outputPixel);
  });
}

/** Adds up the lanes of a tile's sums and puts them where the weights have their places. */
function sumTile(
  func: Func,
  { input, output, groups, kernel }: FilterConstants,
  tile: Tile,
  result: Local<"i32">,
  place: Local<"i32">,
): void {
  const from = input.channels / groups;
  const filter = add(mul(tile.group, output.channels / groups), tile.output);
  const channel = add(mul(filter, from), tile.input);
  const row = add(mul(channel, kernel[0]), tile.row);
  const to = func.let("to", add(result, mul(add(mul(row, kernel[1]), tile.tap), numberBytes)));
  let index = 0;
  for (let i = 0; i < tile.inputs; i++) {
    for (let t = 0; t < tile.taps; t++) {
      for (let o = 0; o < tile.outputs; o++) {
        const sum = horizontalSum(func, f.load(place, f.vectorBytes * index++));
        func.store(to, sum, ((o * from + i) * kernel[0] * kernel[1] + t) * numberBytes);
      }
    }
  }
  func.bump(place, index * f.vectorBytes);
}
