/**
 * Layers of the modules that stand between two nets.
 *
 * @module
 */

import type { Init } from "./layers.ts";

/** A convolution that gives a map the size of another net's; see {@linkcode connector}. */
export interface ConnectorLayer {
  /** Tells layers apart. */
  readonly kind: "connector";
  /** PyTorch's module name. */
  readonly name: string;
  /** Output channels. */
  readonly out: number;
  /** Net and spot whose map gives the size. */
  readonly like: { readonly net: string; readonly spot: string };
  /** Whether it adds a bias. */
  readonly bias: boolean;
  /** Rule that fills its weights. */
  readonly init: Init;
}

/** A trained vector; see {@linkcode free}. */
export interface FreeLayer {
  /** Tells layers apart. */
  readonly kind: "free";
  /** Name of its tensor. */
  readonly name: string;
  /** Number of elements. */
  readonly width: number;
  /** Rule that fills it. */
  readonly init: Init;
}

/**
 * A convolution with bias whose geometry follows the map of a net at a spot: of side h from side H, 1×1 where they are
 * equal, 3×3 with stride 2 where H = 2h, transposed 4×4 with stride 2 where 2H = h, without padding of side 1 + H − h
 * where H > h otherwise, and transposed with stride ⌊h / H⌋ and side h − ⌊h / H⌋ (H − 1) where H < h otherwise.
 *
 * Source: `ConvReg` of the RepDistiller benchmark, Tian, Krishnan, Isola 2020.
 */
export function connector(
  name: string,
  out: number,
  like: { readonly net: string; readonly spot: string },
): ConnectorLayer {
  const init = Object.freeze({ rule: "default" } as const);
  return Object.freeze({ kind: "connector", name, out, like: Object.freeze({ ...like }), bias: true, init });
}

/** A trained vector [width] in the place of the input, one number a channel: beside maps it is [1, width, 1, 1]. */
export function free(name: string, width: number, value: number): FreeLayer {
  return Object.freeze({ kind: "free", name, width, init: Object.freeze({ rule: "constant", value }) });
}
