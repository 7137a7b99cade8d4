/**
 * Maps of another size, and matrices of zeros and ones, out of primitives that exist for other reasons.
 *
 * @module
 */

import { ShapeError } from "../../dsl/errors.ts";
import type { GraphBuilder } from "../ir/builder.ts";
import type { Pair } from "../ir/node.ts";

/**
 * A map averaged down to `size`; a side that is as small already stays. Windows are those of PyTorch's adaptive average
 * pooling; where they do not all have one size, the two axes are averaged one after the other.
 */
export function poolMap(b: GraphBuilder, x: number, [rows, columns]: Pair): number {
  const [, , height, width] = mapShape(b, x, "pool");
  const size = [Math.min(rows, height), Math.min(columns, width)] as const;
  if (size[0] === height && size[1] === width) return x;
  if (height % size[0] === 0 && width % size[1] === 0) {
    const kernel = [height / size[0], width / size[1]] as const;
    return b.pool("averagePool", x, { kernel, stride: kernel, pad: [0, 0] });
  }
  return size.reduce((at, count, i) => averageAxis(b, at, i + 2, count), x);
}

/** A map with as many rows and columns as `size`: place i of n is place ⌊i · H / n⌋, the nearest one from above. */
export function resizeMap(b: GraphBuilder, x: number, size: Pair): number {
  const [, , height, width] = mapShape(b, x, "resize");
  if (size[0] === height && size[1] === width) return x;
  if (size[0] % height === 0 && size[1] % width === 0) {
    const kernel = [size[0] / height, size[1] / width] as const;
    const spread = b.averagePoolInput(x, { kernel, stride: kernel, pad: [0, 0] }, size);
    return b.map("mul", spread, b.constant(kernel[0] * kernel[1]));
  }
  return size.reduce((at, count, i) => pickAlong(b, at, i + 2, count), x);
}

/** [size, size] with ones where column − row is `offset`; the samples of its axes are not marked as a batch. */
export function diagonal(b: GraphBuilder, size: number, offset: number): number {
  // A column of ones in rows that are one longer than the matrix' own: read as rows of the matrix it moves by one each.
  const rows = b.padAxis(b.constant(1, [size, 1]), 1, offset, size - offset);
  return b.reshape(b.slice(b.reshape(rows, [size * (size + 1)]), 0, 0, size * size), [size, size]);
}

function averageAxis(b: GraphBuilder, x: number, axis: number, count: number): number {
  const length = b.shape(x)[axis]!;
  if (count === length) return x;
  const cells = Array.from({ length: count }, (_, i) => {
    const start = Math.floor(i * length / count);
    const size = Math.ceil((i + 1) * length / count) - start;
    return b.map("mul", b.sum(b.slice(x, axis, start, size), [axis]), b.constant(1 / size));
  });
  return b.concat(cells, axis);
}

function pickAlong(b: GraphBuilder, x: number, axis: number, count: number): number {
  const length = b.shape(x)[axis]!;
  if (count === length) return x;
  const cells = Array.from({ length: count }, (_, i) => b.slice(x, axis, Math.floor(i * length / count), 1));
  return b.concat(cells, axis);
}

function mapShape(b: GraphBuilder, x: number, doing: string): readonly [number, number, number, number] {
  const shape = b.shape(x);
  if (shape.length !== 4) throw new ShapeError(`Cannot ${doing}: it reads maps [B, C, H, W], got [${shape}].`);
  return shape as readonly [number, number, number, number];
}
