/**
 * Convolutions by the direct method as steps, and what they do besides.
 *
 * @module
 */

import type { Node } from "../../../ir/node.ts";
import { convolve, convolveScratch, packedSize, packedSizes } from "../kernels/convolve.ts";
import { depthwise, depthwiseScratch } from "../kernels/depthwise/depthwise.ts";
import { tile } from "../kernels/micro.ts";
import { type Convolution, type ConvolutionPart, type KernelPass, passesOf } from "../kernels/pass.ts";
import type { Axis } from "../layout.ts";
import type { Ending } from "./form.ts";
import { epilogueOf, operandsOf, prologueOf } from "./prologue.ts";
import { at, type Place, type Site } from "./site.ts";

/** A convolution of node `x`, or the input gradient of one whose gradient is node `x`, with weights `w`. */
export function runDirect(
  site: Site,
  node: Node,
  convolution: Convolution,
  part: ConvolutionPart,
  [x, w]: readonly [number, number],
  out: Place,
  ending?: Ending,
): void {
  const { input, output, groups, kernel, stride, pad } = convolution;
  const prologue = prologueOf(site, x);
  const [source, weights] = [prologue?.map ?? site.read(x, "lanes"), site.read(w, "rows")];
  const constants = {
    // In one order, so that equal convolutions have equal kernels.
    convolution: { input, output, groups, kernel, stride, pad },
    part,
    ...(prologue && { normalize: prologue.activation }),
    ...(ending && { epilogue: epilogueOf(ending) }),
  };
  const operands = [...site.range(node).blocks, ...operandsOf(prologue, ending)];
  const scratch = (numbers: number): Place[] => (prologue ? [site.allocate(numbers)] : []);
  if (input.channels === groups && output.channels === groups) {
    const room = scratch(depthwiseScratch(constants));
    return site.step(depthwise(constants), source, weights, out, ...room, ...operands);
  }
  const packed = packWeights(site, convolution, part, weights);
  site.step(convolve(constants), source, packed, out, ...scratch(convolveScratch(constants)), ...operands);
}

/** The weights of every pass, packed one after the other. */
function packWeights(site: Site, convolution: Convolution, part: ConvolutionPart, w: Place): Place {
  const passes = passesOf(convolution, part);
  const packed = site.allocate(packedSizes(passes));
  let before = 0;
  site.together(() => {
    for (const pass of passes) {
      const { from, to, start } = axesOfPass(convolution, part, pass);
      if (pass.taps[0] * pass.taps[1] > 0) site.copy(at(w, start), from, at(packed, before), to);
      before += packedSize(pass);
    }
  });
  return packed;
}

/** The weights of a pass along groups, outputs, rows, columns and inputs: in PyTorch's order, and packed. */
function axesOfPass(
  { input, output, groups, kernel: [height, width] }: Convolution,
  part: ConvolutionPart,
  { taps, first, by }: KernelPass,
): { readonly from: Axis[]; readonly to: Axis[]; readonly start: number } {
  const filter = input.channels / groups * height * width;
  const group = output.channels / groups * filter;
  const own = { size: output.channels / groups, stride: filter };
  const other = { size: input.channels / groups, stride: height * width };
  const [outward, inward] = part === "forward" ? [own, other] : [other, own];
  const axis = (size: number, stride: number, split = 1): Axis => ({ size, stride, split });
  const columns = inward.size * tile;
  const rows = taps[1] * columns;
  const tiles = Math.ceil(outward.size / tile);
  return {
    start: first[0] * width + first[1],
    from: [
      axis(groups, group),
      axis(outward.size, outward.stride),
      axis(taps[0], by[0] * width),
      axis(taps[1], by[1]),
      axis(inward.size, inward.stride),
    ],
    to: [
      axis(groups, tiles * taps[0] * rows),
      axis(outward.size, taps[0] * rows, tile),
      axis(taps[0], rows),
      axis(taps[1], columns),
      axis(inward.size, tile),
    ],
  };
}
