/**
 * Filter gradient of a Winograd convolution: dg = Gᵀ [Σ over tiles and samples (A dY Aᵀ) ⊙ (Bᵀ d B)] G.
 *
 * Each of the 36 places is a product of matrices whose depth is the tiles times the eight samples, so that a sum is one
 * number instead of a vector of samples. For this one factor has to have channels as lanes: that is dY, of which a tile
 * has fewer pixels. Sums lie as [36][⌈inputs/4⌉][⌈outputs/8⌉][4][8].
 *
 * @module
 */

import { type Features, Func, type Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, int, lt, min, mul, sub } from "../../assembler/i32.ts";
import { lanes } from "../../layout.ts";
import { chunkBlocks, type Kernel, kernel, numberBytes } from "../kernel.ts";
import { tile } from "../micro.ts";
import { fetchTiles, streamOver } from "./fetch.ts";
import { storeFilters, taps } from "./filters.ts";
import { type Activation, normalizeOf } from "../activation.ts";
import {
  chunkBytes,
  chunkChannels,
  gridOf,
  groupTiles,
  planeBytes,
  planes,
  planeSkew,
  points,
  tileAt,
  tileSize,
  type WinogradShape,
} from "./plan.ts";
import { accumulatePlanes } from "./product.ts";
import { spreadTile } from "./tiles.ts";
import { clearAbsentOf, turnTile } from "./turn.ts";

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

/** Most tiles of a group, and where things lie in the scratch memory: sums, planes of x, planes of g; in bytes. */
interface Room {
  readonly group: number;
  readonly inputs: { readonly start: number; readonly plane: number };
  readonly outputs: { readonly start: number; readonly plane: number; readonly chunk: number };
  readonly size: number;
}

function roomOf(shape: WinogradShape): Room {
  const [from, to] = [shape.input.channels, shape.output.channels];
  // Few tiles: planes of both factors and the sums share the cache.
  const group = groupTiles;
  const chunk = group * chunkBytes;
  const inputs = { start: planes * sumBytes(shape), plane: planeBytes(group, from) };
  const outputs = {
    start: inputs.start + planes * inputs.plane,
    plane: Math.ceil(to / chunkChannels) * chunk + planeSkew,
    chunk,
  };
  return { group, inputs, outputs, size: outputs.start + planes * outputs.plane };
}

/** Bytes of the sums of one plane. */
function sumBytes({ input, output }: WinogradShape): number {
  const [rows, columns] = [Math.ceil(input.channels / tile), Math.ceil(output.channels / chunkChannels)];
  return rows * tile * columns * chunkBytes / lanes + planeSkew;
}

function build(features: Features, constants: WinogradFilterConstants): Func {
  const { input, output, pad, chunk } = constants;
  const room = roomOf(constants);
  const grid = gridOf(output);
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
  const normalize = normalizeOf(func, constants.normalize);
  const inputs = { ...room.inputs, start: func.let("inputs", add(scratch, room.inputs.start)) };
  const outputs = { ...room.outputs, start: func.let("outputs", add(scratch, room.outputs.start)) };
  const depths = { from: input.channels, to: output.channels };
  const fresh = func.local("i32", "fresh");
  const size = output.channels * input.channels * taps;
  func.for("chunk", first, last, (position) => {
    const [firstBlock, lastBlock] = chunkBlocks(func, position, chunk, count);
    const result = func.let("result", add(partial, mul(position, size * numberBytes)));
    func.if(lt(firstBlock, lastBlock), () => {
      const blocks = func.let("blocks", sub(lastBlock, firstBlock));
      const total = func.let("total", mul(blocks, grid.rows * grid.columns));
      const streams = {
        input: streamOver(func, input, x, firstBlock, blocks),
        output: streamOver(func, output, g, firstBlock, blocks),
      };
      func.set(fresh, int(1));
      func.for("start", 0, total, (start) => {
        const end = func.let("end", min(add(start, room.group), total));
        fetchTiles(func, streams.input, input, grid, room.group, end, points - tileSize - pad[0]);
        fetchTiles(func, streams.output, output, grid, room.group, end);
        func.for("position", start, end, (position) => {
          const tile = tileAt(func, grid, firstBlock, start, position);
          spreadTile(func, { map: input, first: x, pad }, grid, tile, inputs, normalize);
          turnTile(func, { map: output, first: g }, grid, tile, outputs);
          clearAbsentOf(func, tile, count, { ...inputs, channels: depths.from }, { ...outputs, channels: depths.to });
        });
        accumulatePlanes(func, depths, inputs, outputs, scratch, func.let("tiles", sub(end, start)), fresh);
        func.set(fresh, int(0));
      }, room.group);
      storeFilters(func, depths, scratch, sumBytes(constants), result);
      // So that V8 has to read what it fetches.
      func.store(scratch, add(streams.input.sum, streams.output.sum));
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
