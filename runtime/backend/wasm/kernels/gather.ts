/**
 * Rows of a memory that samples choose: products with them, sums of them, and new values for them.
 *
 * A memory lies in rows; positions, vectors and results lie in lanes. A vector of each of eight samples is laid out in
 * a row of its own first, so that a row of memory meets it four numbers at a time.
 *
 * @module
 */

import { Func, type Local } from "../assembler/func.ts";
import * as s from "../assembler/f32.ts";
import * as f from "../assembler/f32x4.ts";
import { add, and, ge, load, max, min, mul, shr } from "../assembler/i32.ts";
import { lanes } from "../layout.ts";
import { horizontalSum, type Kernel, kernel, laneBytes, nest, numberBytes, overBlocks } from "./kernel.ts";

/** Sizes of a memory and how many rows a sample chooses. */
export interface GatherConstants {
  readonly rows: number;
  readonly width: number;
  readonly chosen: number;
}

type Pointer = Local<"i32">;

/** Kernel (memory, index, v, out, scratch, first block, last block): products of v with the rows chosen. */
export function gatherDot(constants: GatherConstants): Kernel {
  return kernel("gatherDot", constants, (features, { rows, width, chosen }) => {
    const func = new Func("gatherDot", features);
    const [memory, index, v, out, scratch, first, last] = parameters(func);
    const bytes = [chosen * laneBytes, width * laneBytes, chosen * laneBytes];
    overBlocks(func, [first, last], [index, v, out], bytes, ([at, vector, to]) => {
      turn(func, width, vector!, scratch, "rows");
      const totals = func.vectors("total", accumulators) as Totals;
      const [total] = totals;
      const product = func.local("f32", "product");
      nest(func, [{ count: chosen, steps: [laneBytes, laneBytes] }], [at!, to!], ([position, target]) => {
        for (let lane = 0; lane < lanes; lane++) {
          const row = rowOf(func, memory, position!, lane, { rows, width });
          const own = func.let("own", add(scratch, lane * width * numberBytes));
          for (const part of totals) func.set(part, f.splat(0));
          vectors(func, width, [row, own], ([p, q], offset, part) => {
            const sum = totals[part]!;
            func.set(sum, func.madd(f.load(p!, offset), f.load(q!, offset), sum));
          });
          func.set(total, f.add(f.add(total, totals[1]), f.add(totals[2], totals[3])));
          func.set(product, horizontalSum(func, total));
          rest(width, (offset) => {
            func.set(product, s.add(product, s.mul(s.load(row, offset), s.load(own, offset))));
          });
          func.store(target!, product, lane * numberBytes);
        }
      });
    });
    return func;
  });
}

/** Kernel (memory, index, g, out, scratch, first block, last block): sums of the rows chosen, with factors g. */
export function gatherSum(constants: GatherConstants): Kernel {
  return kernel("gatherSum", constants, (features, { rows, width, chosen }) => {
    const func = new Func("gatherSum", features);
    const [memory, index, g, out, scratch, first, last] = parameters(func);
    const bytes = [chosen * laneBytes, chosen * laneBytes, width * laneBytes];
    overBlocks(func, [first, last], [index, g, out], bytes, ([at, factors, to]) => {
      nest(func, [{ count: lanes * width, steps: [numberBytes] }], [scratch], ([p]) => func.store(p!, s.f32(0)));
      const factor = func.local("v128", "factor");
      nest(func, [{ count: chosen, steps: [laneBytes, laneBytes] }], [at!, factors!], ([position, scale]) => {
        for (let lane = 0; lane < lanes; lane++) {
          const row = rowOf(func, memory, position!, lane, { rows, width });
          const own = func.let("own", add(scratch, lane * width * numberBytes));
          func.set(factor, f.loadSplat(scale!, lane * numberBytes));
          vectors(func, width, [row, own], ([p, q], offset) => {
            func.store(q!, func.madd(f.load(p!, offset), factor, f.load(q!, offset)), offset);
          });
          rest(width, (offset) => {
            const more = s.mul(s.load(row, offset), s.load(scale!, lane * numberBytes));
            func.store(own, s.add(s.load(own, offset), more), offset);
          });
        }
      });
      turn(func, width, to!, scratch, "lanes");
    });
    return func;
  });
}

/** Kernel (memory, values, index, count): rows of memory from samples, in their order; none where it is negative. */
export function assignRows(constants: { readonly width: number }): Kernel {
  return kernel("assignRows", constants, (features, { width }) => {
    const func = new Func("assignRows", features);
    const [memory, values, index, count] = func.params("memory", "values", "index", "count");
    func.for("sample", 0, count, (sample) => {
      const [block, lane] = [shr(sample, 3), and(sample, lanes - 1)];
      const place = func.let("place", mul(lane, numberBytes));
      const row = func.let("row", s.toInt(s.load(add(add(index, mul(block, laneBytes)), place))));
      const from = func.let("from", add(add(values, mul(block, width * laneBytes)), place));
      const to = func.let("to", add(memory, mul(row, width * numberBytes)));
      func.if(ge(row, 0), () => {
        nest(func, [{ count: width, steps: [laneBytes, numberBytes] }], [from, to], ([p, q]) => {
          func.store(q!, load(p!));
        });
      });
    });
    return func;
  });
}

function parameters(
  func: Func,
): readonly [Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer] {
  return func.params("memory", "index", "x", "out", "scratch", "first", "last");
}

/** Where the row chosen by one of eight samples begins; positions outside are those of the nearest row. */
function rowOf(
  func: Func,
  memory: Pointer,
  position: Pointer,
  lane: number,
  { rows, width }: Pick<GatherConstants, "rows" | "width">,
): Pointer {
  const row = func.let("row", s.toInt(s.load(position, lane * numberBytes)));
  return func.let("from", add(memory, mul(max(min(row, rows - 1), 0), width * numberBytes)));
}

/** Copies between a vector in lanes and eight rows of scratch memory. */
function turn(func: Func, width: number, inLanes: Pointer, scratch: Pointer, to: "rows" | "lanes"): void {
  nest(func, [{ count: width, steps: [laneBytes, numberBytes] }], [inLanes, scratch], ([wide, narrow]) => {
    for (let lane = 0; lane < lanes; lane++) {
      const [near, far] = [lane * numberBytes, lane * width * numberBytes];
      if (to === "rows") func.store(narrow!, load(wide!, near), far);
      else func.store(wide!, load(narrow!, far), near);
    }
  });
}

/** Sums that a product is cut into: one would wait for itself at every addition. */
const accumulators = 4;
type Totals = [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];

/** Runs over whole vectors of a row, several a turn; the body is told each one's offset and its place in the turn. */
function vectors(
  func: Func,
  width: number,
  pointers: readonly Pointer[],
  body: (pointers: readonly Pointer[], offset: number, part: number) => void,
): void {
  const whole = Math.floor(width / 4);
  const turns = Math.floor(whole / accumulators);
  const bytes = accumulators * f.vectorBytes;
  if (turns > 0) {
    nest(func, [{ count: turns, steps: pointers.map(() => bytes) }], pointers, (moving) => {
      for (let part = 0; part < accumulators; part++) body(moving, part * f.vectorBytes, part);
    });
  }
  for (let i = turns * accumulators; i < whole; i++) body(pointers, i * f.vectorBytes, i % accumulators);
}

/** Runs over what is left of a row, by offset. */
function rest(width: number, body: (offset: number) => void): void {
  for (let i = width - width % 4; i < width; i++) body(i * numberBytes);
}
