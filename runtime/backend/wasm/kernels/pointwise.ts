/**
 * One pass over maps that lie alike: an expression of them and of a number per channel, stored, summed, or both.
 *
 * Memory is what such a pass waits for, so it runs straight on through every map and reads the few numbers of a channel
 * again at each pixel: keeping them in registers over several pixels made each map several streams, and took twice as
 * long.
 *
 * @module
 */

import type { Expr } from "../../../ir/expr.ts";
import { Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, mul } from "../assembler/i32.ts";
import { evaluator } from "./expression.ts";
import {
  chunkBlocks,
  horizontalSum,
  type Kernel,
  kernel,
  laneBytes,
  nest,
  numberBytes,
  overBlocks,
  presentMasks,
} from "./kernel.ts";

/** Size of a map: [blocks][pixels][channels][8]. */
export interface MapExtent {
  readonly pixels: number;
  readonly channels: number;
}

/** What is computed at each place: inputs of the expressions are the maps, then the tables [channels]. */
export interface PointwiseConstants extends MapExtent {
  readonly maps: number;
  readonly tables: number;
  readonly expr: Expr;
}

/** Kernel (maps…, tables…, out, first block, last block): out = expr. */
export function pointwise(constants: PointwiseConstants): Kernel {
  return kernel("pointwise", constants, (features, { maps, tables, expr, ...size }) => {
    const func = new Func("pointwise", features);
    const sources = parameters(func, "map", maps);
    const numbers = parameters(func, "table", tables);
    const [out, first, last] = func.params("out", "first", "last");
    const block = size.pixels * size.channels * laneBytes;
    overBlocks(func, [first, last], [...sources, out], [...sources, out].map(() => block), (pointers) => {
      overPlaces(func, size, { maps: pointers, tables: numbers }, (at, values) => {
        for (const half of halves) {
          const inputs = [...loadAll(func, at.slice(0, maps), half), ...values];
          func.store(at[maps]!, evaluator(func, inputs)(expr), half);
        }
      });
    });
    return func;
  });
}

/** Constants of a pass that sums. */
export interface SumsConstants extends MapExtent {
  readonly maps: number;
  readonly tables: number;
  /** What is summed; an expression of the maps and tables. It is stored as well if `stored`. */
  readonly expr: Expr;
  readonly stored: boolean;
  /** What it is multiplied by for the second sum: an expression of the maps, the tables and, last, what is summed. */
  readonly factor: Expr;
  /** Blocks of a chunk. */
  readonly chunk: number;
}

/**
 * Kernel (maps…, tables…[, out], scratch, partial [chunks][2][channels], first chunk, last chunk, count):
 * Σ v and Σ v · factor over the pixels and samples of each chunk.
 */
export function pointwiseSums(constants: SumsConstants): Kernel {
  return kernel("pointwiseSums", constants, (features, { maps, tables, expr, stored, factor, chunk, ...size }) => {
    const func = new Func("pointwiseSums", features);
    const sources = parameters(func, "map", maps);
    const numbers = parameters(func, "table", tables);
    const targets = stored ? func.params("out") : [];
    const [scratch, partial, first, last, count] = func.params("scratch", "partial", "first", "last", "count");
    const block = size.pixels * size.channels * laneBytes;
    const [total, products] = func.vectors("total", 2) as [Local<"v128">, Local<"v128">];
    func.for("chunk", first, last, (index) => {
      const [low, high] = chunkBlocks(func, index, chunk, count);
      const cursor = func.let("cursor", scratch);
      func.times(2 * size.channels, () => {
        func.store(cursor, f.splat(0));
        func.bump(cursor, f.vectorBytes);
      });
      func.for("block", low, high, (position) => {
        const masks = presentMasks(func, position, count);
        const pointers = [...sources, ...targets].map((map) => func.let("map", add(map, mul(position, block))));
        overPlaces(func, size, { maps: pointers, tables: numbers, sums: scratch }, (at, values, sums) => {
          func.set(total, f.load(sums!));
          func.set(products, f.load(sums!, f.vectorBytes));
          halves.forEach((half, i) => {
            const inputs = [...loadAll(func, at.slice(0, maps), half), ...values];
            const value = func.let("value", evaluator(func, inputs)(expr));
            if (stored) func.store(at[maps]!, value, half);
            const other = func.let("other", evaluator(func, [...inputs, value])(factor));
            // Absent samples may hold no numbers: zeros in their place, in both factors.
            func.set(value, f.and(value, masks[i]!));
            func.set(products, func.madd(value, f.and(other, masks[i]!), products));
            func.set(total, f.add(total, value));
          });
          func.store(sums!, total);
          func.store(sums!, products, f.vectorBytes);
        });
      });
      const results = func.let("results", add(partial, mul(index, 2 * size.channels * numberBytes)));
      nest(
        func,
        [{ count: size.channels, steps: [2 * f.vectorBytes, numberBytes] }],
        [scratch, results],
        ([from, to]) => {
          [0, 1].forEach((row) => {
            const sum = horizontalSum(func, f.load(from!, row * f.vectorBytes));
            func.store(to!, sum, row * size.channels * numberBytes);
          });
        },
      );
    });
    return func;
  });
}

/** Numbers of scratch memory of {@linkcode pointwiseSums}, for each thread: two vectors a channel. */
export function sumsScratch(channels: number): number {
  return 2 * channels * f.vectorBytes / numberBytes;
}

const halves = [0, f.vectorBytes] as const;

function parameters(func: Func, name: string, count: number): Local<"i32">[] {
  return Array.from({ length: count }, (_, i) => func.params(`${name}${i}`)[0]);
}

function loadAll(func: Func, pointers: readonly Local<"i32">[], offset: number): Local<"v128">[] {
  return pointers.map((pointer) => func.let("x", f.load(pointer, offset)));
}

/** Pointers of a pass: into maps, into tables of a number for each channel, and to two vectors for each channel. */
interface Pointers {
  readonly maps: readonly Local<"i32">[];
  readonly tables: readonly Local<"i32">[];
  readonly sums?: Local<"i32">;
}

/** Runs `body` for every pixel and channel of a block, with pointers to eight samples and the numbers of the channel. */
function overPlaces(
  func: Func,
  { pixels, channels }: MapExtent,
  { maps, tables, sums }: Pointers,
  body: (at: readonly Local<"i32">[], values: readonly Local<"v128">[], sums: Local<"i32"> | undefined) => void,
): void {
  const rest = sums === undefined ? [] : [sums];
  const pixel = [...maps.map(() => channels * laneBytes), ...[...tables, ...rest].map(() => 0)];
  const channel = [
    ...maps.map(() => laneBytes),
    ...tables.map(() => numberBytes),
    ...rest.map(() => 2 * f.vectorBytes),
  ];
  const turns = [{ count: pixels, steps: pixel }, { count: channels, steps: channel }];
  nest(func, turns, [...maps, ...tables, ...rest], (pointers) => {
    const values = pointers.slice(maps.length, maps.length + tables.length).map((table) => {
      return func.let("c", f.loadSplat(table));
    });
    body(pointers.slice(0, maps.length), values, sums && pointers.at(-1));
  });
}
