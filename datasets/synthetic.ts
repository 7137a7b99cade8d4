import type { Dataset, LoadContext, Transform } from "../dsl/data.ts";
import { OptionError } from "../dsl/errors.ts";
import { stream } from "../dsl/random.ts";
import { fromImages, type Images } from "./from_images.ts";
import { openDataset } from "./open_dataset.ts";

/** Options of {@linkcode synthetic}. */
export interface SyntheticOptions<C extends number = number> {
  /** Number of classes; 10 unless said. */
  readonly classes?: C;
  /** Channels, height, width; 3×32×32 unless said. */
  readonly shape?: readonly [channels: number, height: number, width: number];
  /** Number of training images; 512 unless said. */
  readonly train?: number;
  /** Number of held-out images; 128 unless said. */
  readonly test?: number;
  /** Seed of patterns and noise; 0 unless said. */
  readonly seed?: number;
  /** Changes of training images; none unless said. */
  readonly augment?: readonly Transform[];
}

/**
 * Seeded random images, of any shape and count, that can be learned: half of each pixel is a pattern of its class, half
 * is noise. Labels go 0, 1, …, C − 1 in turn.
 *
 * @throws {OptionError} If a count or a side is not a positive integer.
 *
 * @example
 * ```ts
 * import { synthetic } from "./synthetic.ts";
 * const { train } = await synthetic({ classes: 4, shape: [1, 6, 6], train: 32 }).open();
 * train.pixels.length; // 32 · 1 · 6 · 6
 * ```
 */
export function synthetic<const C extends number = 10>(options: SyntheticOptions<C> = {}): Dataset<C> {
  const { classes = 10 as C, shape = [3, 32, 32], train = 512, test = 128, seed = 0, augment = [] } = options;
  const [channels, height, width] = shape;
  for (const [name, value] of Object.entries({ classes, channels, height, width, train, test })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new OptionError(
        `Cannot make synthetic images: ${name} must be a positive integer, got ${value}. Give another ${name}.`,
      );
    }
  }
  return Object.freeze({
    kind: "synthetic",
    name: `Synthetic ${shape.join("×")}`,
    classes,
    shape,
    options: Object.freeze({ classes, channels, height, width, train, test, seed }),
    open: async (context: LoadContext = {}) => {
      const size = channels * height * width;
      const patterns = Array.from({ length: classes }, (_, label) => noise(size, seed, "pattern", label));
      const open = await fromImages({
        classes,
        shape,
        augment,
        train: draw(train, patterns, seed, "train"),
        test: draw(test, patterns, seed, "test"),
      }).open(context);
      return openDataset({ ...open, kind: "synthetic", source: `synthetic, seed ${seed}` });
    },
  });
}

function draw(count: number, patterns: readonly Uint8Array[], seed: number, split: string): Images {
  const size = patterns[0]!.length;
  const pixels = new Uint8Array(count * size);
  const labels = Uint16Array.from({ length: count }, (_, image) => image % patterns.length);
  for (let image = 0; image < count; image++) {
    const pattern = patterns[labels[image]!]!;
    const speckle = noise(size, seed, split, image);
    for (let i = 0; i < size; i++) pixels[image * size + i] = (pattern[i]! + speckle[i]!) >> 1;
  }
  return { pixels, labels };
}

/** Uniform bytes. The keyed stream only seeds a fast generator (Marsaglia 2003, xorshift32): benches need many. */
function noise(length: number, seed: number, ...labels: readonly (string | number)[]): Uint8Array {
  let state = stream(seed, "synthetic", ...labels).word(0) || 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 24;
  });
}
