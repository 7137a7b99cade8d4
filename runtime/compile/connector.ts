/**
 * Geometry of the layer that gives a map the size of another net's.
 *
 * @module
 */

import { ShapeError } from "../../dsl/errors.ts";
import type { Pair } from "../ir/node.ts";

/** A convolution, or a transposed one. */
export interface ConnectorGeometry {
  readonly transposed: boolean;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  /** Height and width of its result. */
  readonly like: Pair;
}

/** How a map of `size` gets the size of the map `like`; see {@linkcode connector}. */
export function connectorGeometry(
  size: readonly number[],
  like: Pair | undefined,
  { net, spot }: { readonly net: string; readonly spot: string },
): ConnectorGeometry {
  if (like === undefined) {
    throw new ShapeError(`Cannot connect to ${net}: it needs a map there, got none at "${spot}". Say another spot.`);
  }
  const [from, to] = [size[0]!, like[0]];
  if (size[0] !== size[1] || like[0] !== like[1]) {
    throw new ShapeError(
      `Cannot connect to ${net} at "${spot}": both maps are square, got ${size.join("×")} and ${like.join("×")}. ` +
        "Use square images.",
    );
  }
  if (from === 2 * to) return { transposed: false, kernel: 3, stride: 2, pad: 1, like };
  if (2 * from === to) return { transposed: true, kernel: 4, stride: 2, pad: 1, like };
  if (from >= to) return { transposed: false, kernel: 1 + from - to, stride: 1, pad: 0, like };
  const stride = Math.floor(to / from);
  return { transposed: true, kernel: to - stride * (from - 1), stride, pad: 0, like };
}
