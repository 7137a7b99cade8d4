import type { Activation } from "../../runtime/backend/wasm/kernels/activation.ts";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  filterChunks,
  type FilterConstants,
  filterScratch,
  type FilterShape,
  filterSize,
  filterTotal,
} from "../../runtime/backend/wasm/kernels/filter/filter.ts";
import type { Pair } from "../../runtime/ir/node.ts";
import { Bench, blocksOf, errorOf, machines, sizeOf, spoil } from "./winograd_fixtures.ts";

/** A convolution; its output size follows. */
function shapeOf(
  [height, width]: Pair,
  [from, to]: Pair,
  kernel: Pair,
  rest: { readonly stride?: Pair; readonly pad?: Pair; readonly groups?: number } = {},
): FilterShape {
  const { stride = [1, 1], pad = [0, 0], groups = 1 } = rest;
  const along = (size: number, axis: 0 | 1): number => {
    return Math.floor((size + 2 * pad[axis] - kernel[axis]) / stride[axis]) + 1;
  };
  return {
    input: { height, width, channels: from },
    output: { height: along(height, 0), width: along(width, 1), channels: to },
    groups,
    kernel,
    stride,
    pad,
  };
}

/** Each with a number of samples: tiles and parts of every width, all edges, strides beside kernels, groups. */
const cases: readonly (readonly [FilterShape, number])[] = [
  [shapeOf([1, 1], [13, 6], [1, 1]), 41],
  [shapeOf([1, 1], [1030, 5], [1, 1]), 9],
  [shapeOf([2, 2], [8, 4], [1, 1]), 48],
  [shapeOf([5, 3], [4, 9], [1, 1]), 11],
  [shapeOf([5, 3], [5, 1], [1, 1]), 35],
  [shapeOf([3, 4], [17, 130], [1, 1]), 8],
  [shapeOf([16, 17], [12, 72], [1, 1]), 9],
  [shapeOf([5, 6], [9, 6], [1, 1], { stride: [2, 2] }), 9],
  [shapeOf([4, 4], [6, 5], [1, 1], { stride: [3, 3], pad: [1, 1] }), 5],
  [shapeOf([1, 1], [4, 4], [1, 1], { stride: [3, 3], pad: [1, 1] }), 5],
  [shapeOf([8, 8], [8, 12], [3, 3], { pad: [1, 1] }), 9],
  [shapeOf([1, 5], [6, 3], [3, 3], { pad: [1, 1] }), 31],
  [shapeOf([1, 1], [5, 2], [3, 3], { pad: [1, 1] }), 44],
  [shapeOf([7, 5], [18, 7], [3, 3], { pad: [1, 1], stride: [2, 2] }), 26],
  [shapeOf([33, 16], [16, 8], [3, 3], { pad: [1, 1], stride: [2, 2] }), 8],
  [shapeOf([40, 33], [40, 5], [3, 3], { pad: [0, 1], stride: [1, 2] }), 6],
  [shapeOf([9, 10], [4, 6], [2, 3], { stride: [3, 4] }), 9],
  [shapeOf([6, 5], [7, 5], [5, 3], { pad: [3, 2], stride: [1, 2] }), 9],
  [shapeOf([2, 2], [4, 4], [2, 2], { pad: [2, 2], stride: [5, 5] }), 4],
  [shapeOf([3, 9], [6, 6], [1, 7], { pad: [0, 3] }), 6],
  [shapeOf([5, 4], [12, 9], [3, 3], { pad: [1, 1], groups: 3 }), 13],
  [shapeOf([5, 4], [40, 80], [1, 1], { groups: 2 }), 13],
  [shapeOf([6, 7], [6, 6], [3, 3], { pad: [1, 1], groups: 6 }), 11],
  [shapeOf([2, 2], [5, 5], [3, 3], { pad: [1, 1], groups: 5 }), 40],
  [shapeOf([33, 30], [40, 40], [3, 3], { pad: [1, 1], groups: 40 }), 9],
  [shapeOf([7, 6], [5, 5], [3, 3], { pad: [1, 1], groups: 5, stride: [2, 2] }), 9],
  [shapeOf([4, 9], [3, 3], [5, 5], { pad: [2, 2], groups: 3 }), 9],
  [shapeOf([4, 4], [4, 8], [3, 3], { pad: [1, 1], groups: 4 }), 9],
  [shapeOf([3, 3], [4, 4], [1, 1], { groups: 4 }), 9],
  [shapeOf([9, 9], [3, 4], [7, 7], { pad: [3, 3], stride: [2, 2] }), 9],
  [shapeOf([8, 12], [3, 5], [3, 3], { pad: [2, 2] }), 9],
  [shapeOf([5, 5], [2, 3], [3, 3], { stride: [3, 4] }), 9],
  [shapeOf([1, 1], [1, 2], [3, 3], { pad: [2, 1], stride: [2, 1] }), 9],
];

