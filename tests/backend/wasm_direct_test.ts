import { assert, assertEquals } from "@std/assert";
import { call, type Expr, input, value } from "../../runtime/ir/expr.ts";
import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import type { Activation } from "../../runtime/backend/wasm/kernels/activation.ts";
import type { Epilogue } from "../../runtime/backend/wasm/kernels/epilogue.ts";
import type { Convolution, ConvolutionPart } from "../../runtime/backend/wasm/kernels/pass.ts";
import { type Case, convolutionOf, Direct, errorOf, reference, samples } from "./direct_fixtures.ts";
import { machines } from "./winograd_fixtures.ts";

/** Height, width, kernel, stride, pad, groups, channels in and out of a group. */
const cases: Readonly<Record<string, Case>> = {
  "1×1": [5, 7, [1, 1], [1, 1], [0, 0], 1, 6, 9],
  "1×1 of weights that do not stay in a cache": [3, 4, [1, 1], [1, 1], [0, 0], 1, 70, 66],
  "1×1, stride 2": [5, 6, [1, 1], [2, 2], [0, 0], 1, 4, 5],
  "1×1, padded": [3, 2, [1, 1], [1, 1], [1, 2], 1, 3, 4],
  "1×1, groups": [4, 3, [1, 1], [1, 1], [0, 0], 3, 5, 2],
  "3×3": [7, 5, [3, 3], [1, 1], [1, 1], 1, 3, 10],
  "3×3, stride 2": [9, 8, [3, 3], [2, 2], [1, 1], 1, 5, 6],
  "3×3, stride 2, tile by tile": [5, 6, [3, 3], [2, 2], [1, 1], 1, 23, 22],
  "3×3, unpadded": [5, 4, [3, 3], [1, 1], [0, 0], 1, 2, 4],
  "5×5, stride 2": [9, 11, [5, 5], [2, 2], [2, 2], 1, 2, 3],
  "3×5, stride 2 by 1, groups": [8, 7, [3, 5], [2, 1], [2, 1], 2, 3, 2],
  "2×2, stride 3: pixels that no tap meets": [8, 7, [2, 2], [3, 3], [0, 0], 1, 2, 3],
  "depthwise": [6, 7, [3, 3], [1, 1], [1, 1], 5, 1, 1],
  "depthwise, wide": [5, 19, [3, 3], [1, 1], [1, 1], 2, 1, 1],
  "depthwise in bands": [67, 18, [3, 3], [1, 1], [1, 1], 2, 1, 1],
  "depthwise in bands, stride 2": [66, 19, [3, 3], [2, 2], [1, 1], 3, 1, 1],
  "depthwise, stride 2": [8, 9, [3, 3], [2, 2], [1, 1], 4, 1, 1],
  "depthwise on one pixel": [1, 1, [3, 3], [1, 1], [1, 1], 3, 1, 1],
  "depthwise on a row": [1, 13, [3, 3], [1, 1], [1, 1], 3, 1, 1],
  "depthwise on two by two": [2, 2, [3, 3], [1, 1], [1, 1], 3, 1, 1],
  "depthwise, padded by two": [5, 12, [3, 3], [1, 1], [2, 2], 3, 1, 1],
  "depthwise, unpadded": [5, 12, [3, 3], [1, 1], [0, 0], 3, 1, 1],
  "depthwise 1×1": [4, 11, [1, 1], [1, 1], [0, 0], 3, 1, 1],
  "depthwise 5×5": [9, 14, [5, 5], [1, 1], [2, 2], 3, 1, 1],
  "depthwise 5×5, stride 2": [13, 23, [5, 5], [2, 2], [2, 2], 2, 1, 1],
  "depthwise 5×1 on three columns": [9, 3, [5, 1], [1, 1], [1, 0], 2, 1, 1],
  "depthwise 2×2, stride 3": [7, 31, [2, 2], [3, 3], [0, 0], 2, 1, 1],
};

const activations: readonly Activation[] = ["identity", "relu", "relu6"];

/** Single precision, sums of up to 600 products. */
const tolerance = 2e-6;

/** One sum after the other over up to 1300 pixels: rounding grows with their number. */
const sumTolerance = 1e-5;

function eachCase(
  features: Features,
  body: (direct: Direct, convolution: Convolution, part: ConvolutionPart, what: string) => void,
): void {
  for (const [name, wanted] of Object.entries(cases)) {
    for (const part of ["forward", "input"] as const) {
      const convolution = convolutionOf(wanted);
      body(new Direct(features, convolution, part), convolution, part, `${name}, ${part}`);
    }
  }
}

