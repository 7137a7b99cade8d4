/**
 * Filter gradient where an output sees few inputs, channel by channel: samples stay the lanes.
 *
 * The sums of nine taps stay in registers while a strip of rows passes by. Neighbouring pixels of g stay there, too:
 * so each of nine products takes a ninth of the loads of one pixel of g and three of x. Lanes of the sums are added up
 * at the end of a chunk.
 *
 * @module
 */

import type { Pair } from "../../../../ir/node.ts";
import type { Int } from "../../assembler/code.ts";
import { type Features, Func, type Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, div, max, min, mul, sub } from "../../assembler/i32.ts";
import { lanes } from "../../layout.ts";
import { mapBytes, type MapSize } from "../pass.ts";
import { chunkBlocks, horizontalSum, type Kernel, kernel, laneBytes, nest, numberBytes } from "../kernel.ts";
import { type FilterConstants, share } from "./plan.ts";
import { type MapPart, stage, touchRows } from "./stage.ts";
import { type Channel, passStrip, type Strip, type Taps } from "./strip.ts";
import { lineBytes } from "./touch.ts";

type Pointer = Local<"i32">;

/** Kernel (x, g, scratch, partial [chunks][weights], first chunk, last chunk, count[, scale, shift]). */
export function filterLanes(constants: FilterConstants): Kernel {
  return kernel("filterLanes", constants, build);
}

/** Numbers of scratch memory of `filterLanes`, for each thread. */
export function filterLanesScratch(constants: FilterConstants): number {
  const { input, output, sums } = planOf(constants);
  return (sums + f.vectorBytes + input.staged + output.staged) / numberBytes;
}

/** Bytes of a strip of both maps: they stay in a second-level cache. */
const stripBudget = 320 * 1024;

/** Bytes of a strip of the channels that meet one output, of all lines of the cache that they touch. */
const channelBudget = 24 * 1024;

/** Most taps whose sums are in registers at once, and most columns of them: so many pixels of g are, too. */
const mostTaps = 9;
const mostColumns = 4;

/** Fewest pixels of g of a strip, where a part of the groups allows it: sums are fetched and stored for each. */
const worthwhilePixels = 32;

/** Pixels so many bytes apart, or a multiple, share few sets of a first-level cache. */
const criticalDistance = 2048;

/** As many pixels fit there all the same. */
const harmlessPixels = 16;

/** A map, or a copy of a strip of it. */
interface Source {
  /** Bytes from pixel to pixel. */
  readonly pixel: number;
  /** Bytes of the copy; 0 if there is none. */
  readonly staged: number;
}

interface LanesPlan {
  /** Output rows of a strip, and groups of a part. */
  readonly height: number;
  readonly part: number;
  readonly input: Source;
  readonly output: Source;
  /** Numbers of the result, and bytes of their sums. */
  readonly weights: number;
  readonly sums: number;
}

function planOf({ input, output, groups, kernel, stride, normalize }: FilterConstants): LanesPlan {
  const [from, to] = [input.channels / groups, output.channels / groups];
  const row = stride[0] * input.width * from + output.width * to;
  const pair = stride[0] * input.width * Math.max(2, from) + 2 * output.width;
  const wanted = Math.min(output.height, Math.ceil(worthwhilePixels / output.width));
  const part = share(groups, stripBudget / (wanted * row * laneBytes));
  const most = Math.min(stripBudget / (part * row * laneBytes), channelBudget / (pair * laneBytes));
  const height = share(output.height, most);
  const sourceOf = ({ width, height, channels }: MapSize, inPart: number, rows: number, always: boolean): Source => {
    const distance = channels * laneBytes;
    const critical = distance % criticalDistance === 0 && width * height > harmlessPixels;
    if (!always && !critical) return { pixel: distance, staged: 0 };
    const pixel = inPart * laneBytes + (inPart % 4 === 0 ? lineBytes : 0);
    return { pixel, staged: rows * width * pixel };
  };
  const weights = output.channels * from * kernel[0] * kernel[1];
  return {
    height,
    part,
    input: sourceOf(input, part * from, (height - 1) * stride[0] + kernel[0], normalize !== undefined),
    output: sourceOf(output, part * to, height, false),
    weights,
    sums: weights * f.vectorBytes,
  };
}

function tapsOf([height, width]: Pair): Taps[] {
  const columns = share(width, mostColumns);
  const rows = share(height, mostTaps / columns);
  return parts(height, rows).flatMap(([row, rows]) => {
    return parts(width, columns).map(([column, columns]) => ({ row, column, rows, columns }));
  });
}

function parts(size: number, step: number): [number, number][] {
  return Array.from({ length: Math.ceil(size / step) }, (_, i) => [i * step, Math.min(step, size - i * step)]);
}