const activations: readonly Activation[] = ["identity", "relu", "relu6"];

/** Visits every product: places in x, in the filters and in g, and the input channel. */
function overProducts(
  { input, output, groups, kernel: [rows, columns], stride, pad }: FilterShape,
  samples: number,
  visit: (x: number, w: number, g: number, channel: number) => void,
): void {
  const [from, to] = [input.channels / groups, output.channels / groups];
  for (let n = 0; n < samples; n++) {
    const [block, lane] = [Math.floor(n / 8), n % 8];
    for (let i = 0; i < output.height * output.width * rows * columns; i++) {
      const [pixel, tap] = [Math.floor(i / (rows * columns)), i % (rows * columns)];
      const row = Math.floor(pixel / output.width) * stride[0] - pad[0] + Math.floor(tap / columns);
      const column = pixel % output.width * stride[1] - pad[1] + tap % columns;
      if (row < 0 || row >= input.height || column < 0 || column >= input.width) continue;
      const place = ((block * input.height + row) * input.width + column) * input.channels;
      const target = (block * output.height * output.width + pixel) * output.channels;
      for (let o = 0; o < output.channels; o++) {
        for (let c = 0; c < from; c++) {
          const channel = Math.floor(o / to) * from + c;
          visit((place + channel) * 8 + lane, (o * from + c) * rows * columns + tap, (target + o) * 8 + lane, channel);
        }
      }
    }
  }
}

function activate(value: number, activation: Activation): number {
  if (activation === "identity") return value;
  return activation === "relu" ? Math.max(0, value) : Math.min(6, Math.max(0, value));
}

/** Sums of a few thousand products in float32, in about eight parts: a few units in the last place. */
const tolerance = 2e-6;

