/**
 * What a Winograd convolution does with a result before it is written, so that what follows reads it from registers.
 *
 * @module
 */

import { call, input } from "../../../../ir/expr.ts";
import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, int, mul, sub } from "../../assembler/i32.ts";
import type { Epilogue } from "../epilogue.ts";
import { evaluator } from "../expression.ts";
import { laneBytes, numberBytes } from "../kernel.ts";
import { loadFar, storeFar } from "./far.ts";

type Pointer = Local<"i32">;

/** Bytes of the two sums of one channel, for each of eight samples. */
const sumBytes = 2 * laneBytes;

/** Sums of y − near and of its square; the table is near, a number close to the mean of each channel. */
export const spreadAround: Epilogue = {
  maps: 0,
  tables: 1,
  store: input(0),
  sums: [call("sub", input(2), input(1)), call("sub", input(2), input(1))],
};

/** An epilogue and the parameters it takes. */
export interface Ending {
  readonly epilogue: Epilogue;
  readonly maps: readonly Pointer[];
  /** How far each map lies behind the output. */
  readonly distances: readonly Pointer[];
  readonly tables: readonly Pointer[];
  /** Sums [blocks][channels][2][8]. */
  readonly sums?: Pointer;
}

/** Declares the parameters of an epilogue: maps, tables, sums. */
export function endingOf(func: Func, epilogue: Epilogue, y: Pointer): Ending {
  const named = (name: string, count: number): Pointer[] => {
    return func.params(...Array.from({ length: count }, (_, i) => `${name}${i}`));
  };
  const maps = named("map", epilogue.maps);
  const tables = named("table", epilogue.tables);
  const sums = epilogue.sums && func.params("sums")[0];
  const distances = maps.map((map) => func.let("distance", sub(map, y)));
  return { epilogue, maps, distances, tables, ...(sums && { sums }) };
}

/** Writes results channel by channel. */
export interface Channels {
  /** Reads what belongs to a channel. */
  readonly begin: () => Channel;
  /** Moves on to the next channel. */
  readonly next: () => void;
}

/** Writes results of one channel. */
export interface Channel {
  /** Begins with halves of a lane, see `halvesOf`. */
  readonly begin: (halves: readonly number[]) => Halves;
}

/** Writes results of some halves of a lane. */
export interface Halves {
  /** Writes a result of each half at an offset from a pixel of the output. */
  readonly store: (results: readonly Local<"v128">[], pixel: Pointer, offset: number) => void;
  readonly end: () => void;
}

/** Writes the results of a tile of block `block`, as they are or through an epilogue. */
export function writerOf(func: Func, ending: Ending | undefined, block: Int, channels: number): Channels {
  if (ending === undefined) {
    const begin = (halves: readonly number[]): Halves => ({ store: storerOf(func, halves), end: () => {} });
    return { begin: () => ({ begin }), next: () => {} };
  }
  const { epilogue, distances } = ending;
  const numbers = ending.tables.length > 0 ? func.let("numbers", int(0)) : undefined;
  const sums = ending.sums && func.let("sums", add(ending.sums, mul(block, channels * sumBytes)));
  return {
    begin: () => {
      const tables = ending.tables.map((table) => func.let("table", f.loadSplat(add(table, numbers!))));
      return { begin: (halves) => endHalves(func, epilogue, distances, tables, sums, halves) };
    },
    next: () => {
      if (numbers !== undefined) func.bump(numbers, numberBytes);
      if (sums !== undefined) func.bump(sums, sumBytes);
    },
  };
}

function storerOf(func: Func, halves: readonly number[]): Halves["store"] {
  return (results, pixel, offset) => {
    halves.forEach((half, i) => storeFar(func, pixel, results[i]!, offset + half));
  };
}

function endHalves(
  func: Func,
  { store, sums: factors }: Epilogue,
  distances: readonly Pointer[],
  tables: readonly Local<"v128">[],
  sums: Pointer | undefined,
  halves: readonly number[],
): Halves {
  const parts = sums === undefined ? [] : [0, laneBytes];
  const totals = halves.map((half) => parts.map((part) => func.let("total", f.load(sums!, part + half))));
  const storeAll = storerOf(func, halves);
  return {
    store: (results, pixel, offset) => {
      const maps = distances.map((distance) => {
        const at = func.let("at", add(pixel, distance));
        return halves.map((half) => func.let("map", loadFar(at, offset + half)));
      });
      const stored = func.vectors("stored", halves.length);
      const codes = results.map((result, i) => {
        return evaluator(func, [result, ...maps.map((map) => map[i]!), ...tables, stored[i]!]);
      });
      codes.forEach((code, i) => func.set(stored[i]!, code(store)));
      storeAll(stored, pixel, offset);
      if (factors === undefined) return;
      codes.forEach((code, i) => {
        const [sum, product] = totals[i]! as [Local<"v128">, Local<"v128">];
        const [a, b] = factors.map((factor) => func.let("factor", code(factor))) as [Local<"v128">, Local<"v128">];
        func.set(sum, f.add(sum, a));
        func.set(product, func.madd(a, b, product));
      });
    },
    end: () => {
      parts.forEach((part, j) => {
        halves.forEach((half, i) => func.store(sums!, totals[i]![j]!, part + half));
      });
    },
  };
}
