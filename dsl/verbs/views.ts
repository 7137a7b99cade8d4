/**
 * `views()`: which augmented view of the images each net sees.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import type { NetSpec } from "../spec.ts";

/** `"each"`: every net sees a view of its own; `"shared"`: all see the same. */
export type Views = "each" | "shared";

/**
 * The nets with their views: net i sees view i, or all see view 0.
 *
 * @throws {OptionError} If `views` is neither.
 */
export function withViews(nets: readonly NetSpec[], views: Views): readonly NetSpec[] {
  if (views !== "each" && views !== "shared") {
    throw new OptionError(`Cannot set views: they are "each" or "shared", got "${views}". Choose one of them.`);
  }
  return Object.freeze(nets.map((net, i) => Object.freeze({ ...net, view: views === "each" ? i : 0 })));
}