function build(features: Features, constants: FilterConstants): Func {
  const { input, output, groups, kernel, stride, pad, chunk, normalize } = constants;
  const func = new Func("filterLanes", features);
  const [x, g, sums, partial, first, last, count] = func.params(
    "x",
    "g",
    "scratch",
    "partial",
    "first",
    "last",
    "count",
  );
  const tables = normalize && func.params("scale", "shift");
  const prologue = normalize && { scale: tables![0], shift: tables![1], activation: normalize };
  const plan = planOf(constants);
  const { weights } = plan;
  const waste = func.let("waste", add(sums, plan.sums));
  const inputBuffer = func.let("buffer", add(waste, f.vectorBytes));
  const outputBuffer = func.let("buffer", add(inputBuffer, plan.input.staged));
  func.for("chunk", first, last, (position) => {
    const [firstBlock, lastBlock] = chunkBlocks(func, position, chunk, count);
    nest(func, [{ count: weights, steps: [f.vectorBytes] }], [sums], ([at]) => func.store(at!, f.splat(0)));
    func.for("block", firstBlock, lastBlock, (block) => {
      const left = func.let("left", sub(count, mul(block, lanes)));
      func.for("group", 0, groups, (group) => {
        const present = groups % plan.part === 0 ? plan.part : func.let("groups", min(plan.part, sub(groups, group)));
        const partOf = (map: Pointer, size: MapSize): MapPart => {
          const inGroup = size.channels / groups;
          const channel = mul(group, inGroup);
          const start = func.let("map", add(map, add(mul(block, mapBytes(size)), mul(channel, laneBytes))));
          return { start, size, channels: mul(present, inGroup), whole: plan.part === groups };
        };
        const parts = { x: partOf(x, input), g: partOf(g, output) };
        const table = mul(group, input.channels / groups * numberBytes);
        const partPrologue = prologue && {
          ...prologue,
          scale: func.let("scale", add(prologue.scale, table)),
          shift: func.let("shift", add(prologue.shift, table)),
        };
        const at = func.let("at", add(sums, mul(group, plan.sums / groups)));
        func.for("line", 0, output.height, (line) => {
          const end = func.let("end", min(add(line, plan.height), output.height));
          touchRows(func, parts.g, [line, end], waste);
          const fresh = [line, end].map((row) => func.let("row", min(mul(row, stride[0]), input.height)));
          touchRows(func, parts.x, fresh as [Pointer, Pointer], waste);
          const low = func.let("low", max(add(mul(line, stride[0]), -pad[0]), 0));
          const high = min(add(mul(sub(end, 1), stride[0]), kernel[0] - pad[0]), input.height);
          const maps = {
            x: plan.input.staged === 0
              ? parts.x.start
              : stage(func, parts.x, [low, func.let("high", high)], inputBuffer, plan.input.pixel, partPrologue),
            g: plan.output.staged === 0
              ? parts.g.start
              : stage(func, parts.g, [line, end], outputBuffer, plan.output.pixel),
          };
          const strip = { line, end, single: plan.height === output.height };
          for (const taps of tapsOf(kernel)) passTaps(func, constants, plan, taps, maps, present, strip, at, left);
        }, plan.height);
      }, plan.part);
    });
    const result = func.let("result", add(partial, mul(position, weights * numberBytes)));
    const turn = { count: weights, steps: [f.vectorBytes, numberBytes] };
    nest(func, [turn], [sums, result], ([from, to]) => func.store(to!, horizontalSum(func, f.load(from!))));
  });
  return func;
}

/** Passes a strip of the groups present for some taps, pair by pair of an input and an output. */
function passTaps(
  func: Func,
  constants: FilterConstants,
  plan: LanesPlan,
  taps: Taps,
  maps: { readonly x: Pointer; readonly g: Pointer },
  present: Int,
  strip: Strip,
  sums: Pointer,
  left: Pointer,
): void {
  const { input, output, groups, kernel: [height, width] } = constants;
  const [from, to] = [input.channels / groups, output.channels / groups];
  const at = func.let("at", add(sums, (taps.row * width + taps.column) * f.vectorBytes));
  func.for("output", 0, mul(present, to), (channel) => {
    const firstInput = groups === 1 ? 0 : mul(div(channel, to), from);
    const x = func.let("x", add(maps.x, mul(firstInput, laneBytes)));
    const g = func.let("g", add(maps.g, mul(channel, laneBytes)));
    func.times(from, () => {
      func.for("half", 0, 2, (half) => {
        const four = (map: Pointer, { pixel }: Source): Channel => {
          return { start: func.let("map", add(map, mul(half, f.vectorBytes))), pixel };
        };
        const pair = [four(x, plan.input), four(g, plan.output)] as const;
        passStrip(func, constants, taps, pair, strip, at, sub(left, mul(half, 4)));
      });
      func.bump(x, laneBytes);
      func.bump(at, height * width * f.vectorBytes);
    });
  });
}
