import { assert, assertEquals } from "@std/assert";
import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import { accessesOf } from "../../runtime/backend/wasm/lower/access.ts";
import {
  winogradForward,
  winogradForwardScratch,
  winogradInput,
  winogradInputScratch,
} from "../../runtime/backend/wasm/kernels/winograd/convolve.ts";
import type { Epilogue } from "../../runtime/backend/wasm/kernels/epilogue.ts";
import { spreadAround } from "../../runtime/backend/wasm/kernels/winograd/epilogue.ts";
import { winogradFilters, winogradFiltersSize } from "../../runtime/backend/wasm/kernels/winograd/filters.ts";
import { winogradStatistics, winogradSumsSize } from "../../runtime/backend/wasm/kernels/winograd/statistics.ts";
import { call, evaluate, input, value } from "../../runtime/ir/expr.ts";
import {
  Bench,
  blocksOf,
  type Case,
  cases,
  errorOf,
  machines,
  mapTolerance,
  overProducts,
  presence,
  shapeOf,
  sizeOf,
  spoil,
} from "./winograd_fixtures.ts";

/** What training steps fuse: sums for batch norm, the gradient of ReLU, of a residual sum, a plain sum. */
const epilogues: Readonly<Record<string, Epilogue>> = {
  statistics: spreadAround,
  "normalised ReLU": {
    maps: 1,
    tables: 3,
    store: call(
      "select",
      call("gt", call("add", call("mul", input(1), input(2)), input(3)), value(0)),
      input(0),
      value(0),
    ),
    sums: [input(5), call("sub", input(1), input(4))],
  },
  residual: {
    maps: 3,
    tables: 1,
    store: call("mul", call("add", input(0), input(1)), call("gt", input(2), value(0))),
    sums: [input(5), call("sub", input(3), input(4))],
  },
  sum: { maps: 1, tables: 0, store: call("add", input(0), input(1)) },
};

/**
 * Error of sums, relative to the sums of magnitudes: terms of either sign may cancel to a hundredth of these, and what
 * rounding leaves does not. A few units in the last place of single precision.
 */
const sumTolerance = 1e-6;

/** One run of a kernel on new memory, and what it should have computed. */
function setUp(features: Features, wanted: Case, { maps, tables, store, sums }: Epilogue, gradient: boolean): {
  readonly bench: Bench;
  readonly out: number;
  readonly sums: number;
  readonly run: (from: number, to: number, inPlace?: boolean) => void;
  readonly expected: Float64Array;
  readonly totals: Float64Array;
  /** Sums of the magnitudes of what is summed. */
  readonly magnitudes: Float64Array;
} {
  const [shape, samples] = [shapeOf(wanted), wanted[6]];
  const blocks = blocksOf(samples);
  const [source, target] = gradient ? [shape.output, shape.input] : [shape.input, shape.output];
  const [from, to] = [sizeOf(source), sizeOf(target)];
  const filters = { from: wanted[2], to: wanted[3], turned: gradient };
  const bench = new Bench(features);
  const weights = 9 * filters.from * filters.to;
  const [x, w, u] = [
    bench.random(blocks * from),
    bench.random(weights),
    bench.filled(winogradFiltersSize(filters), NaN),
  ];
  const mapStarts = Array.from({ length: maps }, () => bench.random(blocks * to));
  const tableStarts = Array.from({ length: tables }, () => bench.random(target.channels));
  const out = bench.filled(blocks * to, NaN);
  const size = blocks * winogradSumsSize(target.channels);
  const totalsAt = bench.filled(size, NaN);
  const scratchSize = gradient ? winogradInputScratch(shape) : winogradForwardScratch(shape);
  const scratch = bench.filled(scratchSize, NaN);
  for (const start of [x, ...mapStarts]) {
    spoil(bench.at(start, blocks * (start === x ? from : to)), start === x ? from : to, samples);
  }
  const [xs, ws] = [bench.at(x, blocks * from), bench.at(w, weights)];
  const plain = new Float64Array(blocks * to);
  overProducts(shape, samples, (p, q, r) => {
    const [read, written] = gradient ? [r, p] : [p, r];
    plain[written]! += xs[read]! * ws[q]!;
  });
  const present = presence(to, samples);
  const expected = new Float64Array(blocks * to);
  const [totals, magnitudes] = [new Float64Array(2 * target.channels), new Float64Array(2 * target.channels)];
  plain.forEach((result, i) => {
    if (!present(i)) return;
    const channel = Math.floor(i / 8) % target.channels;
    const read = [
      result,
      ...mapStarts.map((start) => bench.at(start, blocks * to)[i]!),
      ...tableStarts.map((start) => bench.at(start, target.channels)[channel]!),
    ];
    expected[i] = evaluate(store, read);
    if (sums === undefined) return;
    const [a, b] = sums.map((factor) => evaluate(factor, [...read, expected[i]!]));
    for (const [place, term] of [[channel, a!], [target.channels + channel, a! * b!]] as const) {
      totals[place]! += term;
      magnitudes[place]! += Math.abs(term);
    }
  });
  bench.run(winogradFilters(filters), w, u);
  const kernel = (gradient ? winogradInput : winogradForward)(shape, {
    epilogue: { maps, tables, store, ...(sums && { sums }) },
  });
  return {
    bench,
    out,
    sums: totalsAt,
    expected,
    totals,
    magnitudes,
    run: (first, last, inPlace = false) => {
      const [firstMap, ...otherMaps] = mapStarts;
      if (inPlace) bench.at(out, blocks * to).set(bench.at(firstMap!, blocks * to));
      const maps = inPlace ? [out, ...otherMaps] : mapStarts;
      bench.run(kernel, x, u, out, scratch, first, last, ...maps, ...tableStarts, ...(sums ? [totalsAt] : []));
      assert(bench.intact(out, blocks * to) && bench.intact(totalsAt, size), `${wanted}`);
      assert(bench.intact(scratch, scratchSize), `${wanted}`);
    },
  };
}

