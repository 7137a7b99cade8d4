/** Rows of a memory, chosen by sample, in the reference backend. @module */

import type { NodeOf } from "../../ir/node.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** Products of each sample's vector with the rows it chose. */
export function gatherDot(node: NodeOf<"gatherDot">, memory: Tensor, index: Tensor, v: Tensor): Tensor {
  const out = tensor(node.shape);
  const [, width] = memory.shape as readonly [number, number];
  eachRow(memory, index, (row, b, position) => {
    let total = 0;
    for (let d = 0; d < width; d++) total += memory.data[row + d]! * v.data[b * width + d]!;
    out.data[position] = total;
  });
  return out;
}

/** Sum of the rows that each sample chose, each with a factor. */
export function gatherSum(node: NodeOf<"gatherSum">, memory: Tensor, index: Tensor, g: Tensor): Tensor {
  const out = tensor(node.shape);
  const [, width] = memory.shape as readonly [number, number];
  eachRow(memory, index, (row, b, position) => {
    for (let d = 0; d < width; d++) out.data[b * width + d]! += g.data[position]! * memory.data[row + d]!;
  });
  return out;
}

/** Writes one row a sample; a negative position writes nothing. */
export function assignRows(state: Tensor, values: Float64Array, rows: Float64Array): void {
  const width = state.data.length / state.shape[0]!;
  rows.forEach((row, b) => {
    if (row >= 0) state.data.set(values.subarray(b * width, (b + 1) * width), row * width);
  });
}

/** Visits the rows in order: where each begins in memory, its sample, and its place in the index. */
function eachRow(memory: Tensor, index: Tensor, visit: (row: number, sample: number, position: number) => void): void {
  const [rows, width] = memory.shape as readonly [number, number];
  const [, chosen] = index.shape as readonly [number, number];
  index.data.forEach((row, position) => {
    visit(Math.min(Math.max(row, 0), rows - 1) * width, Math.floor(position / chosen), position);
  });
}
