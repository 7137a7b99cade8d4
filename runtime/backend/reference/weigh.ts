/** Weights of nets on the reference backend. @module */

import type { NodeOf } from "../../ir/node.ts";
import { weighTables } from "../../ir/weigh.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** Weights of each sample, or of the samples really present. */
export function weigh(node: NodeOf<"weigh">, scores: Tensor, labels: Tensor, count: number): Tensor {
  const classes = labels.shape[1]!;
  const out = tensor(node.shape);
  out.data.set(weighTables(node.attrs, scores.data, labels.data, classes, count));
  return out;
}
