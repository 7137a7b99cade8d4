/**
 * The inner loops of a filter gradient in lanes: a strip of one input and one output passes by.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, and, ge, lt, max, min, mul } from "../../assembler/i32.ts";
import type { FilterConstants } from "./plan.ts";
import { when } from "./turn.ts";

type Pointer = Local<"i32">;

/** Some neighbouring taps: a small kernel with padding of its own, which may be negative. */
export interface Taps {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** One channel of a map, for four samples: where its first pixel lies or would lie, and bytes from pixel to pixel. */
export interface Channel {
  readonly start: Pointer;
  readonly pixel: number;
}

/** Output rows `line` to `end`; `single` if these are all of them. */
export interface Strip {
  readonly line: Pointer;
  readonly end: Pointer;
  readonly single: boolean;
}

/** Adds a strip of four samples, `left` of them or more present, of one input and one output to the sums of its taps. */
export function passStrip(
  func: Func,
  constants: FilterConstants,
  taps: Taps,
  [x, g]: readonly [Channel, Channel],
  { line, end, single }: Strip,
  at: Pointer,
  left: Int,
): void {
  const { input, output, kernel: [, width], stride: [stride], pad: [pad] } = constants;
  const offset = (i: number): number => (Math.floor(i / taps.columns) * width + i % taps.columns) * f.vectorBytes;
  const sums = func.vectors("sum", taps.rows * taps.columns);
  sums.forEach((sum, i) => func.set(sum, f.load(at, offset(i))));
  const top = pad - taps.row;
  const row = (i: Int, rows: readonly number[]): void => {
    if (rows.length === 0) return;
    const inputRow = typeof i === "number" ? i * stride - top + rows[0]! : add(mul(i, stride), rows[0]! - top);
    const p = func.let("p", add(x.start, mul(inputRow, input.width * x.pixel)));
    const q = func.let("q", add(g.start, mul(i, output.width * g.pixel)));
    passRow(func, constants, taps, rows, sums, { start: p, pixel: x.pixel }, { start: q, pixel: g.pixel });
  };
  const rowsAt = (i: number): number[] =>
    Array.from({ length: taps.rows }, (_, r) => r).filter((r) => {
      const at = i * stride - top + r;
      return at >= 0 && at < input.height;
    });
  const lines = Array.from({ length: output.height }, (_, i) => i);
  const whole = lines.filter((i) => rowsAt(i).length === taps.rows);
  const [low, high] = whole.length === 0 ? [0, 0] : [whole[0]!, whole.at(-1)! + 1];
  const edges = (range: readonly number[]): void => {
    for (const i of range) {
      when(func, single ? 1 : and(ge(i, line), lt(i, end)), () => row(i, rowsAt(i)));
    }
  };
  edges(lines.filter((i) => i < low));
  const start = single || low === 0 ? (single ? low : line) : func.let("start", max(line, low));
  const stop = single || high === output.height ? (single ? high : end) : func.let("stop", min(end, high));
  func.for("row", start, stop, (i) => row(i, rowsAt(low)));
  edges(lines.filter((i) => i >= high));
  // Lanes of absent samples are left as they were.
  const present = func.let("present", f.gtBits(f.splatInt(left), f.bits([0, 1, 2, 3])));
  sums.forEach((sum, i) => func.store(at, f.select(present, sum, f.load(at, offset(i))), offset(i)));
}

/** Adds one row of g and the rows of x under some rows of taps; moves the start of g. */
function passRow(
  func: Func,
  { input, output, stride: [, stride], pad: [, pad] }: FilterConstants,
  taps: Taps,
  rows: readonly number[],
  sums: readonly Local<"v128">[],
  x: Channel,
  g: Channel,
): void {
  const left = pad - taps.column;
  const phases = Math.min(taps.columns, stride);
  const behind = Math.ceil(taps.columns / phases) - 1;
  // Position m brings pixel m of g and the pixels of x at m · stride + phase; tap t meets pixel m − ⌊t / phases⌋ of g.
  const column = (m: number, phase: number): number => m * stride + phase - left;
  const meets = (m: number, t: number): boolean => {
    const [i, j] = [column(m, t % phases), m - Math.floor(t / phases)];
    return i >= 0 && i < input.width && j >= 0 && j < output.width;
  };
  const tapsAt = (m: number): number[] => {
    return Array.from({ length: taps.columns }, (_, t) => t).filter((t) => meets(m, t));
  };
  const positions = Array.from({ length: output.width + behind }, (_, m) => m);
  const whole = positions.filter((m) => tapsAt(m).length === taps.columns);
  const [low, high] = whole.length === 0 ? [positions.length, positions.length] : [whole[0]!, whole.at(-1)! + 1];
  const near = func.vectors("g", behind + 1);
  const value = func.local("v128", "x");
  const lines = rows.map((_, i) => {
    return func.let("line", add(x.start, (i * input.width - left) * x.pixel));
  });
  const step = (present: readonly number[], fetch: boolean): void => {
    for (let a = behind; a > 0; a--) func.set(near[a]!, near[a - 1]!);
    if (fetch) func.set(near[0]!, f.load(g.start));
    rows.forEach((r, i) => {
      for (let phase = 0; phase < phases; phase++) {
        const met = present.filter((t) => t % phases === phase);
        if (met.length === 0) continue;
        // Not as a constant offset: left of the map, the pointer may lie below address 0.
        func.set(value, f.load(add(lines[i]!, phase * x.pixel)));
        for (const t of met) {
          const sum = sums[r * taps.columns + t]!;
          func.set(sum, func.madd(value, near[Math.floor(t / phases)]!, sum));
        }
      }
    });
    for (const pointer of lines) func.bump(pointer, stride * x.pixel);
    func.bump(g.start, g.pixel);
  };
  const some = (m: number): void => step(tapsAt(m), m < output.width);
  for (const m of positions.filter((m) => m < low)) some(m);
  func.times(high - low, () => step(tapsAt(low), true));
  for (const m of positions.filter((m) => m >= high)) some(m);
}
