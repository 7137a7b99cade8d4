/**
 * Filter gradient of a convolution: dw[o][c][r][t] = Σ over samples and pixels of x · g.
 *
 * Chunks of samples give partial sums, which are added up in a fixed order, so that the result does not depend on who
 * computes them. Samples beyond the count may hold anything.
 *
 * @module
 */

import type { Kernel } from "../kernel.ts";
import { combineChunks } from "../reduce.ts";
import { filterCombine } from "./combine.ts";
import { filterLanes, filterLanesScratch } from "./lanes.ts";
import type { FilterConstants, FilterShape } from "./plan.ts";
import { filterProduct, filterProductScratch } from "./product.ts";

export type { FilterConstants, FilterShape } from "./plan.ts";

/** Numbers of the result. */
export function filterSize({ input, output, groups, kernel }: FilterShape): number {
  return output.channels * (input.channels / groups) * kernel[0] * kernel[1];
}

/**
 * Partial sums: kernel (x, g, scratch, partial [chunks][weights], first chunk, last chunk, count[, scale, shift]).
 * The order of the weights is known to `filterTotal`.
 */
export function filterChunks(constants: FilterConstants): Kernel {
  return isNarrow(constants) ? filterLanes(constants) : filterProduct(constants);
}

/** Numbers of scratch memory of `filterChunks`, for each thread. */
export function filterScratch(constants: FilterConstants): number {
  return isNarrow(constants) ? filterLanesScratch(constants) : filterProductScratch(constants);
}

/** Result: kernel (partial [chunks][weights], out, chunks). */
export function filterTotal(shape: FilterShape): Kernel {
  const [size, taps] = [filterSize(shape), shape.kernel[0] * shape.kernel[1]];
  if (taps === 1 || isNarrow(shape)) return combineChunks({ reduction: "sum", size });
  return filterCombine({ taps, pairs: size / taps });
}

/** Most inputs of a group that would waste the product's lanes. */
const narrowInputs = 3;

/** Whether lanes are better used by samples than by channels. */
function isNarrow({ input, groups, kernel }: FilterShape): boolean {
  return input.channels / groups <= narrowInputs && (kernel[1] > 1 || groups > 1);
}
