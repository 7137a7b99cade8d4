import type { RandomStream } from "../../dsl/random.ts";

/** Random numbers of one transform on one image, by number. */
export interface Draw {
  /** Uniform in [0, 1). */
  uniform(number: number): number;
  /** Integer in [0, `bound`). */
  integer(number: number, bound: number): number;
}

/** Transforms a list may hold, so that each has draws of its own. */
export const mostTransforms = 256;

/**
 * Draws of the transform at `place` of a list on image `index`.
 *
 * The counter's low word is the image, two numbers each; its high word is the place and, 256 apart, the next two
 * numbers. So no two transforms or images share one, and the order of images plays no part.
 */
export function drawsOf(random: RandomStream, place: number, index: number): Draw {
  const address = (number: number): number =>
    (place + mostTransforms * (number >> 1)) * 2 ** 32 + index * 2 + (number & 1);
  return {
    uniform: (number) => random.uniform(address(number)),
    integer: (number, bound) => random.integer(address(number), bound),
  };
}

/** Uniform in [`low`, `high`). */
export function between(draw: Draw, number: number, low: number, high: number): number {
  return low + (high - low) * draw.uniform(number);
}

/** Nearest integer, the even one of two, as Python rounds. */
export function halfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
