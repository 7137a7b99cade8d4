/**
 * Winograd convolution F(4×4, 3×3) in the layout of lanes: forward, and input gradient with turned filters.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import { type Features, Func } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, int, min, mul, sub } from "../../assembler/i32.ts";
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
import { winogradSumsSize } from "./statistics.ts";
import { gatherStrip, type Planes, spreadStrip } from "./strip.ts";
import { inputTransform } from "./transform.ts";

/** What a convolution does besides. */
export interface WinogradFusion {
  /** Reads max(0, x · scale + shift) in place of x; two more parameters, each a number for each input channel. */
  readonly normalize?: true;
  /**
   * Sums y − near and its square over the pixels of each sample; two more parameters: sums
   * [blocks][output channels][2][8] and near, a number for each output channel.
   */
  readonly statistics?: true;
}

/** Kernel (x, transformed filters, y, scratch, first block, last block[, scale, shift][, sums, near]). */
export function winogradForward(shape: WinogradShape, fusion: WinogradFusion = {}): Kernel {
  return kernel("winograd", { ...shape, ...fusion }, build);
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

function build(features: Features, shape: WinogradShape & WinogradFusion): Func {
  const { input, output, pad } = shape;
  const room = roomOf(shape);
  const { tiling, plane } = room;
  const func = new Func("winograd", features);
  const [x, u, y, scratch, first, last] = func.params("x", "u", "y", "scratch", "first", "last");
  const scaling = shape.normalize && func.params("scale", "shift");
  const recording = shape.statistics && func.params("sums", "near");
  const pass = keepLanes(scaling && { scale: scaling[0], shift: scaling[1] });
  const sumsBytes = winogradSumsSize(output.channels) * numberBytes;
  if (recording) {
    clear(func, add(recording[0], mul(first, sumsBytes)), mul(sub(last, first), sumsBytes / f.vectorBytes));
  }
  const strips = { buffer: func.let("buffer", add(scratch, room.buffer)), zeros: scratch };
  const products = func.let("products", add(scratch, room.planes));
  const at = (start: Planes["start"], channels: number): Planes => {
    return { start, plane, tile: channels * laneBytes, chunk: chunkBytes };
  };
  const spread = at(func.let("spread", add(products, plane)), input.channels);
  const total = func.let("total", mul(sub(last, first), stripsPerBlock(tiling)));
  const tiles = func.local("i32", "tiles");
  func.for("group", 0, total, (group) => {
    const end = func.let("end", min(add(group, tiling.group), total));
    clear(func, scratch, chunkBytes / f.vectorBytes);
    func.set(tiles, int(0));
    func.for("position", group, end, (position) => {
      const strip = stripAt(func, tiling, first, position);
      const source = { map: input, first: x, pad };
      spreadStrip(func, inputTransform, source, strip, strips, spread, tiles, pass);
      func.bump(tiles, strip.tiles);
    });
    const depths = { from: input.channels, to: output.channels };
    multiplyPlanes(func, depths, u, spread, { start: products, plane }, tiles);
    func.set(tiles, int(0));
    func.for("position", group, end, (position) => {
      const strip = stripAt(func, tiling, first, position);
      const target = { map: output, first: y };
      const statistics = recording && {
        sums: func.let("sums", add(recording[0], mul(strip.block, sumsBytes))),
        shift: recording[1],
      };
      gatherStrip(func, target, strip, strips, at(products, output.channels), tiles, statistics);
      func.bump(tiles, strip.tiles);
    });
  }, tiling.group);
  return func;
}

/** Fills with zeros; a count below 1 fills nothing. */
function clear(func: Func, start: Int, vectors: Int): void {
  const at = func.let("at", add(start, 0));
  func.for("vector", 0, vectors, () => {
    func.store(at, f.splat(0));
    func.bump(at, f.vectorBytes);
  });
}
