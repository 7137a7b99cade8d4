/**
 * Element-wise values over maps: computed where they are read, as far as that saves passes over memory.
 *
 * @module
 */

import { cost } from "../../../ir/expr.ts";
import { type Node, type NodeOf, type Shape, sizeOf } from "../../../ir/node.ts";
import { type MapExtent, pointwise, pointwiseSums, sumsScratch } from "../kernels/pointwise.ts";
import { winogradStatistics, winogradSumsSize } from "../kernels/winograd/statistics.ts";
import { layoutOf } from "../layout.ts";
import { type Form, Joiner, replace, type Source } from "./form.ts";
import type { Place, Site } from "./site.ts";

/**
 * Operands and operations beyond which a pass would run out of registers, and maps beside the result of a convolution:
 * it writes tile by tile, and with more maps a pass of its own, straight through memory, is faster.
 */
const most = { maps: 5, tables: 8, operations: 24, beside: 1 };

/** Channels and pixels of a map. */
export function extentOf(shape: Shape): MapExtent {
  return { pixels: sizeOf(shape.slice(2)), channels: shape[1]! };
}

/** Computes a form into memory. */
export function storeForm(site: Site, node: Node, form: Form, out: Place): void {
  const maps = form.maps.map((id) => site.read(id, "lanes"));
  const { core, tables, expr } = form;
  if (core !== undefined) {
    const plain = expr.fn === "input" && expr.index === 0;
    return core.run(out, plain ? undefined : { store: expr, maps, tables });
  }
  const kernel = pointwise({ ...extentOf(node.shape), maps: maps.length, tables: tables.length, expr });
  site.step(kernel, ...maps, ...tables, out, ...site.range(node).blocks);
}

/** A value as an operand of another one's expression: as it is if that saves a pass, else from memory. */
export function sourceOf(site: Site, id: number): Source {
  const deferred = site.deferred(id);
  if (deferred !== undefined && (deferred.lasting || site.readers.single(id))) return { form: deferred.form };
  return stored(site, id);
}

/** A value as it lies in memory. */
function stored(site: Site, id: number): Source {
  site.read(id, "lanes");
  return { map: id };
}

/** Puts an element-wise node off if that saves a pass over memory; false if it is better computed at once. */
export function deferElementwise(site: Site, node: NodeOf<"elementwise">): boolean {
  if (!worthIt(site, node)) return false;
  let form = formOf(site, node);
  if (form.core !== undefined && form.maps.length > most.beside) {
    for (const id of node.inputs) if (site.deferred(id)?.form.core !== undefined) site.read(id, "lanes");
    form = formOf(site, node);
  }
  const fits = form.maps.length <= most.maps && form.tables.length <= most.tables && cost(form.expr) <= most.operations;
  if (fits) site.defer(node.id, form);
  return fits;
}

/** An element-wise node over what is in memory, and what may stay out of it. */
function formOf(site: Site, node: NodeOf<"elementwise">): Form {
  const joiner = new Joiner();
  const operands = node.inputs.map((id) => {
    const source = site.node(id);
    if (source.op === "constant") return joiner.add({ value: source.attrs.value });
    if (isMap(source, node)) {
      return joiner.add(joiner.accepts(site.deferred(id)) ? sourceOf(site, id) : stored(site, id));
    }
    return joiner.add({ table: site.read(id, "rows") });
  });
  return joiner.form(replace(node.attrs.expr, (index) => operands[index]!));
}

/** Whether a value is over a map like the node's, and some operand or reader can do without it in memory. */
function worthIt(site: Site, node: NodeOf<"elementwise">): boolean {
  if (layoutOf(node) !== "lanes" || node.shape.length < 2) return false;
  const sources = node.inputs.map((id) => site.node(id));
  const fits = sources.every((source) => source.op === "constant" || isMap(source, node) || isTable(source, node));
  if (!fits) return false;
  return node.inputs.some((id) => site.deferred(id) !== undefined) ||
    site.readers.of(node.id)?.some(({ op }) => op === "batchNormSums") === true;
}

function isMap(source: Node, { shape }: Node): boolean {
  return layoutOf(source) === "lanes" && source.shape.join() === shape.join();
}

function isTable(source: Node, { shape }: Node): boolean {
  return layoutOf(source) === "rows" && source.shape.length === shape.length &&
    source.shape.every((size, axis) => size === (axis === 1 ? shape[1] : 1));
}

/** What {@linkcode sumForm} sums: a value of a map's extent, and what it is multiplied by. */
export interface Summed {
  /** Inputs of the expressions. */
  readonly joiner: Joiner;
  readonly value: Form["expr"];
  /** A factor over the joiner's inputs and what is summed. */
  readonly factor: Form["expr"];
  /** Where the value is stored, if it is. */
  readonly out?: Place | undefined;
}

/** Σ v and Σ v · factor of each chunk, [chunks][2][channels], over the samples and pixels of `node`'s extent. */
export function sumForm(site: Site, node: Node, { joiner, value, factor, out }: Summed): Place {
  const extent = extentOf(node.shape);
  const { channels } = extent;
  const range = site.range(node);
  const partial = site.allocate(range.mostChunks * 2 * channels);
  const maps = joiner.maps.map((id) => site.read(id, "lanes"));
  const [expr, by] = [joiner.finish(value), joiner.finish(factor)];
  const { core, tables } = joiner;
  if (core !== undefined) {
    const place = site.allocate(range.most * winogradSumsSize(channels), range.count === "count");
    const stored = joiner.finish(joiner.stored());
    core.run(out!, { store: expr, maps, tables, sums: { of: [stored, by], place } });
    const kernel = winogradStatistics({ channels, chunk: range.chunk });
    site.step(kernel, place, partial, ...range.chunks, range.count);
    return partial;
  }
  const constants = { ...extent, maps: maps.length, tables: tables.length, expr, stored: out !== undefined };
  const kernel = pointwiseSums({ ...constants, factor: by, chunk: range.chunk });
  const targets = out === undefined ? [] : [out];
  const scratch = site.allocate(sumsScratch(channels));
  site.step(kernel, ...maps, ...tables, ...targets, scratch, partial, ...range.chunks, range.count);
  return partial;
}
