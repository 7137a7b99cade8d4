/**
 * What the tests of direct convolution kernels share: a convolution in memory, the naive loops.
 *
 * @module
 */

import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import type { Activation } from "../../runtime/backend/wasm/kernels/activation.ts";
import { convolve, convolveScratch, packedSize, packedSizes } from "../../runtime/backend/wasm/kernels/convolve.ts";
import { depthwise, depthwiseScratch } from "../../runtime/backend/wasm/kernels/depthwise/depthwise.ts";
import type { Epilogue } from "../../runtime/backend/wasm/kernels/epilogue.ts";
import {
  type Convolution,
  type ConvolutionPart,
  type MapSize,
  passesOf,
} from "../../runtime/backend/wasm/kernels/pass.ts";
import type { Pair } from "../../runtime/ir/node.ts";
import { Bench, sizeOf } from "./winograd_fixtures.ts";

/** Height, width, kernel, stride, pad, groups, channels in and out of a group. */
export type Case = readonly [number, number, Pair, Pair, Pair, number, number, number];

/** Present samples: two blocks, the second of which is not full. */
export const samples = 11;
const blocks = 2;

/** The convolution of a case. */
export function convolutionOf([height, width, kernel, stride, pad, groups, from, to]: Case): Convolution {
  const along = (size: number, axis: 0 | 1): number => {
    return Math.floor((size + 2 * pad[axis] - kernel[axis]) / stride[axis]) + 1;
  };
  return {
    input: { height, width, channels: groups * from },
    output: { height: along(height, 0), width: along(width, 1), channels: groups * to },
    kernel,
    stride,
    pad,
    groups,
  };
}

/** Visits every product of a convolution: places in the lanes of its input, its weights, the lanes of its output. */
function overProducts(
  { input, output, kernel, stride, pad, groups }: Convolution,
  visit: (x: number, w: number, y: number) => void,
): void {
  const [from, to] = [input.channels / groups, output.channels / groups];
  const pixels = (size: MapSize, row: number, column: number): number => (row * size.width + column) * size.channels;
  for (let i = 0; i < output.height; i++) {
    for (let j = 0; j < output.width; j++) {
      for (let r = 0; r < kernel[0]; r++) {
        for (let t = 0; t < kernel[1]; t++) {
          const [row, column] = [i * stride[0] + r - pad[0], j * stride[1] + t - pad[1]];
          if (row < 0 || row >= input.height || column < 0 || column >= input.width) continue;
          for (let o = 0; o < output.channels; o++) {
            for (let c = 0; c < from; c++) {
              const x = pixels(input, row, column) + Math.floor(o / to) * from + c;
              const w = ((o * from + c) * kernel[0] + r) * kernel[1] + t;
              const y = pixels(output, i, j) + o;
              for (let lane = 0; lane < blocks * 8; lane++) {
                const block = Math.floor(lane / 8);
                visit(
                  block * sizeOf(input) + x * 8 + lane % 8,
                  w,
                  block * sizeOf(output) + y * 8 + lane % 8,
                );
              }
            }
          }
        }
      }
    }
  }
}

/** The result by the definition, from what `read` gives for a place of the map that is read. */
export function reference(
  convolution: Convolution,
  part: ConvolutionPart,
  weights: Float32Array,
  read: (place: number) => number,
): Float64Array {
  const result = new Float64Array(blocks * sizeOf(part === "forward" ? convolution.output : convolution.input));
  overProducts(convolution, (x, w, y) => {
    const [from, to] = part === "forward" ? [x, y] : [y, x];
    result[to]! += weights[w]! * read(from);
  });
  return result;
}

