/**
 * When Winograd is faster than the direct method: a fixed rule of shape and SIMD features, so that the choice, and
 * with it every bit of a run, is the same on every machine with these features.
 *
 * Costs are in products of one number with eight samples, as the direct method does them. Coefficients were fitted to
 * a Zen 4 processor under V8 15, at maps of 32×32 to 2×2 with 1 to 512 channels.
 *
 * @module
 */

import type { Features } from "../../assembler/func.ts";
import { tile } from "../micro.ts";
import { chunkChannels, planes, tileSize, type WinogradShape } from "./plan.ts";

/** What is computed: the convolution, or the gradient of its input or of its filters. */
export type WinogradPart = "forward" | "input" | "filter";

/** Whether Winograd is expected to be faster than the direct method. */
export function winogradPays(shape: WinogradShape, features: Features, part: WinogradPart = "forward"): boolean {
  return winogradRatio(shape, features, part) < 1;
}

/** Costs of a tile: of the transforms for each channel that comes in and goes out, and of one product. */
interface Costs {
  readonly incoming: number;
  readonly outgoing: number;
  readonly product: number;
}

const mapCosts: Costs = { incoming: 190, outgoing: 275, product: 1 };

/** The direct method's products take longer here, too: these are relative to them. */
const filterCosts: Costs = { incoming: 190, outgoing: 105, product: 1.26 };

/** Transforms cost less in terms of products where a product takes two instructions. */
const plainTransforms = 0.7;

/** Expected time of Winograd, relative to the direct method. */
export function winogradRatio(shape: WinogradShape, features: Features, part: WinogradPart = "forward"): number {
  const { input, output, pad } = shape;
  const [from, to] = part === "input" ? [output, input] : [input, output];
  const { incoming, outgoing, product } = part === "filter" ? filterCosts : mapCosts;
  const direct = from.channels * (part === "filter" ? to.channels : tileWork(to.channels));
  const products = part === "filter" ? upTo(from.channels, chunkChannels) * upTo(to.channels, tile) : direct;
  const transforms = (features.relaxed ? 1 : plainTransforms) * (incoming * from.channels + outgoing * to.channels);
  const tiles = Math.ceil(to.height / tileSize) * Math.ceil(to.width / tileSize);
  const taps = meetings(input.height, output.height, pad[0]) * meetings(input.width, output.width, pad[1]);
  return tiles * (planes * product * products + transforms) / (taps * direct);
}

/** Work of the tiles of outputs: one of fewer than four channels loads as much as a whole one. */
function tileWork(channels: number): number {
  const rest = channels % tile;
  return channels - rest + (rest === 0 ? 0 : (tile + rest) / 2);
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
