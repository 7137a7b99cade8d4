/**
 * The products of a run: tap by tap, tile by tile.
 *
 * @module
 */

import { choose, type Code, type Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, div, eq, int, lt, max, min, mul, sub } from "../../assembler/i32.ts";
import { lanes } from "../../layout.ts";
import { numberBytes } from "../kernel.ts";
import { tile } from "../micro.ts";
import { pixelBytes, wide } from "./plan.ts";
import type { Context, Part, Run } from "./run.ts";
import { when } from "./turn.ts";

type Pointer = Local<"i32">;

/** Where a tap's pixels of a run begin, and which they are. */
interface Meeting {
  readonly x: Pointer;
  readonly g: Pointer;
  /** Output rows of a block, if they are visited one by one; pixels of each, else of all. */
  readonly rows?: Int;
  readonly blocks: Int;
  readonly pixels: Int;
}

/** Adds the products of two parts to the sums, tap by tap. */
export function multiply(context: Context, run: Run, group: Pointer, inputs: Part, outputs: Part): void {
  const { func, constants, plan, result } = context;
  const { kernel: [height, width], output, input, stride: [stride], pad: [pad] } = constants;
  const { taps, rowStep } = plan;
  const plane = output.channels * plan.from * numberBytes;
  const origin = mul(add(mul(group, plan.to), mul(outputs.first, tile)), plan.from);
  const target = func.let("target", add(result, mul(add(origin, mul(inputs.first, wide)), numberBytes)));
  const tiles = (meeting: Meeting): void => overTiles(context, meeting, inputs, outputs, target);
  if (plan.joined) {
    const pixels = func.let("pixels", mul(mul(run.blocks, run.rows), output.width));
    return tiles({ x: context.inputs, g: context.outputs, blocks: 1, pixels });
  }
  func.for("tap row", 0, height, (row) => {
    // Rows of the run whose input row lies inside the map.
    const low = func.let("low", sub(max(run.row, div(add(max(sub(pad, row), 0), stride - 1), stride)), run.row));
    const high = div(max(sub(input.height - 1 + pad + stride, row), 0), stride);
    const rows = func.let("rows", sub(min(add(run.row, run.rows), high), add(run.row, low)));
    func.for("tap column", 0, width, (column) => {
      const [from, to, pixels] = (["input", "output", "count"] as const).map((key) => {
        return pick(func, column, taps.map((tap) => tap[key]));
      }) as [Int, Int, Int];
      const x = add(mul(add(mul(low, rowStep), row), plan.input.row), mul(from, pixelBytes(wide)));
      const g = add(mul(low, plan.output.row), mul(to, pixelBytes(tile)));
      tiles({
        x: func.let("x", add(context.inputs, x)),
        g: func.let("g", add(context.outputs, g)),
        rows: taps.some(({ count }) => count === 0) ? choose(lt(0, pixels), rows, int(0)) : rows,
        blocks: run.blocks,
        pixels,
      });
      func.bump(target, plane);
    });
  });
}

/** The constant at a computed position. */
function pick(func: Func, position: Pointer, values: readonly number[]): Int {
  if (new Set(values).size === 1) return values[0]!;
  const found = values.slice(0, -1).reduceRight<Code<"i32">>(
    (rest, value, i) => choose(eq(position, i), int(value), rest),
    int(values.at(-1)!),
  );
  return func.let("picked", found);
}

/** Visits the tiles of sums of two parts. */
function overTiles(context: Context, meeting: Meeting, inputs: Part, outputs: Part, target: Pointer): void {
  const { func, plan } = context;
  const [x, to] = [func.let("x", meeting.x), func.let("to", target)];
  const column = (channels: number): void => {
    const [g, at] = [func.let("g", meeting.g), func.let("at", to)];
    const row = (height: number): void => multiplyTile(context, { ...meeting, x, g }, height, channels, at);
    func.for("tile", 0, outputs.whole, () => {
      row(tile);
      func.bump(g, plan.output.tile);
      func.bump(at, tile * plan.from * numberBytes);
    });
    if (outputs.rest > 0) when(func, outputs.hasRest, () => row(outputs.rest));
  };
  func.for("tile", 0, inputs.whole, () => {
    column(wide);
    func.bump(x, plan.input.tile);
    func.bump(to, wide * numberBytes);
  });
  if (inputs.rest > 0) when(func, inputs.hasRest, () => column(inputs.rest));
}

/**
 * One tile of sums, `outputs` by `inputs` channels.
 *
 * Fewer than eight sums would wait for each other: then several steps are taken at once, with sums of their own.
 */
function multiplyTile(context: Context, meeting: Meeting, outputs: number, inputs: number, to: Pointer): void {
  const { func, plan, fresh } = context;
  const vectors = Math.ceil(inputs / 4);
  const streams = 2 ** Math.floor(Math.log2(2 * tile / (outputs * vectors)));
  const sums = Array.from({ length: streams }, () => func.vectors("sum", outputs * vectors));
  const [weights, spread] = [func.local("v128", "weights"), func.local("v128", "spread")];
  const samples = func.vectors("x", vectors);
  for (const sum of sums.flat()) func.set(sum, f.splat(0));
  const [p, q] = [func.local("i32", "p"), func.local("i32", "q")];
  const products = (g: Int, x: Int): void => {
    func.set(p, add(g, 0));
    func.set(q, add(x, 0));
    const steps = lanes / streams;
    func.times(typeof meeting.pixels === "number" ? meeting.pixels * steps : mul(meeting.pixels, steps), () => {
      for (const stream of sums) {
        func.set(weights, f.load(p));
        samples.forEach((sample, i) => func.set(sample, f.load(q, i * f.vectorBytes)));
        for (let i = 0; i < outputs; i++) {
          func.set(spread, f.broadcast(weights, i));
          samples.forEach((sample, j) => {
            const sum = stream[i * vectors + j]!;
            func.set(sum, func.madd(spread, sample, sum));
          });
        }
        func.bump(p, tile * numberBytes);
        func.bump(q, wide * numberBytes);
      }
    });
  };
  const { rows } = meeting;
  if (rows === undefined) products(meeting.g, meeting.x);
  else {
    func.for("block", 0, meeting.blocks, (block) => {
      const g = func.let("g", add(meeting.g, mul(block, plan.rows * plan.output.row)));
      const x = func.let("x", add(meeting.x, mul(block, plan.inputRows * plan.input.row)));
      func.for("line", 0, rows, () => {
        products(g, x);
        func.bump(g, plan.output.row);
        func.bump(x, plan.rowStep * plan.input.row);
      });
    });
  }
  const [total, ...others] = sums as [Local<"v128">[], ...Local<"v128">[][]];
  for (const other of others) total.forEach((sum, i) => func.set(sum, f.add(sum, other[i]!)));
  const places = total.map((_, i) => (Math.floor(i / vectors) * plan.from + i % vectors * 4) * numberBytes);
  func.if(fresh, () => {}, () => total.forEach((sum, i) => func.set(sum, f.add(f.load(to, places[i]!), sum))));
  total.forEach((sum, i) => func.storePart(to, sum, Math.min(4, inputs - i % vectors * 4), places[i]!));
}
