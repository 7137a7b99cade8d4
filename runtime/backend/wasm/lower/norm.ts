/**
 * Batch normalisation as steps: numbers per channel, and expressions over maps that are computed where they are read.
 *
 * @module
 */

import type { Expr } from "../../../ir/expr.ts";
import type { Node, NodeOf } from "../../../ir/node.ts";
import { gradientTables, normTables, statsCombine, statsShift, sumsCombine } from "../kernels/norm.ts";
import { layoutOf } from "../layout.ts";
import { type Form, Joiner } from "./form.ts";
import { extentOf, sourceOf, storeForm, sumForm } from "./pointwise.ts";
import { at, type Place, type Site } from "./site.ts";

function call(fn: "add" | "sub" | "mul", ...of: readonly Expr[]): Expr {
  return { fn, of };
}

/** Mean and biased variance per channel: from the convolution that is about to write the map, or in a pass. */
export function lowerBatchStats(site: Site, node: NodeOf<"batchStats">): void {
  const source = site.node(node.inputs[0]!);
  const extent = extentOf(source.shape);
  const { chunks, count } = site.range(source);
  const joiner = new Joiner();
  const deferred = site.deferred(source.id);
  if (deferred?.form.core !== undefined) {
    const value = joiner.add({ form: deferred.form });
    const partial = site.storing(source.id, (out) => {
      return sumForm(site, source, { joiner, value, factor: joiner.stored(), out });
    });
    return site.produce(node, "rows", (out) => {
      site.step(statsCombine({ ...extent, shifted: false }), partial, out, chunks[1], count);
    });
  }
  const x = site.read(source.id, "lanes");
  const shift = site.allocate(extent.channels);
  site.step(statsShift(extent), x, shift, count);
  const value = call("sub", joiner.add({ map: source.id }), joiner.add({ table: shift }));
  const partial = sumForm(site, source, { joiner, value, factor: joiner.stored() });
  site.produce(node, "rows", (out) => {
    site.step(statsCombine({ ...extent, shifted: true }), partial, shift, out, chunks[1], count);
  });
}

/** γ x̂ + β, put off. */
export function lowerBatchNorm(site: Site, node: NodeOf<"batchNorm">): void {
  const [x, ...tables] = node.inputs as [number, ...number[]];
  const { channels } = extentOf(node.shape);
  const target = site.allocate(2 * channels);
  const kernel = normTables({ channels, epsilon: node.attrs.epsilon });
  site.step(kernel, ...tables.map((id) => site.read(id, "rows")), target);
  const joiner = new Joiner();
  const [scale, shift] = [joiner.add({ table: target }), joiner.add({ table: at(target, channels) })];
  // The map stays where the gradient finds it.
  finish(site, node, joiner.form(call("add", call("mul", joiner.add(sourceOf(site, x)), scale), shift)));
}

/** Σ g and Σ g·x̂ per channel; what g is computed from is passed over here for the first time. */
export function lowerBatchNormSums(site: Site, node: NodeOf<"batchNormSums">): void {
  const [g, x, stats] = node.inputs as [number, number, number];
  const map = site.node(x);
  const { channels } = extentOf(map.shape);
  const statistics = site.read(stats, "rows");
  const joiner = new Joiner();
  site.read(x, "lanes");
  const factor = (): Expr => call("sub", joiner.add({ map: x }), joiner.add({ table: statistics }));
  const deferred = site.deferred(g);
  const partial = ((): Place => {
    if (deferred === undefined || staysDeferred(site, g, x)) {
      const value = joiner.add(deferred === undefined ? { map: g } : { form: deferred.form });
      if (deferred === undefined) site.read(g, "lanes");
      return sumForm(site, map, { joiner, value, factor: factor() });
    }
    const value = joiner.add({ form: deferred.form });
    return site.storing(g, (out) => sumForm(site, map, { joiner, value, factor: factor(), out }));
  })();
  site.produce(node, "rows", (out) => {
    const kernel = sumsCombine({ channels, epsilon: node.attrs.epsilon });
    site.step(kernel, partial, statistics, out, site.range(map).chunks[1]);
  });
}

/**
 * Whether a gradient is better computed twice than stored: its sums and the input gradient read the normalised map
 * anyway, so that one other map makes no more to read.
 */
function staysDeferred(site: Site, g: number, x: number): boolean {
  const deferred = site.deferred(g);
  if (deferred === undefined || deferred.form.core !== undefined) return false;
  if (deferred.lasting) return true;
  const readers = site.readers.of(g);
  const within = readers?.every(({ op, inputs }) =>
    (op === "batchNormSums" || op === "batchNormInput") && inputs[0] === g && inputs[1] === x
  );
  return within === true && new Set([...deferred.form.maps, x]).size <= 2;
}

/** Input gradient, put off. */
export function lowerBatchNormInput(site: Site, node: NodeOf<"batchNormInput">): void {
  const [g, x, stats, gamma, sums] = node.inputs as [number, number, number, number, number];
  const extent = extentOf(node.shape);
  const { channels } = extent;
  const target = site.allocate(3 * channels);
  const tables = [stats, gamma, sums].map((id) => site.read(id, "rows")) as [Place, Place, Place];
  const kernel = gradientTables({ ...extent, epsilon: node.attrs.epsilon });
  site.step(kernel, ...tables, target, site.range(node).count);
  const joiner = new Joiner();
  const deferred = staysDeferred(site, g, x) ? site.deferred(g) : undefined;
  if (deferred === undefined) site.read(g, "lanes");
  const gradient = joiner.add(deferred === undefined ? { map: g } : { form: deferred.form });
  site.read(x, "lanes");
  const centred = call("sub", joiner.add({ map: x }), joiner.add({ table: tables[0] }));
  const [a, b, c] = [0, 1, 2].map((row) => joiner.add({ table: at(target, row * channels) })) as [Expr, Expr, Expr];
  const form = joiner.form(call("add", call("mul", gradient, a), call("add", call("mul", centred, b), c)));
  const over = deferred === undefined && ownsMemory(site.node(g)) && endsWith(site, g, node.id);
  finish(site, node, over ? { ...form, over: g } : form);
}

/** Whether a value shares its memory with no other. */
function ownsMemory({ op }: Node): boolean {
  return op === "elementwise" || op === "conv2dInput";
}

/** Whether nobody reads a gradient but its sums and, after them, the node `last`. */
function endsWith(site: Site, g: number, last: number): boolean {
  return site.readers.of(g)?.every(({ op, id }) => op === "batchNormSums" || id === last) === true;
}

function finish(site: Site, node: NodeOf<"batchNorm"> | NodeOf<"batchNormInput">, form: Form): void {
  if (layoutOf(node) === "lanes") return site.defer(node.id, form);
  site.produce(node, "lanes", (out) => storeForm(site, node, form, out));
}
