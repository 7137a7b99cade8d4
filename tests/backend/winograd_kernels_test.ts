import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import { encodeModule } from "../../runtime/backend/wasm/assembler/module.ts";
import { hasRelaxedSimd } from "../../runtime/backend/wasm/features.ts";
import type { Kernel } from "../../runtime/backend/wasm/kernels/kernel.ts";
import {
  winogradForward,
  winogradForwardScratch,
  winogradInput,
  winogradInputScratch,
} from "../../runtime/backend/wasm/kernels/winograd/convolve.ts";
import { winogradPays } from "../../runtime/backend/wasm/kernels/winograd/cost.ts";
import { winogradFilters, winogradFiltersSize } from "../../runtime/backend/wasm/kernels/winograd/filters.ts";
import { winogradFilter, winogradFilterScratch } from "../../runtime/backend/wasm/kernels/winograd/gradient.ts";
import { type WinogradShape, winogradShape } from "../../runtime/backend/wasm/kernels/winograd/plan.ts";

const machines: readonly Features[] = [{ relaxed: false }, ...(hasRelaxedSimd() ? [{ relaxed: true }] : [])];

/** Height, width, channels in and out, pad of rows and columns, samples. */
type Case = readonly [number, number, number, number, number, number, number];

/** Even and odd maps, edge tiles on every side, wide and narrow channels, several strips, groups and blocks. */
const cases: readonly Case[] = [
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
];

/** Relative l2 errors: single precision, a few units in the last place times the transforms' growth of rounding. */
const tolerance = { map: 3e-6, filter: 2e-5 };

function shapeOf([height, width, channels, outputs, top, left]: Case): WinogradShape {
  return {
    input: { height, width, channels },
    output: { height: height + 2 * top - 2, width: width + 2 * left - 2, channels: outputs },
    pad: [top, left],
  };
}

