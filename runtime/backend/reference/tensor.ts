/** Tensors of the reference backend: float64, row-major, PyTorch's layout. @module */

import { type Shape, sizeOf } from "../../ir/node.ts";

/** Numbers with a shape. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** A tensor of zeros. */
export function tensor(shape: Shape, data: Float64Array = new Float64Array(sizeOf(shape))): Tensor {
  return { shape, data };
}
