/**
 * Transforms filters from PyTorch's order into the 36 planes, four output channels side by side.
 *
 * @module
 */

import type { Int } from "../../assembler/code.ts";
import { type Features, Func, type Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, and, int, min, mul, shr } from "../../assembler/i32.ts";
import { type Kernel, kernel, laneBytes, numberBytes } from "../kernel.ts";
import { tile } from "../micro.ts";
import { chunkChannels, planes, planeSkew, points } from "./plan.ts";
import { filterGradientTransform, filterTransform } from "./transform.ts";
import { transpose } from "../transpose.ts";

/** Constants of a filter transform. */
export interface FilterConstants {
  /** Channels of the convolution's input and output. */
  readonly from: number;
  readonly to: number;
  /** For the input gradient: filters turned by 180°, from the output's channels to the input's. */
  readonly turned: boolean;
}

/** Numbers of the transformed filters: [36][⌈to/4⌉][from][4], `to` and `from` swapped for turned filters. */
export function winogradFiltersSize({ from, to, turned }: FilterConstants): number {
  const [inner, outer] = turned ? [to, from] : [from, to];
  return planes * filterPlaneBytes(inner, outer) / numberBytes;
}

/** Bytes from a plane of transformed filters to the next. */
export function filterPlaneBytes(from: number, to: number): number {
  return Math.ceil(to / tile) * from * f.vectorBytes + planeSkew;
}

/** Kernel (filters [to][from][3][3], transformed filters). */
export function winogradFilters(constants: FilterConstants): Kernel {
  return kernel("winogradFilters", constants, build);
}

const four = 4;

/** Taps of a filter. */
export const taps = 9;

/** Bytes of a filter. */
const filterBytes = taps * numberBytes;

function build(features: Features, constants: FilterConstants): Func {
  const { from, to, turned } = constants;
  const func = new Func("winogradFilters", features);
  const [w, u] = func.params("w", "u");
  const [inner, outer] = turned ? [to, from] : [from, to];
  const [innerStep, outerStep] = turned ? [from * filterBytes, filterBytes] : [filterBytes, from * filterBytes];
  const plane = filterPlaneBytes(inner, outer);
  const target = func.let("target", u);
  func.for("tile", 0, Math.ceil(outer / tile), (position) => {
    // Places behind the last channel repeat it; nothing uses them.
    const sources = Array.from({ length: tile }, (_, i) => {
      const channel = min(add(mul(position, tile), i), outer - 1);
      return func.let("source", add(w, mul(channel, outerStep)));
    });
    func.times(inner, () => {
      const g = loadFilters(func, sources);
      if (turned) g.reverse();
      const rows = [0, 1, 2].map((row) => {
        return filterTransform(func, g.slice(3 * row, 3 * row + 3)).map((value) => func.let("row", value));
      });
      const at = func.let("at", target);
      // The planes run along rows first, so that both axes are in the order of the input's transform.
      const columns = Array.from({ length: points }, (_, j) => {
        return filterTransform(func, rows.map((row) => row[j]!)).map((value) => func.let("column", value));
      });
      for (let i = 0; i < points; i++) {
        for (let j = 0; j < points; j++) {
          func.store(at, columns[j]![i]!);
          func.bump(at, plane);
        }
      }
      for (const source of sources) func.bump(source, innerStep);
      func.bump(target, f.vectorBytes);
    });
  });
  return func;
}

/** The nine taps of four filters, one filter per place. */
function loadFilters(func: Func, sources: readonly Local<"i32">[]): Local<"v128">[] {
  const fours = [0, 4].flatMap((tap) => {
    const rows = sources.map((source) => func.let("taps", f.load(source, tap * numberBytes)));
    return transpose(func, rows).map((value) => func.let("tap", value));
  });
  const [a, b, c, d] = sources.map((source) => f.loadSplat(source, 8 * numberBytes)) as [
    f.Vector,
    f.Vector,
    f.Vector,
    f.Vector,
  ];
  const pair = f.shuffle(f.shuffle(a, b, [0, 4, 0, 4]), f.shuffle(c, d, [0, 4, 0, 4]), [0, 1, 4, 5]);
  return [...fours, func.let("tap", pair)];
}

/** filters[to][from][3][3] ← sums[36][⌈from/4⌉][⌈to/8⌉][4][8], planes `plane` bytes apart. */
export function storeFilters(
  func: Func,
  { from, to }: { readonly from: number; readonly to: number },
  sums: Local<"i32">,
  plane: number,
  filters: Local<"i32">,
): void {
  const row = Math.ceil(to / chunkChannels) * tile * laneBytes;
  const part = (position: Int, width: number): void => {
    const half = add(mul(shr(position, 1), tile * laneBytes), mul(and(position, 1), f.vectorBytes));
    const start = func.let("start", add(sums, half));
    const target = func.let("target", add(filters, mul(position, four * from * filterBytes)));
    func.for("input", 0, from, (input) => {
      const place = add(mul(shr(input, 2), row), mul(and(input, 3), laneBytes));
      storePart(func, target, pullBack(func, func.let("from", add(start, place)), plane), width, from * filterBytes);
      func.bump(target, filterBytes);
    });
  };
  const whole = Math.floor(to / four);
  func.for("part", 0, whole, (position) => part(position, four));
  if (to % four > 0) part(int(whole), to % four);
}

/** The nine taps of four output channels from their 36 sums. */
function pullBack(func: Func, from: Local<"i32">, plane: number): Local<"v128">[] {
  const columns = Array.from({ length: points }, (_, j) => {
    const sums = Array.from({ length: points }, (_, i) => {
      return func.let("sum", f.load(add(from, (points * i + j) * plane)));
    });
    return filterGradientTransform(func, sums).map((value) => func.let("column", value));
  });
  return [0, 1, 2].flatMap((row) => {
    return filterGradientTransform(func, columns.map((column) => column[row]!)).map((value) => func.let("tap", value));
  });
}

/** Writes nine taps of `width` output channels, `step` bytes apart. */
function storePart(func: Func, target: Local<"i32">, g: readonly Local<"v128">[], width: number, step: number): void {
  for (const tap of [0, four]) {
    transpose(func, g.slice(tap, tap + four)).slice(0, width).forEach((row, i) => {
      func.store(target, row, i * step + tap * numberBytes);
    });
  }
  for (let i = 0; i < width; i++) func.store(target, f.extract(g[8]!, i), i * step + 8 * numberBytes);
}
