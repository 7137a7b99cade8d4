/**
 * The runs of a filter gradient by products, and how their pixels are turned.
 *
 * @module
 */

import type { Code, Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import { add, div, lt, min, mod, mul, sub } from "../../assembler/i32.ts";
import { mapBytes } from "../pass.ts";
import { laneBytes, numberBytes, presentMasks } from "../kernel.ts";
import { tile } from "../micro.ts";
import { inside } from "../winograd/plan.ts";
import { type FilterConstants, type FilterPlan, pixelBytes, wide } from "./plan.ts";
import { touch } from "./touch.ts";
import { type Prologue, turnPixel } from "./turn.ts";

type Pointer = Local<"i32">;

/** A run: output rows `row` to `row + rows` of blocks from `block` on. */
export interface Run {
  readonly block: Pointer;
  readonly blocks: Int;
  readonly row: Pointer;
  readonly rows: Int;
}

/** Part of the tiles of a group's channels. */
export interface Part {
  /** First tile. */
  readonly first: Int;
  /** Whole tiles, channels of the tile behind the last whole one of all, and whether this part has it. */
  readonly whole: Int;
  readonly rest: number;
  readonly hasRest: Int;
}

/** What all steps of one kernel share. */
export interface Context {
  readonly func: Func;
  readonly constants: FilterConstants;
  readonly plan: FilterPlan;
  /** Addresses of the maps, of their turned runs, and of the chunk's sums. */
  readonly x: Pointer;
  readonly g: Pointer;
  readonly inputs: Pointer;
  readonly outputs: Pointer;
  readonly result: Pointer;
  readonly count: Pointer;
  /** Whether this is the first run of the chunk. */
  readonly fresh: Pointer;
  readonly prologue: Prologue | undefined;
}

/** Runs `body` for the parts of `most` tiles of a group's channels. */
export function overParts(func: Func, channels: number, width: number, most: number, body: (part: Part) => void): void {
  const [whole, rest] = [Math.floor(channels / width), channels % width];
  if (Math.ceil(channels / width) === most) return body({ first: 0, whole, rest, hasRest: 1 });
  func.for("part", 0, Math.ceil(channels / width), (first) => {
    const left = func.let("whole", min(sub(whole, first), most));
    body({ first, whole: left, rest, hasRest: lt(left, most) });
  }, most);
}

/** Runs `body` for the runs of a range of blocks. */
export function overRuns(
  { func, constants, plan }: Context,
  first: Pointer,
  last: Pointer,
  body: (run: Run) => void,
): void {
  const { output } = constants;
  const upTo = (most: number, left: Code<"i32">): Int => (most === 1 ? 1 : func.let("size", min(left, most)));
  func.for("block", first, last, (block) => {
    const blocks = upTo(plan.blocks, sub(last, block));
    func.for("row", 0, output.height, (row) => {
      const even = output.height % plan.rows === 0;
      body({ block, blocks, row, rows: even ? plan.rows : upTo(plan.rows, sub(output.height, row)) });
    }, plan.rows);
  }, plan.blocks);
}

function overRunBlocks(
  { func, count }: Context,
  run: Run,
  body: (index: Int, block: Code<"i32">, masks: readonly Local<"v128">[]) => void,
): void {
  func.for("index", 0, run.blocks, (index) => {
    const block = func.let("block", add(run.block, index));
    body(index, block, presentMasks(func, block, count));
  });
}

/** Turns the run's pixels of a part of the inputs. Rows outside the map are left as they are: no tap reads them. */
export function turnInputs(context: Context, run: Run, group: Pointer, part: Part): void {
  const { func, constants: { input, kernel: [height], stride: [rowStride, columnStride], pad: [pad] }, plan } = context;
  const { phases, from, rowStep } = plan;
  const pixel = input.channels * laneBytes;
  const channel = func.let("channel", add(mul(group, from), mul(part.first, wide)));
  const prologue = context.prologue && {
    ...context.prologue,
    scale: func.let("scale", add(context.prologue.scale, mul(channel, numberBytes))),
    shift: func.let("shift", add(context.prologue.shift, mul(channel, numberBytes))),
  };
  const rows = func.let("rows", add(mul(sub(run.rows, 1), rowStep), height));
  const isWhole = plan.inputTiles * wide >= input.channels;
  overRunBlocks(context, run, (index, block, masks) => {
    const map = func.let("map", add(context.x, add(mul(block, mapBytes(input)), mul(channel, laneBytes))));
    func.for("position", 0, rows, (position) => {
      const within = add(mul(div(position, rowStep), rowStride), mod(position, rowStep));
      const row = func.let("row", add(add(mul(run.row, rowStride), within), -pad));
      func.if(inside(row, input.height), () => {
        const line = func.let("line", add(map, mul(row, input.width * pixel)));
        const place = add(mul(index, plan.inputRows), position);
        const target = func.let("target", add(context.inputs, mul(place, plan.input.row)));
        if (isWhole && phases.length === columnStride) touch(func, line, input.width * pixel, target);
        for (const { column, count } of phases) {
          const source = func.let("source", add(line, column * pixel));
          func.times(count, () => {
            const turn = { ...part, source, target, width: wide, pitch: plan.input.tile };
            turnPixel(func, turn, masks, prologue);
            func.bump(source, columnStride * pixel);
            func.bump(target, pixelBytes(wide));
          });
        }
      });
    });
  });
}

/** Turns the run's pixels of a part of the outputs. */
export function turnOutputs(context: Context, run: Run, group: Pointer, part: Part): void {
  const { func, constants: { output }, plan } = context;
  const pixel = output.channels * laneBytes;
  const channel = add(mul(group, plan.to), mul(part.first, tile));
  overRunBlocks(context, run, (index, block, masks) => {
    const place = add(mul(add(mul(block, output.height), run.row), output.width * output.channels), channel);
    const source = func.let("source", add(context.g, mul(place, laneBytes)));
    const target = func.let("target", add(context.outputs, mul(index, plan.rows * plan.output.row)));
    const pixels = func.let("pixels", mul(run.rows, output.width));
    if (plan.outputTiles * tile >= output.channels) touch(func, source, mul(pixels, pixel), target);
    func.times(pixels, () => {
      turnPixel(func, { ...part, source, target, width: tile, pitch: plan.output.tile }, masks);
      func.bump(source, pixel);
      func.bump(target, pixelBytes(tile));
    });
  });
}
