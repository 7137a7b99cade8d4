/**
 * Rows of a memory that samples choose, as steps.
 *
 * @module
 */

import type { NodeOf } from "../../../ir/node.ts";
import { assignRows, gatherDot, gatherSum } from "../kernels/gather.ts";
import { lanes } from "../layout.ts";
import { type Place, sampleSize, type Site } from "./site.ts";

/** Products with chosen rows, or sums of them. The scratch of a thread holds one vector for each of eight samples. */
export function lowerGather(site: Site, node: NodeOf<"gatherDot"> | NodeOf<"gatherSum">): void {
  const [memory, index, x] = node.inputs as [number, number, number];
  const [rows, width] = site.node(memory).shape as [number, number];
  const chosen = site.node(index).shape[1]!;
  const kernel = (node.op === "gatherDot" ? gatherDot : gatherSum)({ rows, width, chosen });
  const places = [site.read(memory, "rows"), site.read(index, "lanes"), site.read(x, "lanes")];
  const scratch = site.allocate(lanes * width);
  const { blocks } = site.range(site.node(index));
  site.produce(node, "lanes", (out) => site.step(kernel, ...places, out, scratch, ...blocks));
}

/** Writes one row a sample into state. */
export function lowerAssignRows(site: Site, values: number, rows: number, state: Place): void {
  const width = sampleSize(site.node(values).shape);
  site.step(assignRows({ width }), state, site.read(values, "lanes"), site.read(rows, "lanes"), "count");
}
