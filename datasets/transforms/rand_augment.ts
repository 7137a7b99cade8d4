import { affine, rotation, shift, slantColumns, slantRows } from "./affine.ts";
import { brightness, contrast, saturation, sharpness } from "./color.ts";
import type { Draw } from "./draw.ts";
import { autoContrast, equalize, posterize, solarize } from "./levels.ts";

/** Planes C, H, W of an image. */
export interface Planes {
  readonly samples: Uint8Array<ArrayBuffer>;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** One operation: its strength at step `step` of `steps`, and what it does. A signed one goes either way. */
interface Operation {
  readonly signed: boolean;
  strength(step: number, steps: number, image: Planes): number;
  apply(image: Planes, strength: number): Uint8Array<ArrayBuffer>;
}

const none = (): number => 0;

/** A line from `low` to `high`, rounded to 32 bits as PyTorch's. */
function line(step: number, steps: number, low: number, high: number): number {
  const by = Math.fround((high - low) / (steps - 1));
  return Math.fround(step < steps / 2 ? low + by * step : high - by * (steps - 1 - step));
}

function color(change: (samples: Uint8Array, image: Planes, factor: number) => void): Operation {
  return {
    signed: true,
    strength: (step, steps) => line(step, steps, 0, 0.9),
    apply: (image, strength) => {
      change(image.samples, image, 1 + strength);
      return image.samples;
    },
  };
}

function geometry(
  strength: Operation["strength"],
  matrix: (strength: number, image: Planes) => Parameters<typeof affine>[1],
): Operation {
  return { signed: true, strength, apply: (image, value) => affine(image, matrix(value, image)) };
}

function level(strength: Operation["strength"], change: (image: Planes, strength: number) => void): Operation {
  return {
    signed: false,
    strength,
    apply: (image, value) => {
      change(image, value);
      return image.samples;
    },
  };
}

const slant = (step: number, steps: number): number => line(step, steps, 0, 0.3);

/** In torchvision's order, which the drawn number counts. */
const operations: readonly Operation[] = [
  level(none, () => {}),
  geometry(slant, (by) => slantRows(by)),
  geometry(slant, (by) => slantColumns(by)),
  geometry((step, steps, { width }) => line(step, steps, 0, 150 / 331 * width), (by) => shift(Math.trunc(by), 0)),
  geometry((step, steps, { height }) => line(step, steps, 0, 150 / 331 * height), (by) => shift(0, Math.trunc(by))),
  geometry((step, steps) => line(step, steps, 0, 30), (degrees, image) => rotation(degrees, image)),
  color((samples, _, factor) => brightness(samples, factor)),
  color((samples, { channels }, factor) => saturation(samples, channels, factor)),
  color((samples, { channels }, factor) => contrast(samples, channels, factor)),
  color((samples, { height, width }, factor) => sharpness(samples, [height, width], factor)),
  level((step, steps) => 8 - Math.round(step / ((steps - 1) / 4)), ({ samples }, bits) => posterize(samples, bits)),
  level((step, steps) => line(step, steps, 255, 0), ({ samples }, from) => solarize(samples, from)),
  level(none, ({ samples, channels }) => autoContrast(samples, channels)),
  level(none, ({ samples, channels }) => equalize(samples, channels)),
];

/**
 * `count` operations, each one of fourteen at random: identity, slant and shift along either axis, rotation, brightness,
 * colour, contrast, sharpness, posterize, solarize, auto-contrast, equalize; at `magnitude` of `bins` steps. What comes
 * in from outside is black, samples are the nearest.
 *
 * Source: Cubuk et al. 2020, "RandAugment", section 3; ranges and rounding: torchvision `RandAugment` on images.
 */
export function randAugment(image: Planes, count: number, magnitude: number, bins: number, draw: Draw): Planes {
  let now = image;
  for (let turn = 0; turn < count; turn++) {
    const operation = operations[draw.integer(2 * turn, operations.length)]!;
    now = applied(operation, now, magnitude, bins, () => draw.integer(2 * turn + 1, 2) === 1);
  }
  return now;
}

/** The operation of a number, for tests. */
export function operate(image: Planes, number: number, magnitude: number, bins: number, negative: boolean): Planes {
  return applied(operations[number]!, image, magnitude, bins, () => negative);
}

function applied(
  operation: Operation,
  image: Planes,
  magnitude: number,
  bins: number,
  negative: () => boolean,
): Planes {
  const strength = operation.strength(magnitude, bins, image);
  const samples = operation.apply(image, operation.signed && negative() ? -strength : strength);
  return { ...image, samples };
}