/** Relative l2 error of the places that count; infinite if one of them is no number. */
export function errorOf(
  actual: ArrayLike<number>,
  expected: Float64Array,
  counts: (place: number) => boolean,
): number {
  let [difference, size] = [0, 1e-30];
  expected.forEach((value, i) => {
    if (!counts(i)) return;
    difference += Number.isNaN(actual[i]!) ? Infinity : (actual[i]! - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}

/** How a result is computed. */
interface Wanted {
  readonly normalize?: Activation;
  /** A number for every channel in place of random ones. */
  readonly scale?: number;
  readonly shift?: number;
  readonly range?: Pair;
}

/** A convolution of random numbers in memory; absent samples of its input hold no numbers. */
export class Direct {
  /** What is read and, in PyTorch's order, the weights. */
  readonly x: Float32Array;
  readonly weights: Float32Array;
  /** Tables of a number for each channel of the result. */
  readonly tables: readonly Float32Array[];
  /** What the result holds before. */
  readonly untouched = 12.5;
  readonly #bench: Bench;
  readonly #convolution: Convolution;
  readonly #part: ConvolutionPart;
  readonly #from: MapSize;
  readonly #to: MapSize;
  readonly #x: number;
  readonly #y: number;
  readonly #w: number;
  readonly #map: number;
  readonly #tables: readonly number[];
  readonly #scaling: Pair;
  readonly #areas: { readonly address: number; readonly numbers: number }[] = [];

  constructor(features: Features, convolution: Convolution, part: ConvolutionPart) {
    const bench = new Bench(features);
    const { input, output, kernel, groups } = convolution;
    this.#bench = bench;
    this.#convolution = convolution;
    this.#part = part;
    [this.#from, this.#to] = part === "forward" ? [input, output] : [output, input];
    const numbers = output.channels * input.channels / groups * kernel[0] * kernel[1];
    this.#w = bench.random(numbers);
    this.weights = bench.at(this.#w, numbers);
    this.#x = bench.random(blocks * sizeOf(this.#from));
    this.x = bench.at(this.#x, blocks * sizeOf(this.#from));
    this.x.forEach((_, i) => {
      if (Math.floor(i / sizeOf(this.#from)) * 8 + i % 8 >= samples) this.x[i] = NaN;
    });
    this.#y = this.#area(blocks * sizeOf(this.#to), this.untouched);
    this.#map = bench.random(blocks * sizeOf(this.#to));
    this.#tables = [bench.random(this.#to.channels), bench.random(this.#to.channels)];
    this.tables = this.#tables.map((table) => bench.at(table, this.#to.channels));
    this.#scaling = [bench.random(this.#from.channels), bench.random(this.#from.channels)];
  }

  #area(numbers: number, value: number): number {
    const address = this.#bench.filled(numbers, value);
    this.#areas.push({ address, numbers });
    return address;
  }

  /** Runs the kernel and gives the result. */
  result({ normalize, scale, shift, range = [0, blocks] }: Wanted): Float32Array {
    const y = this.#bench.at(this.#y, blocks * sizeOf(this.#to)).fill(this.untouched);
    const scaling = [scale, shift].map((number, i) => {
      return number === undefined ? this.#scaling[i]! : this.#bench.filled(this.#from.channels, number);
    });
    this.#run(normalize, undefined, range, scaling, []);
    return y;
  }

  /** Runs the kernel with an epilogue of at most one map and two tables. */
  ended(
    epilogue: Epilogue,
    { normalize, inPlace = false }: { readonly normalize?: Activation; readonly inPlace?: boolean } = {},
  ): { readonly y: Float32Array; readonly map: Float32Array; readonly sums: Float32Array } {
    const y = this.#bench.at(this.#y, blocks * sizeOf(this.#to)).fill(this.untouched);
    const map = this.#bench.at(this.#map, y.length);
    if (inPlace) y.set(map);
    const size = blocks * this.#to.channels * 16;
    const sums = this.#area(size, NaN);
    const maps = epilogue.maps === 0 ? [] : [inPlace ? this.#y : this.#map];
    const operands = [...maps, ...this.#tables.slice(0, epilogue.tables), ...(epilogue.sums ? [sums] : [])];
    this.#run(normalize, epilogue, [0, blocks], this.#scaling, operands);
    return { y: y.slice(), map, sums: this.#bench.at(sums, size) };
  }

  #run(
    normalize: Activation | undefined,
    epilogue: Epilogue | undefined,
    range: Pair,
    scaling: readonly number[],
    operands: readonly number[],
  ): void {
    const constants = {
      convolution: this.#convolution,
      part: this.#part,
      ...(normalize && { normalize }),
      ...(epilogue && { epilogue }),
    };
    const { input, output, groups } = this.#convolution;
    const channelwise = input.channels === groups && output.channels === groups;
    const scratch = channelwise ? depthwiseScratch(constants) : convolveScratch(constants);
    this.#bench.run(
      channelwise ? depthwise(constants) : convolve(constants),
      this.#x,
      channelwise ? this.#w : this.#packed(),
      this.#y,
      ...(normalize ? [this.#area(scratch, NaN)] : []),
      ...range,
      ...(normalize ? scaling : []),
      ...operands,
    );
  }

  /** Address of the packed weights: [pass][groups][⌈out/4⌉][taps][in][4]. */
  #packed(): number {
    const { input, output, groups, kernel } = this.#convolution;
    const [into, out] = [input.channels / groups, output.channels / groups];
    const passes = passesOf(this.#convolution, this.#part);
    const address = this.#bench.filled(packedSizes(passes), 0);
    const packed = this.#bench.at(address, packedSizes(passes));
    let before = 0;
    for (const pass of passes) {
      const { taps: [rows, columns], first, by } = pass;
      const [from, to] = this.#part === "forward" ? [into, out] : [out, into];
      for (let g = 0; g < groups; g++) {
        for (let o = 0; o < to; o++) {
          for (let r = 0; r < rows; r++) {
            for (let t = 0; t < columns; t++) {
              for (let c = 0; c < from; c++) {
                const [filter, channel] = this.#part === "forward" ? [o, c] : [c, o];
                const [row, column] = [first[0] + r * by[0], first[1] + t * by[1]];
                const w = (((g * out + filter) * into + channel) * kernel[0] + row) * kernel[1] + column;
                const tiles = g * Math.ceil(to / 4) + Math.floor(o / 4);
                packed[before + (((tiles * rows + r) * columns + t) * from + c) * 4 + o % 4] = this.weights[w]!;
              }
            }
          }
        }
      }
      before += packedSize(pass);
    }
    return address;
  }

  /** What is read at a place, normalised with the random scales and shifts. */
  normalized(activation: Activation, place: number): number {
    const [scale, shift] = this.#scaling.map((table) => this.#bench.at(table, this.#from.channels)) as [
      Float32Array,
      Float32Array,
    ];
    const channel = Math.floor(place / 8) % this.#from.channels;
    const value = this.x[place]! * scale[channel]! + shift[channel]!;
    if (activation === "identity") return value;
    return activation === "relu" ? Math.max(0, value) : Math.min(6, Math.max(0, value));
  }

  /** Channel of a place of the result. */
  channelOf(place: number): number {
    return Math.floor(place / 8) % this.#to.channels;
  }

  /** Where a place of the result is summed up, in [blocks][channels][8]. */
  sumPlace(place: number): number {
    const block = Math.floor(place / sizeOf(this.#to));
    return (block * this.#to.channels + this.channelOf(place)) * 8 + place % 8;
  }

  /** Whether a place of the result belongs to a present sample. */
  readonly isPresent = (place: number): boolean => Math.floor(place / sizeOf(this.#to)) * 8 + place % 8 < samples;

  /** Whether nothing was written behind what a kernel may write. */
  isIntact(): boolean {
    return this.#areas.every(({ address, numbers }) => this.#bench.intact(address, numbers));
  }
}