for (const features of machines) {
  const machine = features.relaxed ? "relaxed SIMD" : "plain SIMD";

  for (const [name, epilogue] of Object.entries(epilogues)) {
    Deno.test(`winogradForward() and winogradInput() end with ${name} on ${machine}`, () => {
      for (const wanted of cases) {
        for (const gradient of [false, true]) {
          const { bench, out, sums, run, expected, totals, magnitudes } = setUp(features, wanted, epilogue, gradient);
          const [samples, blocks] = [wanted[6], blocksOf(wanted[6])];
          run(0, blocks);
          const { input, output } = shapeOf(wanted);
          const { channels } = gradient ? input : output;
          const present = presence(expected.length / blocks, samples);
          const error = errorOf(bench.at(out, expected.length), expected, present);
          assert(error <= mapTolerance(wanted), `${wanted} ${gradient}: ${error}`);
          if (epilogue.sums === undefined) continue;
          const partial = bench.filled(2 * channels, NaN);
          bench.run(winogradStatistics({ channels, chunk: blocks }), sums, partial, 0, 1, samples);
          const difference = totals.map((total, i) => total - bench.at(partial, 2 * channels)[i]!);
          const sumError = Math.hypot(...difference) / Math.hypot(...magnitudes);
          assert(
            Math.hypot(...difference) === 0 || sumError <= sumTolerance,
            `${wanted} ${gradient}: sums ${sumError}`,
          );
        }
      }
    });
  }

  Deno.test(`an epilogue may read the map it writes, and any blocks give the same bits, on ${machine}`, () => {
    for (const wanted of [[5, 7, 3, 5, 1, 1, 27], [9, 6, 10, 9, 1, 2, 30]] as const) {
      for (const epilogue of [epilogues["residual"]!, epilogues["sum"]!]) {
        const whole = setUp(features, wanted, epilogue, false);
        whole.run(0, 4);
        const apart = setUp(features, wanted, epilogue, false);
        for (const [from, to] of [[3, 4], [1, 3], [1, 1], [0, 1]] as const) apart.run(from, to);
        const inPlace = setUp(features, wanted, epilogue, false);
        inPlace.run(0, 4, true);
        const size = whole.expected.length;
        const sums = 4 * winogradSumsSize(wanted[3]);
        for (const other of [apart, inPlace]) {
          assertEquals(other.bench.at(other.out, size), whole.bench.at(whole.out, size));
          assertEquals(other.bench.at(other.sums, sums), whole.bench.at(whole.sums, sums));
        }
      }
    }
  });
}

Deno.test("accessesOf() knows what an epilogue reads and writes", () => {
  const shape = shapeOf([4, 4, 2, 3, 1, 1, 8]);
  const roles = (epilogue: Epilogue): string => {
    const kernel = winogradForward(shape, { normalize: "relu", epilogue });
    const addresses = 6 + epilogue.maps + epilogue.tables + (epilogue.sums ? 1 : 0);
    const places = Array.from({ length: addresses }, () => ({
      buffer: { bytes: 4, sliced: false, first: 0, last: 0 },
      offset: 0,
    }));
    return accessesOf({ kernel, operands: [...places, "firstBlock", "lastBlock"] }).map(({ role }) => role).join("");
  };
  assertEquals(roles(epilogues["residual"]!), "iiosii" + "iiii" + "u");
  assertEquals(roles(epilogues["sum"]!), "iiosii" + "i");
});