/** A memory whose areas are surrounded by marks, to see that nothing is written beside them. */
class Bench {
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

function blocksOf(samples: number): number {
  return Math.ceil(samples / 8);
}

function sizeOf({ height, width, channels }: WinogradShape["input"]): number {
  return height * width * channels * 8;
}

/** Visits every product of a convolution: places in x, in the filters and in y. */
function overProducts(
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

/** Relative l2 error where the sample is present. */
function errorOf(actual: Float32Array, expected: Float64Array, present: (place: number) => boolean): number {
  let [difference, size] = [0, 0];
  expected.forEach((value, i) => {
    if (!present(i)) return;
    difference += (actual[i]! - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}

function presence(block: number, samples: number): (place: number) => boolean {
  return (place) => Math.floor(place / block) * 8 + place % 8 < samples;
}

/** Sets absent samples to NaN. */
function spoil(values: Float32Array, block: number, samples: number): void {
  const present = presence(block, samples);
  values.forEach((_, i) => {
    if (!present(i)) values[i] = NaN;
  });
}

for (const features of machines) {
  const machine = features.relaxed ? "relaxed SIMD" : "plain SIMD";

  Deno.test(`winogradForward() convolves any map on ${machine}`, () => {
    for (const wanted of cases) {
      const [shape, samples] = [shapeOf(wanted), wanted[6]];
      const [from, to] = [sizeOf(shape.input), sizeOf(shape.output)];
      const filters = { from: wanted[2], to: wanted[3], turned: false };
      const bench = new Bench(features);
      const x = bench.random(blocksOf(samples) * from);
      const w = bench.random(9 * filters.from * filters.to);
      const [y, u] = [bench.filled(blocksOf(samples) * to, NaN), bench.filled(winogradFiltersSize(filters), NaN)];
      const scratch = bench.filled(winogradForwardScratch(shape), NaN);
      const [xs, ws] = [bench.at(x, blocksOf(samples) * from), bench.at(w, 9 * filters.from * filters.to)];
      spoil(xs, from, samples);
      bench.run(winogradFilters(filters), w, u);
      bench.run(winogradForward(shape), x, u, y, scratch, 0, blocksOf(samples));
      const expected = new Float64Array(blocksOf(samples) * to);
      overProducts(shape, samples, (p, q, r) => expected[r]! += xs[p]! * ws[q]!);
      const error = errorOf(bench.at(y, expected.length), expected, presence(to, samples));
      assert(error <= tolerance.map, `${wanted}: ${error}`);
      assert(bench.intact(y, expected.length) && bench.intact(u, winogradFiltersSize(filters)), `${wanted}`);
      assert(bench.intact(scratch, winogradForwardScratch(shape)), `${wanted}`);
    }
  });

  Deno.test(`winogradInput() is the input gradient on ${machine}`, () => {
    for (const wanted of cases) {
      const [shape, samples] = [shapeOf(wanted), wanted[6]];
      const [from, to] = [sizeOf(shape.input), sizeOf(shape.output)];
      const filters = { from: wanted[2], to: wanted[3], turned: true };
      const bench = new Bench(features);
      const g = bench.random(blocksOf(samples) * to);
      const w = bench.random(9 * filters.from * filters.to);
      const [dx, u] = [bench.filled(blocksOf(samples) * from, NaN), bench.filled(winogradFiltersSize(filters), NaN)];
      const scratch = bench.filled(winogradInputScratch(shape), NaN);
      const [gs, ws] = [bench.at(g, blocksOf(samples) * to), bench.at(w, 9 * filters.from * filters.to)];
      spoil(gs, to, samples);
      bench.run(winogradFilters(filters), w, u);
      bench.run(winogradInput(shape), g, u, dx, scratch, 0, blocksOf(samples));
      const expected = new Float64Array(blocksOf(samples) * from);
      overProducts(shape, samples, (p, q, r) => expected[p]! += gs[r]! * ws[q]!);
      const error = errorOf(bench.at(dx, expected.length), expected, presence(from, samples));
      assert(error <= tolerance.map, `${wanted}: ${error}`);
      assert(bench.intact(dx, expected.length), `${wanted}`);
      assert(bench.intact(scratch, winogradInputScratch(shape)), `${wanted}`);
    }
  });

  Deno.test(`winogradFilter() is the filter gradient of the samples present on ${machine}`, () => {
    for (const wanted of cases) {
      const [shape, samples] = [shapeOf(wanted), wanted[6]];
      const [from, to] = [sizeOf(shape.input), sizeOf(shape.output)];
      const size = 9 * wanted[2] * wanted[3];
      const blocks = blocksOf(samples) + 1;
      const bench = new Bench(features);
      const [x, g] = [bench.random(blocks * from), bench.random(blocks * to)];
      const [xs, gs] = [bench.at(x, blocks * from), bench.at(g, blocks * to)];
      spoil(xs, from, samples);
      spoil(gs, to, samples);
      const partial = bench.filled(blocks * size, NaN);
      const scratch = bench.filled(winogradFilterScratch(shape), NaN);
      bench.run(winogradFilter({ ...shape, chunk: 1 }), x, g, scratch, partial, 0, blocks, samples);
      const expected = new Float64Array(size);
      overProducts(shape, samples, (p, q, r) => expected[q]! += xs[p]! * gs[r]!);
      const chunks = Array.from({ length: blocks }, (_, i) => bench.at(partial + i * size * 4, size));
      const sum = Float32Array.from(expected, (_, i) => chunks.reduce((total, chunk) => total + chunk[i]!, 0));
      const error = errorOf(sum, expected, () => true);
      assert(error <= tolerance.filter, `${wanted}: ${error}`);
      assert(chunks.at(-1)!.every((value) => value === 0), `${wanted}: a chunk without samples`);
      assert(bench.intact(partial, blocks * size) && bench.intact(scratch, winogradFilterScratch(shape)), `${wanted}`);
    }
  });

  Deno.test(`Winograd kernels give the same bits however the blocks are split on ${machine}`, () => {
    const shape = shapeOf([7, 9, 5, 8, 1, 1, 40]);
    const [from, to, size] = [sizeOf(shape.input), sizeOf(shape.output), 9 * 5 * 8];
    const filters = { from: 5, to: 8, turned: false };
    const bench = new Bench(features);
    const [x, g, w] = [bench.random(5 * from), bench.random(5 * to), bench.random(size)];
    const u = bench.filled(winogradFiltersSize(filters), NaN);
    bench.run(winogradFilters(filters), w, u);
    const forward = (bounds: readonly number[]): Float32Array => {
      const [y, scratch] = [bench.filled(5 * to, NaN), bench.filled(winogradForwardScratch(shape), NaN)];
      for (let i = bounds.length - 1; i > 0; i--) {
        bench.run(winogradForward(shape), x, u, y, scratch, bounds[i - 1]!, bounds[i]!);
      }
      return bench.at(y, 5 * to);
    };
    const gradient = (bounds: readonly number[]): Float32Array => {
      const [partial, scratch] = [bench.filled(3 * size, NaN), bench.filled(winogradFilterScratch(shape), NaN)];
      for (let i = bounds.length - 1; i > 0; i--) {
        const kernel = winogradFilter({ ...shape, chunk: 2 });
        bench.run(kernel, x, g, scratch, partial, bounds[i - 1]!, bounds[i]!, 37);
      }
      return bench.at(partial, 3 * size);
    };
    const [whole, sums] = [forward([0, 5]), gradient([0, 3])];
    assertEquals(forward([0, 1, 1, 4, 5]), whole);
    assertEquals(forward([0, 1, 2, 3, 4, 5]), whole);
    assertEquals(gradient([0, 1, 2, 3]), sums);
    assertEquals(gradient([0, 2, 3]), sums);
    assertNotEquals(sums.subarray(0, size), sums.subarray(size, 2 * size));
  });
}

Deno.test("winogradShape() takes 3×3 filters of stride 1 without groups", () => {
  const input = { height: 8, width: 8, channels: 4 };
  const attrs = { stride: [1, 1], pad: [1, 1], groups: 1 } as const;
  assertEquals(winogradShape(input, input, [3, 3], attrs), { input, output: input, pad: [1, 1] });
  assertEquals(winogradShape(input, input, [3, 1], attrs), undefined);
  assertEquals(winogradShape(input, input, [3, 3], { ...attrs, stride: [1, 2] }), undefined);
  assertEquals(winogradShape(input, input, [3, 3], { ...attrs, groups: 2 }), undefined);
  assertEquals(winogradShape(input, input, [3, 3], { ...attrs, pad: [3, 1] }), undefined);
});

Deno.test("winogradPays() where products outweigh transforms", () => {
  for (const features of [{ relaxed: true }, { relaxed: false }]) {
    for (const part of ["forward", "input", "filter"] as const) {
      for (const [size, channels] of [[32, 16], [16, 32], [8, 64], [7, 512], [4, 512]] as const) {
        assert(winogradPays(shapeOf([size, size, channels, channels, 1, 1, 0]), features, part), `${part} ${size}`);
      }
      for (const wanted of [[2, 2, 256, 256, 1, 1, 0], [5, 5, 16, 16, 1, 1, 0], [32, 32, 1, 1, 1, 1, 0]] as const) {
        assert(!winogradPays(shapeOf(wanted), features, part), `${part} ${wanted}`);
      }
    }
  }
});
