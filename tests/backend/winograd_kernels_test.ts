import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  winogradForward,
  winogradForwardScratch,
  winogradInput,
  winogradInputScratch,
} from "../../runtime/backend/wasm/kernels/winograd/convolve.ts";
import { winogradPays } from "../../runtime/backend/wasm/kernels/winograd/cost.ts";
import { winogradFilters, winogradFiltersSize } from "../../runtime/backend/wasm/kernels/winograd/filters.ts";
import { winogradFilter, winogradFilterScratch } from "../../runtime/backend/wasm/kernels/winograd/gradient.ts";
import { winogradShape } from "../../runtime/backend/wasm/kernels/winograd/plan.ts";
import {
  Bench,
  blocksOf,
  cases,
  errorOf,
  machines,
  mapTolerance,
  overProducts,
  presence,
  shapeOf,
  sizeOf,
  spoil,
  tolerance,
} from "./winograd_fixtures.ts";

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
      assert(error <= mapTolerance(wanted), `${wanted}: ${error}`);
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
      assert(error <= mapTolerance(wanted), `${wanted}: ${error}`);
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
