import { assert, assertEquals } from "@std/assert";
import {
  winogradForward,
  winogradForwardScratch,
  winogradInput,
  winogradInputScratch,
} from "../../runtime/backend/wasm/kernels/winograd/convolve.ts";
import { spreadAround } from "../../runtime/backend/wasm/kernels/winograd/epilogue.ts";
import { winogradFilters, winogradFiltersSize } from "../../runtime/backend/wasm/kernels/winograd/filters.ts";
import { winogradFilter, winogradFilterScratch } from "../../runtime/backend/wasm/kernels/winograd/gradient.ts";
import type { Activation } from "../../runtime/backend/wasm/kernels/activation.ts";
import { winogradStatistics, winogradSumsSize } from "../../runtime/backend/wasm/kernels/winograd/statistics.ts";
import {
  Bench,
  blocksOf,
  type Case,
  errorOf,
  machines,
  overProducts,
  presence,
  shapeOf,
  sizeOf,
  spoil,
  tolerance,
} from "./winograd_fixtures.ts";

/** Edge rows and columns, more than one chunk of channels, several blocks, absent samples. */
const cases: readonly Case[] = [
  [6, 7, 11, 13, 1, 1, 11],
  [8, 8, 8, 4, 1, 1, 16],
  [3, 18, 4, 17, 0, 1, 3],
];

/** max(0, x · scale + shift) of a map of lanes. */
function normalized(x: Float32Array, scale: Float32Array, shift: Float32Array): Float64Array {
  return Float64Array.from(x, (value, i) => {
    const channel = Math.floor(i / 8) % scale.length;
    return Math.max(0, value * scale[channel]! + shift[channel]!);
  });
}

