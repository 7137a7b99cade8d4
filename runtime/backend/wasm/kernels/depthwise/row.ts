/**
 * A row of outputs of one channel. Outputs slide: every input is loaded once, and meets each of its taps in a register.
 *
 * @module
 */

import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";

/** Outputs of a row that are written one by one; longer rows are loops. */
const straight = 8;

/** Constant offsets stay below one page: V8 checks an access with a larger one twice. */
const farthest = 49152;

/** The lower and the upper four samples, in bytes. */
const halves = [0, f.vectorBytes] as const;

/** A row: output j takes inputs j · stride + offset + tap, those of them that are inside `width`. */
export interface Row {
  readonly count: number;
  readonly stride: number;
  readonly offset: number;
  readonly width: number;
  /** Weight of each tap, row by row; none if nothing is met. */
  readonly weights: readonly (readonly Local<"v128">[])[];
  /** Bytes from one input to the next, and from one output to the next. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Writes the results of the lower and upper four samples, `offset` bytes behind the pointer. */
  readonly write: (results: readonly f.Vector[], to: Local<"i32">, offset: number) => void;
}

/** Computes a row; `from` points at input 0 of each row that is met. Moves the pointers. */
export function slideRow(func: Func, row: Row, from: readonly Local<"i32">[], to: Local<"i32">): void {
  const { count, stride, offset, width, weights, inputBytes, outputBytes } = row;
  const taps = weights[0]?.length ?? 0;
  // So many outputs are unfinished at a time. Turn n brings `stride` columns, begins output n and finishes another.
  const alive = Math.max(1, Math.ceil(taps / stride));
  const turns = count + alive - 1;
  const sums = Array.from({ length: alive }, () => func.vectors("sum", 2));
  const values = func.vectors("value", 2);
  const ages = Array.from({ length: alive }, (_, i) => alive - 1 - i);
  const slot = (output: number): number => (output + alive) % alive;
  /** Slots of outputs that no product was added to yet. */
  const empty = new Set<number>();
  // What the pointers have passed.
  let [column, output] = [0, 0];

  const moveTo = (nextColumn: number, nextOutput: number): void => {
    for (const pointer of from) func.bump(pointer, (nextColumn - column) * inputBytes);
    func.bump(to, (nextOutput - output) * outputBytes);
    [column, output] = [nextColumn, nextOutput];
  };
  const turn = (n: number, exists: (output: number) => boolean): void => {
    if (exists(n)) empty.add(slot(n));
    for (let i = 0; i < stride; i++) {
      const at = n * stride + offset + i;
      const used = ages.filter((age) => exists(n - age) && i + age * stride < taps);
      if (used.length === 0 || at < 0 || at >= width) continue;
      weights.forEach((line, r) => {
        halves.forEach((half) => func.set(values[half && 1]!, f.load(from[r]!, (at - column) * inputBytes + half)));
        for (const age of used) {
          const fresh = empty.delete(slot(n - age));
          const weight = line[i + age * stride]!;
          sums[slot(n - age)]!.forEach((sum, half) => {
            func.set(sum, fresh ? f.mul(values[half]!, weight) : func.madd(values[half]!, weight, sum));
          });
        }
      });
    }
    const done = n - alive + 1;
    if (done < 0) return;
    const none = empty.delete(slot(done));
    row.write(none ? halves.map(() => f.splat(0)) : sums[slot(done)]!, to, (done - output) * outputBytes);
  };
  const straightOn = (first: number, last: number): void => {
    for (let n = first; n < last; n++) {
      const far = Math.max((n + 1) * stride + offset - column, 0) * inputBytes > farthest ||
        (n - output) * outputBytes > farthest;
      if (far) moveTo(Math.max(0, n * stride + offset), Math.max(0, n - alive + 1));
      turn(n, (output) => output >= 0 && output < count);
    }
  };

  // The turns of the loop meet no edge.
  const first = Math.max(alive - 1, Math.ceil(-offset / stride));
  const last = Math.min(count, Math.floor((width - offset) / stride));
  const loops = count <= straight ? 0 : Math.max(0, Math.floor((last - first) / alive));
  if (loops === 0) return straightOn(0, turns);
  straightOn(0, first);
  for (const place of empty) for (const sum of sums[place]!) func.set(sum, f.splat(0));
  empty.clear();
  moveTo(first * stride + offset, first - alive + 1);
  func.times(loops, () => {
    for (let n = first; n < first + alive; n++) turn(n, () => true);
    moveTo((first + alive) * stride + offset, first + 1);
  });
  const left = first + loops * alive;
  [column, output] = [left * stride + offset, left - alive + 1];
  straightOn(left, turns);
}
