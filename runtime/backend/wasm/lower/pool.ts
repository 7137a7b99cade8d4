/**
 * Pooling as steps.
 *
 * @module
 */

import type { NodeOf, PoolAttrs, Shape } from "../../../ir/node.ts";
import { forwardPass, type Pass } from "../kernels/pass.ts";
import { averagePoolInput, maxPoolInput, pool } from "../kernels/window.ts";
import { mapOf } from "./convolution.ts";
import type { Site } from "./site.ts";

/** Mean or maximum of windows. */
export function lowerPool(site: Site, node: NodeOf<"averagePool"> | NodeOf<"maxPool">): void {
  const [x] = node.inputs as [number];
  const source = site.read(x, "lanes");
  const pass = poolPass(site.node(x).shape, node.shape, node.attrs);
  const take = node.op === "averagePool" ? "mean" : "max";
  site.produce(node, "lanes", (out) => site.step(pool({ pass, take }), source, out, ...site.range(node).blocks));
}

function poolPass(input: Shape, output: Shape, { kernel, stride, pad }: PoolAttrs): Pass {
  return forwardPass({ input: mapOf(input), output: mapOf(output), kernel, stride, pad, groups: 1 });
}

/** Input gradient of mean pooling. */
export function lowerAveragePoolInput(site: Site, node: NodeOf<"averagePoolInput">): void {
  const [g] = node.inputs as [number];
  const gradient = site.read(g, "lanes");
  const { kernel, stride, pad } = node.attrs;
  const [input, output] = [mapOf(node.shape), mapOf(site.node(g).shape)];
  const constants = { pool: { kernel, stride, pad }, input, output };
  site.produce(node, "lanes", (out) => {
    site.step(averagePoolInput(constants), gradient, out, ...site.range(node).blocks);
  });
}

/** Input gradient of maximum pooling. */
export function lowerMaxPoolInput(site: Site, node: NodeOf<"maxPoolInput">): void {
  const [x, g] = node.inputs as [number, number];
  const [source, gradient] = [site.read(x, "lanes"), site.read(g, "lanes")];
  const pass = poolPass(node.shape, site.node(g).shape, node.attrs);
  site.produce(node, "lanes", (out) => {
    site.step(maxPoolInput(pass), source, gradient, out, ...site.range(node).blocks);
  });
}
