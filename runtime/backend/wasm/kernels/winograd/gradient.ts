/**
 * Filter gradient of a Winograd convolution: dg = Gᵀ [Σ over tiles and samples (A dY Aᵀ) ⊙ (Bᵀ d B)] G.
 *
 * Both factors are transformed with channels as lanes, so that each of the 36 places is a product of matrices whose
 * depth is the tiles times the eight samples, and a sum is one number instead of a vector of lanes. Sums lie as
 * [36][⌈outputs/4⌉][⌈inputs/8⌉][4][8].
 *
 * @module
 */

import { type Features, Func, type Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, int, lt, min, mul, sub } from "../../assembler/i32.ts";
import { lanes } from "../../layout.ts";
import { chunkBlocks, type Kernel, kernel, numberBytes, presentMasks } from "../kernel.ts";
import type { Activation } from "../activation.ts";
import { tile } from "../micro.ts";
import { storeFilters, taps } from "./filters.ts";
import { turnLanes } from "./pixels.ts";
import {
  chunkBytes,
  chunkChannels,
  planes,
  planeSkew,
  stripAt,
  stripBytes,
  stripsPerBlock,
  type Tiling,
  tilingOf,
  type WinogradShape,
} from "./plan.ts";
import { accumulatePlanes } from "./product.ts";
import { type Planes, spreadStrip } from "./strip.ts";
import { gradientTransform, inputTransform } from "./transform.ts";

/** Constants of a filter gradient. */
export interface WinogradFilterConstants extends WinogradShape {
  /** Blocks of a chunk. */
  readonly chunk: number;
  /** Reads activation(x · scale + shift) in place of x; two more parameters, each a number for each input channel. */
  readonly normalize?: Activation;
}

/** Kernel (x, g, scratch, partial [chunks][outputs][inputs][3][3], first chunk, last chunk, count[, scale, shift]). */
export function winogradFilter(constants: WinogradFilterConstants): Kernel {
  return kernel("winogradFilter", constants, build);
}

/** Numbers of scratch memory of `winogradFilter`, for each thread. */
export function winogradFilterScratch(shape: WinogradShape): number {
  return roomOf(shape).size / numberBytes;
}

/** Where things lie in the scratch memory, in bytes, and how long they are. */
interface Room {
  readonly tiling: Tiling;
  readonly buffer: number;
  readonly sums: number;
  readonly inputs: Planes & { readonly start: number };
  readonly outputs: Planes & { readonly start: number };
  readonly size: number;
}

function roomOf(shape: WinogradShape): Room {
  const [from, to] = [shape.input.channels, shape.output.channels];
  // Two planes of each point share the cache here.
  const tiling = tilingOf(shape, 2 * Math.max(from, to));
  const chunk = tiling.capacity * chunkBytes;
  const planesOf = (start: number, channels: number): Planes & { readonly start: number } => {
    return { start, plane: Math.ceil(channels / chunkChannels) * chunk + planeSkew, tile: chunkBytes, chunk };
  };
  const buffer = chunkBytes;
  const sums = buffer + stripBytes(tiling);
  const inputs = planesOf(sums + planes * sumBytes(shape), from);
  const outputs = planesOf(inputs.start + planes * inputs.plane, to);
  return { tiling, buffer, sums, inputs, outputs, size: outputs.start + planes * outputs.plane };
}

/** Bytes of the sums of one plane. */
function sumBytes({ input, output }: WinogradShape): number {
  const [rows, columns] = [Math.ceil(output.channels / tile), Math.ceil(input.channels / chunkChannels)];
  return rows * tile * columns * chunkBytes / lanes + planeSkew;
}

function build(features: Features, constants: WinogradFilterConstants): Func {
  const { input, output, pad, chunk } = constants;
  const room = roomOf(constants);
  const { tiling } = room;
  const func = new Func("winogradFilter", features);
  const [x, g, scratch, partial, first, last, count] = func.params(
    "x",
    "g",
    "scratch",
    "partial",
    "first",
    "last",
    "count",
  );
  const scaling = constants.normalize && func.params("scale", "shift");
  const normalize = scaling && { scale: scaling[0], shift: scaling[1], activation: constants.normalize! };
  const within = (part: Planes & { readonly start: number }): Planes => {
    return { ...part, start: func.let("part", add(scratch, part.start)) };
  };
  const [inputs, outputs] = [within(room.inputs), within(room.outputs)];
  const sums = func.let("sums", add(scratch, room.sums));
  const strips = { buffer: func.let("buffer", add(scratch, room.buffer)), zeros: scratch };
  const [tiles, fresh] = [func.local("i32", "tiles"), func.local("i32", "fresh")];
  const size = output.channels * input.channels * taps;
  clear(func, scratch, chunkBytes / numberBytes);
  func.for("chunk", first, last, (position) => {
    const [firstBlock, lastBlock] = chunkBlocks(func, position, chunk, count);
    const result = func.let("result", add(partial, mul(position, size * numberBytes)));
    func.if(lt(firstBlock, lastBlock), () => {
      const total = func.let("total", mul(sub(lastBlock, firstBlock), stripsPerBlock(tiling)));
      func.set(fresh, int(1));
      func.for("group", 0, total, (group) => {
        func.set(tiles, int(0));
        func.for("position", group, min(add(group, tiling.group), total), (position) => {
          const strip = stripAt(func, tiling, firstBlock, position);
          const masks = presentMasks(func, strip.block, count);
          const source = { map: input, first: x, pad };
          spreadStrip(func, inputTransform, source, strip, strips, inputs, tiles, turnLanes(masks, normalize));
          const gradient = { map: output, first: g, pad: [0, 0] as const };
          spreadStrip(func, gradientTransform, gradient, strip, strips, outputs, tiles, turnLanes(masks));
          func.bump(tiles, strip.tiles);
        });
        const depths = { from: input.channels, to: output.channels };
        accumulatePlanes(func, depths, outputs, inputs, sums, tiles, fresh);
        func.set(fresh, int(0));
      }, tiling.group);
      storeFilters(func, { from: input.channels, to: output.channels }, sums, sumBytes(constants), result);
    }, () => clear(func, result, size));
  });
  return func;
}

function clear(func: Func, start: Local<"i32">, numbers: number): void {
  const at = func.let("at", start);
  func.times(Math.floor(numbers / 4), () => {
    func.store(at, f.splat(0));
    func.bump(at, f.vectorBytes);
  });
  for (let i = 0; i < numbers % 4; i++) func.store(at, int(0), i * numberBytes);
}
