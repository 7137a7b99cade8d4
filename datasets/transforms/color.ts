import { between, type Draw } from "./draw.ts";

/**
 * Changes of colour on planes C, H, W of bytes, in place, with the rounding of Pillow.
 *
 * Source: Pillow, `ImageEnhance.py`, `Blend.c`, `Convert.c`; torchvision `adjust_brightness` and its like on images.
 *
 * @module
 */

/** How far each property may go; see `colorJitter` in `dsl/data.ts`. */
export interface Jitter {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
}

/**
 * Brightness, contrast, saturation and hue in random order, each by a random factor.
 *
 * Factors are even in [max(0, 1 − v), 1 + v], the turn of the hue in [−v, v] turns. A property at 0 stays.
 *
 * Source: torchvision `ColorJitter`.
 */
export function colorJitter(planes: Uint8Array, channels: number, jitter: Jitter, draw: Draw): void {
  const factor = (number: number, most: number): number => between(draw, number, Math.max(0, 1 - most), 1 + most);
  const changes = [
    () => jitter.brightness > 0 && brightness(planes, factor(0, jitter.brightness)),
    () => jitter.contrast > 0 && contrast(planes, channels, factor(1, jitter.contrast)),
    () => jitter.saturation > 0 && saturation(planes, channels, factor(2, jitter.saturation)),
    () => jitter.hue > 0 && hue(planes, channels, between(draw, 3, -jitter.hue, jitter.hue)),
  ];
  for (let left = changes.length; left > 0; left--) {
    const [change] = changes.splice(draw.integer(4 + changes.length, changes.length), 1);
    change!();
  }
}

/** `factor` · image. */
export function brightness(planes: Uint8Array, factor: number): void {
  blend(planes, () => 0, factor);
}

/** Away from (towards, below 1) the mean brightness of the whole image. */
export function contrast(planes: Uint8Array, channels: number, factor: number): void {
  const light = luminance(planes, channels);
  const mean = Math.floor(light.reduce((sum, value) => sum + value, 0) / light.length + 0.5);
  blend(planes, () => mean, factor);
}

/** Away from (towards, below 1) the grey image. */
export function saturation(planes: Uint8Array, channels: number, factor: number): void {
  if (channels !== 3) return;
  const light = luminance(planes, channels);
  const area = light.length;
  blend(planes, (at) => light[at % area]!, factor);
}

/** Away from (towards, below 1) the image smoothed by 3×3 weights 1 and a 5 in the middle; edges stay. */
export function sharpness(planes: Uint8Array, [height, width]: readonly [number, number], factor: number): void {
  const from = planes.slice();
  const area = height * width;
  blend(planes, (at) => {
    const [y, x] = [Math.floor(at % area / width), at % width];
    if (y === 0 || x === 0 || y === height - 1 || x === width - 1) return from[at]!;
    let sum = 4 * from[at]!;
    for (let row = at - width; row <= at + width; row += width) sum += from[row - 1]! + from[row]! + from[row + 1]!;
    return Math.round(sum / 13);
  }, factor);
}

/** Turns the colour circle by `turn` (1 is all the way round), in Pillow's HSV of bytes. */
export function hue(planes: Uint8Array, channels: number, turn: number): void {
  if (channels !== 3) return;
  const area = planes.length / 3;
  const by = Math.trunc(turn * 255);
  for (let i = 0; i < area; i++) {
    const [r, g, b] = [planes[i]!, planes[i + area]!, planes[i + 2 * area]!];
    const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
    if (most === least) continue;
    const turned = (hueOf(r, g, b, most, least) + by) & 255;
    const strength = Math.trunc(single(single(most - least) / most) * 255);
    const [red, green, blue] = colour(turned, strength, most);
    planes[i] = red;
    planes[i + area] = green;
    planes[i + 2 * area] = blue;
  }
}

/** Brightness of each pixel: ITU-R 601-2 luma in 16 bits. */
function luminance(planes: Uint8Array, channels: number): Uint8Array {
  if (channels !== 3) return planes;
  const area = planes.length / 3;
  const light = new Uint8Array(area);
  for (let i = 0; i < area; i++) {
    light[i] = (planes[i]! * 19595 + planes[i + area]! * 38470 + planes[i + 2 * area]! * 7471 + 0x8000) >> 16;
  }
  return light;
}

const single = Math.fround;

/** other + factor · (image − other), cut to a byte; Pillow computes it with 32 bits. */
function blend(planes: Uint8Array, other: (at: number) => number, factor: number): void {
  const alpha = single(factor);
  for (let at = 0; at < planes.length; at++) {
    const base = other(at);
    const value = single(base + single(alpha * (planes[at]! - base)));
    planes[at] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
}

function hueOf(r: number, g: number, b: number, most: number, least: number): number {
  const range = most - least;
  const [red, green, blue] = [single((most - r) / range), single((most - g) / range), single((most - b) / range)];
  const angle = r === most ? single(blue - green) : g === most ? single(2 + red - blue) : single(4 + green - red);
  return Math.trunc(single((angle / 6 + 1) % 1) * 255);
}

function colour(turned: number, strength: number, value: number): readonly [number, number, number] {
  if (strength === 0) return [value, value, value];
  const sector = Math.floor(turned * 6 / 255);
  const rest = single(turned * 6 / 255 - sector);
  const depth = single(strength / 255);
  const low = Math.round(value * (1 - depth));
  const falling = Math.round(value * (1 - depth * rest));
  const rising = Math.round(value * (1 - depth * (1 - rest)));
  switch (sector % 6) {
    case 0:
      return [value, rising, low];
    case 1:
      return [falling, value, low];
    case 2:
      return [low, value, rising];
    case 3:
      return [low, falling, value];
    case 4:
      return [rising, low, value];
    default:
      return [value, low, falling];
  }
}
