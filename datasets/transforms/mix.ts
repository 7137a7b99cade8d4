import type { BatchMix, Transform } from "../../dsl/data.ts";
import { type RandomStream, stream } from "../../dsl/random.ts";

/** A transform that mixes two images. */
export type Mix = Extract<Transform, { readonly kind: "mixup" | "cutmix" }>;

/** A finished batch, before images are mixed. */
export interface Mixable {
  readonly step: number;
  readonly count: number;
  /** What each image's random numbers are addressed by. */
  readonly draws: Uint32Array;
  /** One array a view, N, C, H, W. */
  readonly images: readonly Float32Array[];
}

/**
 * Mixes every image of a batch with another one of it, in place; all views alike, since they share their labels.
 *
 * Partners are a permutation of the batch that depends on seed, epoch and step; λ ~ Beta(α, α) and the box depend on
 * seed, epoch and image. Mixup gives λ · one + (1 − λ) · other. Cutmix shows the other in a box of √(1 − λ) of height
 * and width at an even random centre, cut at the edges; its λ is then the area left.
 *
 * Source: Zhang et al. 2018, equation 1; Yun et al. 2019, equations 1 and 2. Their code draws one λ for a whole batch;
 * here each image has its own, as in the equations.
 */
export function mixBatch(
  mix: Mix,
  { step, count, draws, images }: Mixable,
  [channels, height, width]: readonly [channels: number, height: number, width: number],
  labels: Uint16Array,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): BatchMix {
  const partners = stream(seed, "partner", epoch, step).permutation(count);
  const random = stream(seed, "mix", epoch);
  const weights = new Float32Array(count);
  const size = channels * height * width;
  const before = images.map((view) => view.slice());
  for (let i = 0; i < count; i++) {
    const numbers = numbersOf(random, draws[i]!);
    const own = beta(mix.alpha, numbers);
    const [to, from] = [i * size, partners[i]! * size];
    if (mix.kind === "mixup") {
      weights[i] = own;
      images.forEach((view, v) => blend(view, before[v]!, to, from, size, weights[i]!));
      continue;
    }
    const box = boxOf(own, height, width, numbers);
    weights[i] = 1 - (box.bottom - box.top) * (box.right - box.left) / (height * width);
    images.forEach((view, v) => {
      for (let row = 0; row < channels * height; row++) {
        if (row % height < box.top || row % height >= box.bottom) continue;
        const [left, right] = [row * width + box.left, row * width + box.right];
        view.set(before[v]!.subarray(from + left, from + right), to + left);
      }
    });
  }
  return { labels: Uint16Array.from(partners, (partner) => labels[partner]!), weights };
}

/**
 * A number from Beta(α, α).
 *
 * Source: X / (X + Y) of two gammas; Marsaglia and Tsang 2000, "A simple method for generating gamma variables", with
 * U^(1/α) for α < 1.
 */
export function beta(alpha: number, next: () => number): number {
  const [x, y] = [gamma(alpha, next), gamma(alpha, next)];
  return x + y > 0 ? x / (x + y) : next() < 0.5 ? 0 : 1;
}

function gamma(alpha: number, next: () => number): number {
  if (alpha < 1) return gamma(alpha + 1, next) * (1 - next()) ** (1 / alpha);
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - next()) < x * x / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Uniform numbers of one image, one after the other. */
function numbersOf(random: RandomStream, draw: number): () => number {
  let number = 0;
  return () => random.uniform(number++ * 2 ** 32 + draw);
}

function boxOf(
  own: number,
  height: number,
  width: number,
  next: () => number,
): { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number } {
  const side = Math.sqrt(1 - own);
  const [h, w] = [Math.trunc(height * side), Math.trunc(width * side)];
  const [x, y] = [Math.floor(next() * width), Math.floor(next() * height)];
  return {
    top: Math.max(0, y - (h >> 1)),
    bottom: Math.min(height, y + (h >> 1)),
    left: Math.max(0, x - (w >> 1)),
    right: Math.min(width, x + (w >> 1)),
  };
}

function blend(view: Float32Array, before: Float32Array, to: number, from: number, size: number, own: number): void {
  for (let i = 0; i < size; i++) view[to + i] = own * view[to + i]! + (1 - own) * before[from + i]!;
}
