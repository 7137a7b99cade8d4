/**
 * When Winograd is faster than the direct method: a fixed rule of shape and SIMD features, so that the choice, and
 * with it every bit of a run, is the same on every machine with these features.
 *
 * Costs are in products of one number with eight samples, as the direct method does them. Coefficients were measured
 * on a Zen 4 processor under V8 15, alone, at maps of 32×32 to 8×8 with 16 to 64 channels.
 *
 * @module
 */

import type { Features } from "../../assembler/func.ts";
import { chunkChannels, planes, tileSize, type WinogradShape } from "./plan.ts";
import { tile } from "../micro.ts";

/** What is computed: the convolution, or the gradient of its input or of its filters. */
export type WinogradPart = "forward" | "input" | "filter";

/** Costs of a tile: of transforms per channel of what comes in and what goes out, and of one product. */
interface Costs {
  readonly incoming: number;
  readonly outgoing: number;
  readonly product: number;
}

const mapCosts: Costs = { incoming: 390, outgoing: 200, product: 1 };

/** Both maps come in; the direct method takes 1.3 here. */
const filterCosts: Costs = { incoming: 500, outgoing: 200, product: 0.85 };

/** Transforms cost less in terms of products where a product takes two instructions. */
const plainTransforms = 0.72;

/** Whether Winograd is expected to be faster than the direct method. */
export function winogradPays(shape: WinogradShape, features: Features, part: WinogradPart = "forward"): boolean {
  const { input, output, pad } = shape;
  const turned = part === "input";
  const [from, to] = turned ? [output, input] : [input, output];
  const { incoming, outgoing, product } = part === "filter" ? filterCosts : mapCosts;
  const width = part === "filter" ? chunkChannels : 1;
  const [inner, outer] = [upTo(from.channels, width), upTo(to.channels, part === "filter" ? width : tile)];
  const tiles = Math.ceil(to.height / tileSize) * Math.ceil(to.width / tileSize);
  const transforms = (features.relaxed ? 1 : plainTransforms) * (incoming * inner + outgoing * to.channels);
  const taps = meetings(input.height, output.height, pad[0]) * meetings(input.width, output.width, pad[1]);
  return tiles * (planes * product * inner * outer + transforms) < taps * from.channels * upTo(to.channels, tile);
}

function upTo(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

/** Pairs of an output position and a tap, along one axis, that meet the input. */
function meetings(input: number, output: number, pad: number): number {
  let pairs = 0;
  for (let i = 0; i < output; i++) {
    for (let tap = 0; tap < 3; tap++) {
      const at = i + tap - pad;
      if (at >= 0 && at < input) pairs++;
    }
  }
  return pairs;
}
