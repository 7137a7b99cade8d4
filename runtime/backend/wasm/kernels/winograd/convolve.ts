/**
 * Winograd convolution F(4×4, 3×3) in the layout of lanes: forward, and input gradient with turned filters.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import { type Features, Func } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, int, min, mul, sub } from "../../assembler/i32.ts";
import { type Kernel, kernel, numberBytes } from "../kernel.ts";
import type { Epilogue } from "../epilogue.ts";
import { endingOf } from "./epilogue.ts";
import { fetchTiles, streamOver } from "./fetch.ts";
import { type Activation, normalizeOf } from "../activation.ts";
import { gridOf, groupOf, planeBytes, planes, points, tileAt, tileSize, type WinogradShape } from "./plan.ts";
import { multiplyPlanes } from "./product.ts";
import { winogradSumsSize } from "./statistics.ts";
import { gatherTile, spreadTile } from "./tiles.ts";

/** What a convolution does besides. */
export interface WinogradFusion {
  /** Reads activation(x · scale + shift) in place of x; two more parameters, each a number for each input channel. */
  readonly normalize?: Activation;
  /** What becomes of the result; its maps, its tables and its sums [blocks][output channels][2][8] are parameters. */
  readonly epilogue?: Epilogue;
}

/** Kernel (x, transformed filters, y, scratch, first block, last block[, scale, shift], maps…, tables…[, sums]). */
export function winogradForward(shape: WinogradShape, fusion: WinogradFusion = {}): Kernel {
  return kernel("winograd", { ...shape, ...fusion }, build);
}

/** Kernel (gradient of y, transformed turned filters, gradient of x, …), with the other parameters as above. */
export function winogradInput(shape: WinogradShape, fusion: WinogradFusion = {}): Kernel {
  return winogradForward(turned(shape), fusion);
}

/** Numbers of scratch memory of `winogradForward`, for each thread. */
export function winogradForwardScratch(shape: WinogradShape): number {
  // Products are written one plane behind what they are made from: one plane more is enough for both.
  return (planes + 1) * roomOf(shape).plane / numberBytes;
}

/** Numbers of scratch memory of `winogradInput`, for each thread. */
export function winogradInputScratch(shape: WinogradShape): number {
  return winogradForwardScratch(turned(shape));
}

/** The input gradient as a convolution of the output's gradient. */
function turned({ input, output, pad }: WinogradShape): WinogradShape {
  return { input: output, output: input, pad: [2 - pad[0], 2 - pad[1]] };
}

/** Tiles of a group, and bytes from plane to plane. */
function roomOf({ input, output }: WinogradShape): { readonly group: number; readonly plane: number } {
  const channels = Math.max(input.channels, output.channels);
  const group = groupOf(channels);
  return { group, plane: planeBytes(group, channels) };
}

function build(features: Features, shape: WinogradShape & WinogradFusion): Func {
  const { input, output, pad, epilogue } = shape;
  const { group, plane } = roomOf(shape);
  const grid = gridOf(output);
  const func = new Func("winograd", features);
  const [x, u, y, scratch, first, last] = func.params("x", "u", "y", "scratch", "first", "last");
  const normalize = normalizeOf(func, shape.normalize);
  const ending = epilogue && endingOf(func, epilogue, y);
  if (ending?.sums !== undefined) {
    const bytes = winogradSumsSize(output.channels) * numberBytes;
    clear(func, add(ending.sums, mul(first, bytes)), mul(sub(last, first), bytes / f.vectorBytes));
  }
  const products = { start: scratch, plane };
  const spread = { start: func.let("spread", add(scratch, plane)), plane };
  const depths = { from: input.channels, to: output.channels };
  const total = func.let("total", mul(sub(last, first), grid.rows * grid.columns));
  const blocks = sub(last, first);
  const incoming = streamOver(func, input, x, first, blocks);
  const outgoing = [y, ...(ending?.maps ?? [])].map((map) => streamOver(func, output, map, first, blocks));
  func.for("start", 0, total, (start) => {
    const end = func.let("end", min(add(start, group), total));
    fetchTiles(func, incoming, input, grid, group, end, points - tileSize - pad[0]);
    func.for("position", start, end, (position) => {
      const tile = tileAt(func, grid, first, start, position);
      spreadTile(func, { map: input, first: x, pad }, grid, tile, spread, normalize);
    });
    multiplyPlanes(func, depths, u, spread, products, func.let("tiles", sub(end, start)));
    for (const stream of outgoing) fetchTiles(func, stream, output, grid, group, end);
    func.for("position", start, end, (position) => {
      const tile = tileAt(func, grid, first, start, position);
      gatherTile(func, { map: output, first: y }, grid, tile, products, ending);
    });
  }, group);
  // So that V8 has to read what it fetches.
  func.store(scratch, outgoing.reduce((sum, stream) => add(sum, stream.sum), int(incoming.sum)));
  return func;
}

/** Fills with zeros; a count below 1 fills nothing. */
function clear(func: Func, start: Int, vectors: Int): void {
  const at = func.let("at", int(start));
  func.for("vector", 0, vectors, () => {
    func.store(at, f.splat(0));
    func.bump(at, f.vectorBytes);
  });
}
