/**
 * What a convolution does with a result before it is written, so that what follows reads it from registers.
 *
 * @module
 */

import type { Expr } from "../../../ir/expr.ts";
import type { Int } from "../assembler/code.ts";
import type { Func, Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, mul, sub } from "../assembler/i32.ts";
import { evaluator } from "./expression.ts";
import { laneBytes, numberBytes } from "./kernel.ts";

/** What is stored in place of a convolution's result, and what is summed up on the way. */
export interface Epilogue {
  /** Maps of the output's shape that are read beside the result; one may be the output itself. */
  readonly maps: number;
  /** Tables of a number for each output channel. */
  readonly tables: number;
  /** What is stored. Input 0 is the convolution's result; then come the maps, then the tables. */
  readonly store: Expr;
  /** Two factors, over these inputs and a last one, the stored value: summed are the first, and their product. */
  readonly sums?: readonly [Expr, Expr];
}

/** An epilogue and the parameters it takes. */
export interface Ending {
  readonly epilogue: Epilogue;
  /** How far each map lies behind the output. */
  readonly distances: readonly Local<"i32">[];
  readonly tables: readonly Local<"i32">[];
  /** Sums [blocks][channels][2][8] over the pixels of each sample. */
  readonly sums?: Local<"i32">;
}

/** Declares the parameters of an epilogue: maps, tables, sums. */
export function endingOf(func: Func, epilogue: Epilogue | undefined, y: Local<"i32">): Ending | undefined {
  if (epilogue === undefined) return undefined;
  const named = (name: string, count: number): Local<"i32">[] => {
    return func.params(...Array.from({ length: count }, (_, i) => `${name}${i}`));
  };
  const maps = named("map", epilogue.maps);
  const tables = named("table", epilogue.tables);
  const sums = epilogue.sums && func.params("sums")[0];
  const distances = maps.map((map) => func.let("distance", sub(map, y)));
  return { epilogue, distances, tables, ...(sums && { sums }) };
}

/** Bytes of the sums of one channel. */
const sumBytes = 2 * laneBytes;

/** Clears the sums of a block, and gives the ending whose sums are these: [channels][2][8]. */
export function endingOfBlock(func: Func, ending: Ending, block: Int, channels: number): Ending {
  if (ending.sums === undefined) return ending;
  const sums = func.let("sums", add(ending.sums, mul(block, channels * sumBytes)));
  const at = func.let("at", sums);
  func.times(channels * sumBytes / f.vectorBytes, () => {
    func.store(at, f.splat(0));
    func.bump(at, f.vectorBytes);
  });
  return { ...ending, sums };
}

/** What an epilogue knows of one channel: its numbers, and the totals of its sums so far. */
export interface EndingChannel {
  readonly tables: readonly Local<"v128">[];
  /** [lower, upper four samples][Σ first factor, Σ product]; none without sums. */
  readonly totals: readonly (readonly Local<"v128">[])[];
}

/**
 * Runs `body` for `count` channels from `first` on, with what belongs to each: loaded before, totals written back
 * after it.
 */
export function overChannels(
  func: Func,
  ending: Ending,
  first: Int,
  count: number,
  body: (channel: EndingChannel, index: number) => void,
): void {
  const numbers = ending.tables.map((table) => func.let("numbers", add(table, mul(first, numberBytes))));
  const sums = ending.sums && func.let("sums", add(ending.sums, mul(first, sumBytes)));
  const places = sums === undefined ? [] : [0, laneBytes].map((part) => halves.map((half) => part + half));
  for (let i = 0; i < count; i++) {
    const tables = numbers.map((at) => func.let("table", f.loadSplat(at, i * numberBytes)));
    const loaded = places.map((pair) => pair.map((place) => func.let("total", f.load(sums!, i * sumBytes + place))));
    body({ tables, totals: halves.map((_, half) => loaded.map((pair) => pair[half]!)) }, i);
    loaded.flat().forEach((total, place) => func.store(sums!, total, i * sumBytes + places.flat()[place]!));
  }
}

const halves = [0, f.vectorBytes] as const;

/**
 * Writes the results of eight samples at `pixel` + `offset`, and adds to the totals of their channel.
 *
 * Both halves are loaded before either is stored, and stored side by side: V8 can then make one instruction of two.
 */
export function finish(
  func: Func,
  { epilogue: { store, sums }, distances }: Ending,
  { tables, totals }: EndingChannel,
  results: readonly f.Vector[],
  pixel: Local<"i32">,
  offset: number,
): void {
  const maps = distances.map((distance) => {
    const at = func.let("at", add(pixel, distance));
    return halves.map((half) => func.let("map", f.load(at, offset + half)));
  });
  const stored = func.vectors("stored", halves.length);
  const codes = results.map((result, half) => {
    const inputs = [func.let("result", result), ...maps.map((map) => map[half]!), ...tables, stored[half]!];
    return evaluator(func, inputs);
  });
  codes.forEach((code, half) => func.set(stored[half]!, code(store)));
  halves.forEach((bytes, half) => func.store(pixel, stored[half]!, offset + bytes));
  if (sums === undefined) return;
  const factors = codes.map((code) => sums.map((factor) => func.let("factor", code(factor))));
  factors.forEach(([a, b], half) => {
    const [sum, product] = totals[half]! as [Local<"v128">, Local<"v128">];
    func.set(sum, f.add(sum, a!));
    func.set(product, func.madd(a!, b!, product));
  });
}
