/**
 * What a net is made of: its layers with shapes, parameters and multiply-adds.
 *
 * @module
 */

import type { Arch } from "../arch.ts";
import { ShapeError } from "../errors.ts";
import type { Layer } from "../layers.ts";
import { type Extent, walk } from "./walk.ts";

/** A layer in forward order; layers of branches come before the layer that brings them together. */
export interface LayerSummary {
  /** Spot at which its stage ends. */
  readonly stage: string;
  /** What it is. */
  readonly layer: Layer;
  /** Branches it lies in, 0 outside of any. */
  readonly depth: number;
  /** What it makes of one image: a map [C, H, W] or a vector [D]. */
  readonly shape: readonly number[];
  /** Trained numbers. */
  readonly parameters: number;
  /** Multiply-adds of convolutions and linear layers, for one image. */
  readonly multiplyAdds: number;
}

/** What a net is made of. */
export interface ArchSummary {
  /** Every layer. */
  readonly layers: readonly LayerSummary[];
  /** What is at the end of every stage, for one image. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Trained numbers. */
  readonly parameters: number;
  /** Running statistics of batch norm. */
  readonly buffers: number;
  /** Multiply-adds of convolutions and linear layers, for one image. */
  readonly multiplyAdds: number;
}

/**
 * Layers, shapes, parameters and multiply-adds of a net on images of `input` [C, H, W].
 *
 * @throws {ShapeError} If the images are no maps of whole sizes, or too small for a layer.
 *
 * @example
 * ```ts
 * import { resnet20 } from "./resnet.ts";
 * import { summarize } from "./summarize.ts";
 * const { parameters, multiplyAdds, shapes } = summarize(resnet20, { input: [3, 32, 32], classes: 100 });
 * console.log(parameters, multiplyAdds, shapes.layer3); // 278324 40818944 [64, 8, 8]
 * ```
 */
export function summarize(
  arch: Pick<Arch, "name" | "stages">,
  { input, classes }: { readonly input: readonly [number, number, number]; readonly classes: number },
): ArchSummary {
  if (input.length !== 3 || input.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new ShapeError(
      `Cannot summarize ${arch.name}: images have channels, height and width, got ${input.join("×")}. Say 3×32×32.`,
    );
  }
  const [channels, height, width] = input;
  const layers: LayerSummary[] = [];
  let buffers = 0;
  const ends = walk(arch, { channels, size: [height, width] }, classes, (passed) => {
    const { layer, stage, depth, out, tensors, multiplyAdds } = passed;
    const count = (of: "parameter" | "buffer"): number =>
      tensors.filter((tensor) => tensor.kind === of).reduce(
        (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
        0,
      );
    layers.push(
      Object.freeze({ stage, layer, depth, shape: shapeOf(out), parameters: count("parameter"), multiplyAdds }),
    );
    buffers += count("buffer");
  });
  return Object.freeze({
    layers: Object.freeze(layers),
    shapes: Object.freeze(Object.fromEntries(Object.entries(ends).map(([spot, end]) => [spot, shapeOf(end)]))),
    parameters: layers.reduce((sum, { parameters }) => sum + parameters, 0),
    buffers,
    multiplyAdds: layers.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
  });
}

function shapeOf({ channels, size }: Extent): readonly number[] {
  return Object.freeze([channels, ...(size ?? [])]);
}
