/**
 * How a filter gradient by products is cut up: columns by the remainder of their position, runs of output rows,
 * parts of the channels.
 *
 * A run's pixels of x, and of g for a part of the outputs, are turned so that channels become the lanes; then every
 * tap is a product of matrices whose depth is the run's output pixels times eight samples. Both lie in the caches
 * while they are used: budgets are for a first-level cache of 32 KiB and a second-level cache of 512 KiB.
 *
 * @module
 */

import type { Pair } from "../../../../ir/node.ts";
import { lanes } from "../../layout.ts";
import type { Activation } from "../activation.ts";
import type { MapSize } from "../pass.ts";
import { numberBytes } from "../kernel.ts";
import { tile } from "../micro.ts";

/** A filter gradient: the convolution it belongs to. */
export interface FilterShape {
  /** The convolution's input. */
  readonly input: MapSize;
  /** The convolution's output, where the gradient arrives. */
  readonly output: MapSize;
  readonly groups: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly pad: Pair;
}

/** Constants of a filter gradient's kernel. */
export interface FilterConstants extends FilterShape {
  /** Blocks of a chunk. */
  readonly chunk: number;
  /**
   * Reads act(x · scale + shift) in place of x, so that a normalised map need not exist in memory; two more
   * parameters, each a number for each input channel. Padding is zeros after the normalisation.
   */
  readonly normalize?: Activation;
}

/** Channels of a tile of x. */
export const wide = 8;

/** Bytes of a run of x, about. */
const inputBudget = 192 * 1024;

/** Bytes of a run of a part of g, about. */
const outputBudget = 192 * 1024;

/** Fewest steps of a product where there are so many: fetching and storing a tile of sums takes about 30. */
const worthwhileDepth = 256;

/** Bytes by which tiles are set apart from powers of two, where all would meet in one cache set. */
const skew = 64;

/** Columns m · stride + phase − pad of the input, for first ≤ m < first + count. */
export interface Phase {
  /** Input column of m = first. */
  readonly column: number;
  readonly first: number;
  readonly count: number;
  /** Pixels before it in a turned row. */
  readonly offset: number;
}

/** Where one tap of a row meets pixels: `count` from `input` of a turned row of x and from `output` of a row of g. */
export interface ColumnTap {
  readonly input: number;
  readonly output: number;
  readonly count: number;
}

/** The cut of one shape. */
export interface FilterPlan {
  /** Input and output channels of a group. */
  readonly from: number;
  readonly to: number;
  readonly phases: readonly Phase[];
  readonly taps: readonly ColumnTap[];
  /** Rows of x from one output row to the next in a run; rows that no tap meets are left out. */
  readonly rowStep: number;
  /** Whether a tap's pixels of a run lie in one piece, over all rows and blocks. */
  readonly joined: boolean;
  /** Most output rows of a run, and most blocks: more than one only with all rows. */
  readonly rows: number;
  readonly blocks: number;
  /** Most rows of x of a block of a run. */
  readonly inputRows: number;
  /** Most tiles of x of a part, and of g. */
  readonly inputTiles: number;
  readonly outputTiles: number;
  /** Bytes of a turned row of a tile, and from a tile to the next, of x and g. */
  readonly input: { readonly row: number; readonly tile: number };
  readonly output: { readonly row: number; readonly tile: number };
}

/** Bytes of one pixel of a turned tile of `channels` channels. */
export function pixelBytes(channels: number): number {
  return channels * lanes * numberBytes;
}

/** Cuts up a filter gradient. */
export function planOf({ input, output, groups, kernel, stride, pad, chunk }: FilterConstants): FilterPlan {
  const [from, to] = [input.channels / groups, output.channels / groups];
  const { phases, taps } = columnsOf(input.width, output.width, kernel[1], stride[1], pad[1]);
  const rowStep = Math.min(kernel[0], stride[0]);
  const inputRows = (rows: number): number => (rows - 1) * rowStep + kernel[0];
  const inputRow = phases.reduce((sum, { count }) => sum + count, 0) * pixelBytes(wide);
  const outputRow = output.width * pixelBytes(tile);
  const wanted = Math.min(output.height, Math.ceil(worthwhileDepth / (output.width * lanes)));
  const inputTiles = share(Math.ceil(from / wide), inputBudget / (inputRows(wanted) * inputRow));
  const outputs = Math.ceil(to / tile);
  // So many rows of x fit, and so many of all of g: it is read with the fewest leaps if it is not cut into parts.
  const mostInput = inputBudget / (inputTiles * inputRow);
  const mostOutput = Math.max(wanted, (outputBudget / outputs - skew) / outputRow);
  const rows = share(output.height, Math.min((mostInput - kernel[0]) / rowStep + 1, mostOutput));
  const blocks = rows < output.height ? 1 : share(chunk, Math.min(mostInput / inputRows(rows), mostOutput / rows));
  const outputTile = blocks * rows * outputRow + skew;
  return {
    from,
    to,
    phases,
    taps,
    rowStep,
    joined: [...kernel].every((size) => size === 1) && [...pad].every((zeros) => zeros === 0),
    rows,
    blocks,
    inputRows: inputRows(rows),
    inputTiles,
    outputTiles: share(outputs, outputBudget / outputTile),
    input: { row: inputRow, tile: blocks * inputRows(rows) * inputRow + skew },
    output: { row: outputRow, tile: outputTile },
  };
}

/** Size of the parts if `total` is cut into the fewest of at most `most`, about equal. */
export function share(total: number, most: number): number {
  const parts = Math.max(1, Math.ceil(total / Math.max(1, Math.floor(most))));
  return Math.ceil(total / parts);
}

/**
 * Output column j meets tap t at input column j · stride + t − pad. Columns with the same remainder lie side by side
 * in a turned row, so that a tap meets neighbours; where the stride is larger than the kernel, each tap has its own.
 */
function columnsOf(
  width: number,
  outputs: number,
  size: number,
  stride: number,
  pad: number,
): { readonly phases: readonly Phase[]; readonly taps: readonly ColumnTap[] } {
  const count = Math.min(size, stride);
  const phases: Phase[] = [];
  let offset = 0;
  for (let phase = 0; phase < count; phase++) {
    const furthest = outputs + Math.floor((size - 1 - phase) / count);
    const first = Math.max(0, Math.ceil((pad - phase) / stride));
    const last = Math.max(first, Math.min(furthest, Math.floor((width - 1 + pad - phase) / stride) + 1));
    phases.push({ column: first * stride + phase - pad, first, count: last - first, offset });
    offset += last - first;
  }
  const taps = Array.from({ length: size }, (_, tap) => {
    const { first, count: present, offset } = phases[tap % count]!;
    const ahead = Math.floor(tap / count);
    const output = Math.max(0, first - ahead);
    const end = Math.min(outputs, first + present - ahead);
    return { input: offset + output + ahead - first, output, count: Math.max(0, end - output) };
  });
  return { phases, taps };
}
