/**
 * Batch normalisation as steps.
 *
 * @module
 */

import type { NodeOf, Shape } from "../../../ir/node.ts";
import { sizeOf } from "../../../ir/node.ts";
import {
  normalize,
  type NormConstants,
  normInput,
  normSums,
  statsChunks,
  statsCombine,
  statsShift,
} from "../kernels/norm.ts";
import { combineChunks } from "../kernels/reduce.ts";
import type { Site } from "./site.ts";

function mapOf(shape: Shape): NormConstants {
  return { channels: shape[1]!, pixels: sizeOf(shape.slice(2)) };
}

/** Mean and biased variance per channel. */
export function lowerBatchStats(site: Site, node: NodeOf<"batchStats">): void {
  const source = site.node(node.inputs[0]!);
  const x = site.read(source.id, "lanes");
  const size = mapOf(source.shape);
  const range = site.range(source);
  site.produce(node, "rows", (out) => {
    const shift = site.allocate(size.channels);
    const partial = site.allocate(range.mostChunks * 2 * size.channels);
    site.step(statsShift(size), x, shift, range.count);
    site.step(statsChunks({ ...size, chunk: range.chunk }), x, shift, partial, ...range.chunks, range.count);
    site.step(statsCombine(size), partial, shift, out, range.chunks[1], range.count);
  });
}

/** γ x̂ + β. */
export function lowerBatchNorm(site: Site, node: NodeOf<"batchNorm">): void {
  const x = site.read(node.inputs[0]!, "lanes");
  const tables = node.inputs.slice(1).map((id) => site.read(id, "rows"));
  const kernel = normalize({ ...mapOf(node.shape), epsilon: node.attrs.epsilon });
  site.produce(node, "lanes", (out) => site.step(kernel, x, ...tables, out, ...site.range(node).blocks));
}

/** Σ g and Σ g·x̂ per channel. */
export function lowerBatchNormSums(site: Site, node: NodeOf<"batchNormSums">): void {
  const [g, x, stats] = node.inputs as [number, number, number];
  const size = mapOf(site.node(x).shape);
  const range = site.range(site.node(x));
  const operands = [site.read(g, "lanes"), site.read(x, "lanes"), site.read(stats, "rows")];
  site.produce(node, "rows", (out) => {
    const partial = site.allocate(range.mostChunks * 2 * size.channels);
    const kernel = normSums({ ...size, epsilon: node.attrs.epsilon, chunk: range.chunk });
    site.step(kernel, ...operands, partial, ...range.chunks, range.count);
    site.step(combineChunks({ reduction: "sum", size: 2 * size.channels }), partial, out, range.chunks[1]);
  });
}

/** Input gradient. */
export function lowerBatchNormInput(site: Site, node: NodeOf<"batchNormInput">): void {
  const [g, x, ...rest] = node.inputs as [number, number, ...number[]];
  const maps = [site.read(g, "lanes"), site.read(x, "lanes")];
  const tables = rest.map((id) => site.read(id, "rows"));
  const range = site.range(node);
  const kernel = normInput({ ...mapOf(node.shape), epsilon: node.attrs.epsilon });
  site.produce(node, "lanes", (out) => site.step(kernel, ...maps, ...tables, out, ...range.blocks, range.count));
}