for (const features of machines) {
  const machine = features.relaxed ? "relaxed SIMD" : "plain SIMD";

  Deno.test(`winogradForward() normalises its input and sums its output on ${machine}`, () => {
    for (const wanted of cases) {
      const [shape, samples] = [shapeOf(wanted), wanted[6]];
      const [from, to, blocks] = [sizeOf(shape.input), sizeOf(shape.output), blocksOf(samples)];
      const filters = { from: wanted[2], to: wanted[3], turned: false };
      const bench = new Bench(features);
      const [x, w] = [bench.random(blocks * from), bench.random(9 * filters.from * filters.to)];
      const [scale, shift, near] = [
        bench.random(filters.from),
        bench.random(filters.from),
        bench.random(filters.to),
      ];
      const [y, plain] = [bench.filled(blocks * to, NaN), bench.filled(blocks * to, NaN)];
      const [u, scratch] = [
        bench.filled(winogradFiltersSize(filters), NaN),
        bench.filled(winogradForwardScratch(shape), NaN),
      ];
      const size = winogradSumsSize(filters.to) * blocks;
      const [sums, partial] = [bench.filled(size, NaN), bench.filled(2 * filters.to * blocks, NaN)];
      const [xs, ws] = [bench.at(x, blocks * from), bench.at(w, 9 * filters.from * filters.to)];
      spoil(xs, from, samples);
      bench.run(winogradFilters(filters), w, u);
      const fused = winogradForward(shape, { normalize: "relu", epilogue: spreadAround });
      bench.run(fused, x, u, y, scratch, 0, blocks, scale, shift, near, sums);
      bench.run(winogradForward(shape, { normalize: "relu" }), x, u, plain, scratch, 0, blocks, scale, shift);
      assertEquals(bench.at(y, blocks * to), bench.at(plain, blocks * to), `${wanted}: sums change no result`);

      const read = normalized(xs, bench.at(scale, filters.from), bench.at(shift, filters.from));
      const expected = new Float64Array(blocks * to);
      overProducts(shape, samples, (p, q, r) => expected[r]! += read[p]! * ws[q]!);
      const present = presence(to, samples);
      const error = errorOf(bench.at(y, expected.length), expected, present);
      assert(error <= tolerance.map, `${wanted}: ${error}`);

      bench.run(winogradStatistics({ channels: filters.to, chunk: 1 }), sums, partial, 0, blocks, samples);
      const nears = bench.at(near, filters.to);
      const totals = new Float64Array(2 * filters.to);
      expected.forEach((value, i) => {
        if (!present(i)) return;
        const channel = Math.floor(i / 8) % filters.to;
        totals[channel]! += value - nears[channel]!;
        totals[filters.to + channel]! += (value - nears[channel]!) ** 2;
      });
      const found = Float32Array.from(totals, (_, i) => {
        return Array.from({ length: blocks }, (_, block) =>
          bench.at(partial, 2 * filters.to * blocks)[
            block * 2 * filters.to + i
          ]!).reduce((a, b) => a + b);
      });
      const sumError = errorOf(found, totals, () => true);
      assert(sumError <= tolerance.map, `${wanted}: sums ${sumError}`);
      assert(bench.intact(sums, size) && bench.intact(partial, 2 * filters.to * blocks), `${wanted}`);
    }
  });

  Deno.test(`winogradFilter() normalises its input on ${machine}`, () => {
    for (const wanted of cases) {
      const [shape, samples] = [shapeOf(wanted), wanted[6]];
      const [from, to, blocks] = [sizeOf(shape.input), sizeOf(shape.output), blocksOf(samples)];
      const size = 9 * wanted[2] * wanted[3];
      const bench = new Bench(features);
      const [x, g] = [bench.random(blocks * from), bench.random(blocks * to)];
      const [scale, shift] = [bench.random(wanted[2]), bench.random(wanted[2])];
      const [partial, scratch] = [bench.filled(size, NaN), bench.filled(winogradFilterScratch(shape), NaN)];
      const [xs, gs] = [bench.at(x, blocks * from), bench.at(g, blocks * to)];
      spoil(xs, from, samples);
      spoil(gs, to, samples);
      const kernel = winogradFilter({ ...shape, chunk: blocks, normalize: "relu" });
      bench.run(kernel, x, g, scratch, partial, 0, 1, samples, scale, shift);
      const read = normalized(xs, bench.at(scale, wanted[2]), bench.at(shift, wanted[2]));
      const expected = new Float64Array(size);
      overProducts(shape, samples, (p, q, r) => expected[q]! += read[p]! * gs[r]!);
      const error = errorOf(bench.at(partial, size), expected, () => true);
      assert(error <= tolerance.filter, `${wanted}: ${error}`);
    }
  });

  Deno.test(`winogradForward() and winogradInput() read any activation on ${machine}`, () => {
    const activations = {
      identity: (y: number) => y,
      relu: (y: number) => Math.max(0, y),
      relu6: (y: number) => Math.min(Math.max(0, y), 6),
    };
    for (const wanted of cases) {
      for (const [normalize, activate] of Object.entries(activations)) {
        for (const gradient of [false, true]) {
          const [shape, samples] = [shapeOf(wanted), wanted[6]];
          const [source, target] = gradient ? [shape.output, shape.input] : [shape.input, shape.output];
          const [from, to, blocks] = [sizeOf(source), sizeOf(target), blocksOf(samples)];
          const filters = { from: wanted[2], to: wanted[3], turned: gradient };
          const bench = new Bench(features);
          const [x, w] = [bench.random(blocks * from), bench.random(9 * filters.from * filters.to)];
          const [scale, shift] = [bench.random(source.channels), bench.random(source.channels)];
          // Some of what is read lies above 6.
          bench.at(scale, source.channels).forEach((value, i, scales) => scales[i] = 20 * value);
          const [y, u] = [bench.filled(blocks * to, NaN), bench.filled(winogradFiltersSize(filters), NaN)];
          const scratch = bench.filled(gradient ? winogradInputScratch(shape) : winogradForwardScratch(shape), NaN);
          const [xs, ws] = [bench.at(x, blocks * from), bench.at(w, 9 * filters.from * filters.to)];
          spoil(xs, from, samples);
          bench.run(winogradFilters(filters), w, u);
          const kernel = (gradient ? winogradInput : winogradForward)(shape, { normalize: normalize as Activation });
          bench.run(kernel, x, u, y, scratch, 0, blocks, scale, shift);
          const [scales, shifts] = [bench.at(scale, source.channels), bench.at(shift, source.channels)];
          const read = Float64Array.from(xs, (value, i) => {
            const channel = Math.floor(i / 8) % source.channels;
            return activate(value * scales[channel]! + shifts[channel]!);
          });
          const expected = new Float64Array(blocks * to);
          overProducts(shape, samples, (p, q, r) => {
            const [from, to] = gradient ? [r, p] : [p, r];
            expected[to]! += read[from]! * ws[q]!;
          });
          const error = errorOf(bench.at(y, expected.length), expected, presence(to, samples));
          assert(error <= tolerance.map, `${wanted} ${normalize} ${gradient}: ${error}`);
        }
      }
    }
  });

  Deno.test(`winogradForward() keeps a NaN it normalises on ${machine}`, () => {
    const shape = shapeOf([4, 4, 1, 1, 1, 1, 1]);
    const filters = { from: 1, to: 1, turned: false };
    const bench = new Bench(features);
    const [x, w, scale, shift] = [
      bench.filled(sizeOf(shape.input), NaN),
      bench.random(9),
      bench.random(1),
      bench.random(1),
    ];
    const [y, u] = [bench.filled(sizeOf(shape.output), 0), bench.filled(winogradFiltersSize(filters), 0)];
    bench.run(winogradFilters(filters), w, u);
    const scratch = bench.filled(winogradForwardScratch(shape), 0);
    bench.run(winogradForward(shape, { normalize: "relu" }), x, u, y, scratch, 0, 1, scale, shift);
    assert(bench.at(y, sizeOf(shape.output)).every(Number.isNaN));
  });
}