for (const features of machines) {
  const machine = features.relaxed ? "relaxed SIMD" : "plain SIMD";

  Deno.test(`convolve() and depthwise() are the definition, block by block, on ${machine}`, () => {
    eachCase(features, (direct, convolution, part, what) => {
      const whole = direct.result({}).slice();
      const expected = reference(convolution, part, direct.weights, (i) => direct.x[i]!);
      assert(direct.isIntact(), what);
      assert(errorOf(whole, expected, direct.isPresent) <= tolerance, what);
      const second = direct.result({ range: [1, 2] });
      const block = second.length / 2;
      assert(second.subarray(0, block).every((y) => y === direct.untouched), `${what}: writes in a block of another`);
      assertEquals(second.subarray(block), whole.subarray(block), what);
    });
  });

  Deno.test(`convolve() and depthwise() normalise what they read, not the padding, on ${machine}`, () => {
    eachCase(features, (direct, convolution, part, what) => {
      const plain = direct.result({ normalize: "identity", scale: 1, shift: 0 }).slice();
      assertEquals(plain.filter(present), direct.result({}).filter(present), what);
      for (const activation of activations) {
        const y = direct.result({ normalize: activation });
        assert(direct.isIntact(), what);
        const expected = reference(convolution, part, direct.weights, (i) => direct.normalized(activation, i));
        assert(errorOf(y, expected, direct.isPresent) <= tolerance, `${what}, ${activation}`);
      }
      function present(_: number, i: number): boolean {
        return direct.isPresent(i);
      }
    });
  });

  Deno.test(`convolve() and depthwise() end with an expression and sums on ${machine}`, () => {
    // Stored: where map · a + b > 0, twice the result and the map. Summed: the stored value, and it times the map.
    const gate = call("gt", call("add", call("mul", input(1), input(2)), input(3)), value(0));
    const doubled = call("add", call("mul", input(0), value(2)), input(1));
    const epilogue: Epilogue = {
      maps: 1,
      tables: 2,
      store: call("select", gate, doubled, value(0)),
      sums: [input(4), input(1)],
    };
    eachCase(features, (direct, _, part, what) => {
      const result = direct.result({}).slice();
      const { y, map, sums } = direct.ended(epilogue);
      assert(direct.isIntact(), what);
      const expected = Float64Array.from(result, (r, i) => {
        const [a, b] = [0, 1].map((table) => direct.tables[table]![direct.channelOf(i)]!) as [number, number];
        return Math.fround(map[i]! * a + b) > 0 ? 2 * r + map[i]! : 0;
      });
      assert(errorOf(y, expected, direct.isPresent) <= tolerance, `${what}: ${part}`);
      const [first, second] = [0, 1].map(() => new Float64Array(sums.length / 2)) as [Float64Array, Float64Array];
      y.forEach((stored, i) => {
        const place = direct.sumPlace(i);
        first[place]! += stored;
        second[place]! += stored * map[i]!;
      });
      const lanes = (part: 0 | 1) => sums.filter((_, i) => (i >> 3) % 2 === part);
      const present = (place: number): boolean => Math.floor(place / (first.length / 2)) * 8 + place % 8 < samples;
      assert(errorOf(lanes(0), first, present) <= sumTolerance, `${what}: first sums`);
      assert(errorOf(lanes(1), second, present) <= sumTolerance, `${what}: second sums`);
      assertEquals(direct.ended(epilogue, { inPlace: true }).y, y, `${what}: the map is the result's memory`);
    });
  });

  Deno.test(`convolve() and depthwise() normalise and sum at once on ${machine}`, () => {
    const difference: Expr = call("sub", input(2), input(1));
    const epilogue: Epilogue = { maps: 0, tables: 1, store: input(0), sums: [difference, difference] };
    eachCase(features, (direct, _, __, what) => {
      const alone = direct.result({ normalize: "relu6" }).slice();
      const { y, sums } = direct.ended(epilogue, { normalize: "relu6" });
      assert(direct.isIntact(), what);
      assertEquals(y, alone, what);
      const expected = new Float64Array(sums.length);
      y.forEach((stored, i) => {
        const near = stored - direct.tables[0]![direct.channelOf(i)]!;
        const place = direct.sumPlace(i);
        const at = Math.floor(place / 8) * 16 + place % 8;
        expected[at]! += near;
        expected[at + 8]! += near * near;
      });
      const present = (place: number): boolean => Math.floor(place / (sums.length / 2)) * 8 + place % 8 < samples;
      const error = errorOf(sums, expected, present);
      assert(error <= sumTolerance, `${what}: ${error}`);
    });
  });
}
