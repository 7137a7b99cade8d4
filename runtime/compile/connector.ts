/**
 * Geometry of the layers that give a map the size of another net's.
 *
 * @module
 */

import { ShapeError } from "../../dsl/errors.ts";
import type { Layer } from "../../dsl/layers.ts";
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

/** Stride and size of a transposed convolution's result; a tap as large as the input is reached with stride 1. */
export function transposedGeometry(
  layer: Layer & { readonly kind: "transposedConv" },
  size: Pair,
  sizeAt: (net: string, spot: string) => Pair | undefined,
): { stride: number; size: Pair } {
  const { outputPad } = layer;
  const grow = (length: number, stride: number): number => (length - 1) * stride - 2 * layer.pad + layer.kernel;
  if (typeof outputPad === "number") {
    const made = size.map((length) => grow(length, layer.stride) + outputPad) as [number, number];
    return { stride: layer.stride, size: made };
  }
  const target = sizeAt(outputPad.net, outputPad.spot);
  const reaches = (stride: number): boolean =>
    target?.every((length, axis) => {
      const rest = length - grow(size[axis]!, stride);
      return rest >= 0 && rest < stride;
    }) ?? false;
  const stride = [layer.stride, 1].find(reaches);
  if (target === undefined || stride === undefined) {
    throw new ShapeError(
      `Cannot enlarge ${
        size.join("×")
      } to ${outputPad.net} at "${outputPad.spot}": the map there has its size or twice that, got ${
        target?.join("×") ?? "no map"
      }.`,
    );
  }
  return { stride, size: target };
}