for (const features of machines) {
  const machine = features.relaxed ? "relaxed SIMD" : "plain SIMD";

  for (const normalize of [undefined, ...activations]) {
    const reads = normalize === undefined ? "" : ` of a map it normalises (${normalize})`;
    Deno.test(`filterChunks() is the filter gradient of the samples present${reads} on ${machine}`, () => {
      cases.forEach(([shape, samples], i) => {
        const chunk = 1 + i % 3;
        const what = JSON.stringify({ ...shape, samples, chunk });
        const [from, to, size] = [sizeOf(shape.input), sizeOf(shape.output), filterSize(shape)];
        const blocks = blocksOf(samples);
        const chunks = Math.ceil(blocks / chunk) + 1;
        const constants: FilterConstants = { ...shape, chunk, ...(normalize && { normalize }) };
        const bench = new Bench(features);
        const [x, g] = [bench.random(blocks * from), bench.random(blocks * to)];
        const [xs, gs] = [bench.at(x, blocks * from), bench.at(g, blocks * to)];
        spoil(xs, from, samples);
        spoil(gs, to, samples);
        const [scale, shift] = [bench.random(shape.input.channels), bench.random(shape.input.channels)];
        const [scales, shifts] = [scale, shift].map((table) => bench.at(table, shape.input.channels)) as [
          Float32Array,
          Float32Array,
        ];
        // Some values have to reach the upper bound of 6.
        scales.forEach((value, i) => scales[i] = 12 * value);
        const partial = bench.filled(chunks * size, NaN);
        const scratch = bench.filled(filterScratch(constants), NaN);
        const out = bench.filled(size, NaN);
        const tables = normalize === undefined ? [] : [scale, shift];
        bench.run(filterChunks(constants), x, g, scratch, partial, 0, chunks, samples, ...tables);
        bench.run(filterTotal(shape), partial, out, chunks);
        const expected = new Float64Array(size);
        overProducts(shape, samples, (p, q, r, c) => {
          const value = normalize === undefined ? xs[p]! : activate(xs[p]! * scales[c]! + shifts[c]!, normalize);
          expected[q]! += value * gs[r]!;
        });
        const found = bench.at(out, size);
        const error = expected.every((value) => value === 0)
          ? Math.max(...found.map(Math.abs))
          : errorOf(found, expected, () => true);
        assert(error <= tolerance, `${what}: ${error}`);
        const empty = bench.at(partial + (chunks - 1) * size * 4, size);
        assert(empty.every((value) => value === 0), `${what}: a chunk without samples`);
        assert(bench.intact(partial, chunks * size) && bench.intact(out, size), `${what}: a stray write`);
        assert(bench.intact(scratch, filterScratch(constants)), `${what}: a write behind the scratch memory`);
      });
    });
  }

  Deno.test(`filterChunks() keeps a NaN it normalises on ${machine}`, () => {
    for (const groups of [1, 4]) {
      const shape = shapeOf([3, 3], [4, 4], [3, 3], { pad: [1, 1], groups });
      for (const normalize of activations) {
        const constants: FilterConstants = { ...shape, chunk: 1, normalize };
        const size = filterSize(shape);
        const bench = new Bench(features);
        const [x, g] = [bench.random(sizeOf(shape.input)), bench.random(sizeOf(shape.output))];
        bench.at(x, 1)[0] = NaN;
        const [scale, shift] = [bench.filled(4, 1), bench.filled(4, 0)];
        const [partial, scratch] = [bench.filled(size, 0), bench.filled(filterScratch(constants), 0)];
        const out = bench.filled(size, 0);
        bench.run(filterChunks(constants), x, g, scratch, partial, 0, 1, 8, scale, shift);
        bench.run(filterTotal(shape), partial, out, 1);
        // The first pixel of the first channel meets the lower right taps, except of the last row and column.
        const spoilt = [...bench.at(out, size)].flatMap((value, i) => Number.isNaN(value) ? [i] : []);
        const filters = groups === 1 ? [0, 36, 72, 108] : [0];
        assertEquals(spoilt, filters.flatMap((filter) => [0, 1, 3, 4].map((tap) => filter + tap)));
      }
    }
  });

  Deno.test(`filterChunks() gives the same bits however the chunks are split on ${machine}`, () => {
    for (const groups of [1, 6]) {
      const shape = shapeOf([7, 9], [18, 12], [3, 3], { pad: [1, 1], stride: [2, 2], groups });
      const size = filterSize(shape);
      const constants: FilterConstants = { ...shape, chunk: 2 };
      const bench = new Bench(features);
      const [x, g] = [bench.random(5 * sizeOf(shape.input)), bench.random(5 * sizeOf(shape.output))];
      const gradient = (bounds: readonly number[]): Float32Array => {
        const [partial, scratch] = [bench.filled(3 * size, NaN), bench.filled(filterScratch(constants), NaN)];
        for (let i = bounds.length - 1; i > 0; i--) {
          bench.run(filterChunks(constants), x, g, scratch, partial, bounds[i - 1]!, bounds[i]!, 37);
        }
        return bench.at(partial, 3 * size);
      };
      const sums = gradient([0, 3]);
      assertEquals(gradient([0, 1, 2, 3]), sums);
      assertEquals(gradient([0, 2, 3]), sums);
      assertNotEquals(sums.subarray(0, size), sums.subarray(size, 2 * size));
    }
  });
}

Deno.test("filterScratch() stays below 1 MiB for maps of 1×1 to 224×224 and up to 2048 channels", () => {
  for (const size of [1, 2, 4, 7, 8, 14, 16, 28, 32, 56, 112, 224]) {
    for (const channels of [3, 16, 64, 100, 256, 1000, 2048]) {
      for (const kernel of [1, 3, 7]) {
        for (const stride of [1, 2]) {
          const pad = (kernel - 1) / 2;
          const shape = shapeOf([size, size], [channels, 64], [kernel, kernel], {
            stride: [stride, stride],
            pad: [pad, pad],
          });
          const bytes = 4 * filterScratch({ ...shape, chunk: 2 });
          assert(bytes <= 2 ** 20, `${JSON.stringify(shape)}: ${bytes}`);
        }
      }
    }
  }
});
