/**
 * Winograd convolution F(4×4, 3×3) in the layout of lanes: forward, and input gradient with turned filters.
 *
 * @module
 */

import { type Features, Func } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, min, mul, sub } from "../../assembler/i32.ts";
import { type Kernel, kernel, laneBytes, numberBytes } from "../kernel.ts";
import { keepLanes } from "./pixels.ts";
import {
  chunkBytes,
  planeBytes,
  planes,
  stripAt,
  stripBytes,
  stripsPerBlock,
  type Tiling,
  tilingOf,
  type WinogradShape,
} from "./plan.ts";
import { multiplyPlanes } from "./product.ts";
import { gatherStrip, type Planes, spreadStrip } from "./strip.ts";
import { inputTransform } from "./transform.ts";

/** Kernel (x, transformed filters, y, scratch, first block, last block). */
export function winogradForward(shape: WinogradShape): Kernel {
  return kernel("winograd", shape, build);
}

/** Kernel (gradient of y, transformed turned filters, gradient of x, scratch, first block, last block). */
export function winogradInput(shape: WinogradShape): Kernel {
  return winogradForward(turned(shape));
}

/** Numbers of scratch memory of `winogradForward`, for each thread. */
export function winogradForwardScratch(shape: WinogradShape): number {
  return roomOf(shape).size / numberBytes;
}

/** Numbers of scratch memory of `winogradInput`, for each thread. */
export function winogradInputScratch(shape: WinogradShape): number {
  return winogradForwardScratch(turned(shape));
}

/** The input gradient as a convolution of the output's gradient. */
function turned({ input, output, pad }: WinogradShape): WinogradShape {
  return { input: output, output: input, pad: [2 - pad[0], 2 - pad[1]] };
}

/** Where things lie in the scratch memory, in bytes: zeros, the strip buffer, the planes. */
interface Layout {
  readonly tiling: Tiling;
  readonly buffer: number;
  readonly planes: number;
  readonly plane: number;
  readonly size: number;
}

function roomOf(shape: WinogradShape): Layout {
  const channels = Math.max(shape.input.channels, shape.output.channels);
  const tiling = tilingOf(shape, channels);
  const plane = planeBytes(tiling.capacity, channels);
  const buffer = chunkBytes;
  const start = buffer + stripBytes(tiling);
  // Products are written one plane behind what they are made from: one plane more is enough for both.
  return { tiling, buffer, planes: start, plane, size: start + (planes + 1) * plane };
}

function build(features: Features, shape: WinogradShape): Func {
  const { input, output, pad } = shape;
  const room = roomOf(shape);
  const { tiling, plane } = room;
  const func = new Func("winograd", features);
  const [x, u, y, scratch, first, last] = func.params("x", "u", "y", "scratch", "first", "last");
  const buffer = func.let("buffer", add(scratch, room.buffer));
  const products = func.let("products", add(scratch, room.planes));
  const at = (start: Planes["start"], channels: number): Planes => {
    return { start, plane, tile: channels * laneBytes, chunk: chunkBytes };
  };
  const spread = at(func.let("spread", add(products, plane)), input.channels);
  const total = func.let("total", mul(sub(last, first), stripsPerBlock(tiling)));
  const tiles = func.local("i32", "tiles");
  func.for("group", 0, total, (group) => {
    const end = func.let("end", min(add(group, tiling.group), total));
    const zeros = func.let("zeros", scratch);
    func.times(chunkBytes / f.vectorBytes, () => {
      func.store(zeros, f.splat(0));
      func.bump(zeros, f.vectorBytes);
    });
    func.set(tiles, mul(0, 0));
    func.for("position", group, end, (position) => {
      const strip = stripAt(func, tiling, first, position);
      const source = { map: input, first: x, pad };
      const room = { buffer, zeros: scratch };
      spreadStrip(func, inputTransform, source, strip, room, spread, tiles, keepLanes());
      func.bump(tiles, strip.tiles);
    });
    const depths = { from: input.channels, to: output.channels };
    multiplyPlanes(func, depths, u, spread, { start: products, plane }, tiles);
    func.set(tiles, mul(0, 0));
    func.for("position", group, end, (position) => {
      const strip = stripAt(func, tiling, first, position);
      const target = { map: output, first: y };
      gatherStrip(func, target, strip, { buffer, zeros: scratch }, at(products, output.channels), tiles);
      func.bump(tiles, strip.tiles);
    });
  }, tiling.group);
  return func;
}
