/**
 * What the tests of Winograd kernels share: shapes, a memory that notices stray writes, the naive loops.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import { encodeModule } from "../../runtime/backend/wasm/assembler/module.ts";
import { hasRelaxedSimd } from "../../runtime/backend/wasm/features.ts";
import type { Kernel } from "../../runtime/backend/wasm/kernels/kernel.ts";
import type { WinogradShape } from "../../runtime/backend/wasm/kernels/winograd/plan.ts";

/** Feature sets to test: both where this machine has both. */
export const machines: readonly Features[] = [{ relaxed: false }, ...(hasRelaxedSimd() ? [{ relaxed: true }] : [])];

/** Height, width, channels in and out, pad of rows and columns, samples. */
export type Case = readonly [number, number, number, number, number, number, number];

/**
 * Even and odd maps, edge tiles on every side, wide and narrow channels, several strips, groups and blocks, planes and
 * pixels more than 64 KiB apart.
 */
export const cases: readonly Case[] = [
  [3, 3, 1, 1, 1, 1, 1],
  [4, 4, 4, 4, 1, 1, 8],
  [8, 8, 8, 12, 1, 1, 9],
  [5, 7, 3, 5, 1, 1, 11],
  [9, 3, 17, 6, 0, 0, 17],
  [6, 35, 9, 8, 1, 1, 3],
  [3, 19, 4, 7, 0, 1, 12],
  [7, 6, 2, 130, 2, 1, 5],
  [1, 2, 5, 3, 1, 2, 7],
  [17, 18, 16, 16, 1, 1, 6],
  [2, 2, 40, 33, 1, 1, 16],
  [4, 6, 520, 2, 1, 1, 3],
];

/** Relative l2 errors: single precision, a few units in the last place times the transforms' growth of rounding. */
export const tolerance: { readonly map: number; readonly filter: number } = { map: 3e-6, filter: 2e-5 };

/** Error a map of a case may have: beyond 130 channels rounding grows with the root of how many are summed over. */
export function mapTolerance([, , channels, outputs]: Case): number {
  return tolerance.map * Math.sqrt(Math.max(1, Math.max(channels, outputs) / 130));
}

/** The convolution of a case. */
export function shapeOf([height, width, channels, outputs, top, left]: Case): WinogradShape {
  return {
    input: { height, width, channels },
    output: { height: height + 2 * top - 2, width: width + 2 * left - 2, channels: outputs },
    pad: [top, left],
  };
}

/** A memory whose areas are surrounded by marks, to see that nothing is written beside them. */
export class Bench {
  readonly #memory = new WebAssembly.Memory({ initial: 700, maximum: 65536 });
  readonly #floats = new Float32Array(this.#memory.buffer).fill(mark);
  readonly #features: Features;
  #used = 64;
  #state = 1;

  constructor(features: Features) {
    this.#features = features;
  }

  /** Address of an area filled with numbers in [−1, 1). */
  random(numbers: number): number {
    const address = this.filled(numbers, 0);
    for (let i = 0; i < numbers; i++) {
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
      this.#floats[address / 4 + i] = this.#state / 2 ** 31 - 1;
    }
    return address;
  }

  /** Address of an area of one number. */
  filled(numbers: number, value: number): number {
    const start = this.#used;
    this.#used += Math.ceil(numbers / 16) * 16 + 64;
    this.#floats.fill(value, start, start + numbers);
    this.#floats.fill(mark, start + numbers, this.#used);
    assert(this.#used < this.#floats.length);
    return start * 4;
  }

  at(address: number, numbers: number): Float32Array {
    return this.#floats.subarray(address / 4, address / 4 + numbers);
  }

  run(kernel: Kernel, ...args: readonly number[]): void {
    const func = kernel.build(this.#features);
    const bytes = encodeModule([{ name: "run", parameters: func.parameters, body: func.body(), exported: true }]);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory: this.#memory } });
    (exports.run as (...args: readonly number[]) => void)(...args);
  }

  /** Whether the marks behind an area are whole. */
  intact(address: number, numbers: number): boolean {
    return this.at(address + numbers * 4, 64).every((value) => value === mark);
  }
}

const mark = 12345;

/** Groups of eight samples. */
export function blocksOf(samples: number): number {
  return Math.ceil(samples / 8);
}

/** Numbers of a block of a map. */
export function sizeOf({ height, width, channels }: WinogradShape["input"]): number {
  return height * width * channels * 8;
}

/** Visits every product of a convolution: places in x, in the filters and in y. */
export function overProducts(
  { input, output, pad }: WinogradShape,
  samples: number,
  visit: (x: number, w: number, y: number) => void,
): void {
  for (let n = 0; n < samples; n++) {
    const [block, lane] = [Math.floor(n / 8), n % 8];
    for (let h = 0; h < output.height; h++) {
      for (let v = 0; v < output.width; v++) {
        for (let tap = 0; tap < 9; tap++) {
          const [row, column] = [h + Math.floor(tap / 3) - pad[0], v + tap % 3 - pad[1]];
          if (row < 0 || row >= input.height || column < 0 || column >= input.width) continue;
          const from = ((block * input.height + row) * input.width + column) * input.channels;
          const to = ((block * output.height + h) * output.width + v) * output.channels;
          for (let o = 0; o < output.channels; o++) {
            for (let c = 0; c < input.channels; c++) {
              visit((from + c) * 8 + lane, (o * input.channels + c) * 9 + tap, (to + o) * 8 + lane);
            }
          }
        }
      }
    }
  }
}

/** Relative l2 error where the sample is present; none where both are all zeros. */
export function errorOf(actual: Float32Array, expected: Float64Array, present: (place: number) => boolean): number {
  let [difference, size] = [0, 0];
  expected.forEach((value, i) => {
    if (!present(i)) return;
    difference += (actual[i]! - value) ** 2;
    size += value ** 2;
  });
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}

/** Whether the sample at a place is below `samples`. */
export function presence(block: number, samples: number): (place: number) => boolean {
  return (place) => Math.floor(place / block) * 8 + place % 8 < samples;
}

/** Sets absent samples to NaN. */
export function spoil(values: Float32Array, block: number, samples: number): void {
  const present = presence(block, samples);
  values.forEach((_, i) => {
    if (!present(i)) values[i] = NaN;
  });
}
