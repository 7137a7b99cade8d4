import type { Dataset, LoadContext, OpenDataset } from "../dsl/data.ts";
import { DatasetError, OptionError } from "../dsl/errors.ts";
import { stream } from "../dsl/random.ts";
import { openDataset } from "./open_dataset.ts";
import { subset } from "./subset.ts";

/** Which part of the training images {@linkcode withSplit} takes away, and for what. */
export interface SplitOptions {
  /** For choices made while training: a share below 1, or a number of images; none unless said. */
  readonly validation?: number;
  /** Held out for the end, in place of the dataset's own test split; that one stays unless said. */
  readonly test?: number;
  /** Seed of the choice; 0 unless said. It is no seed of the run: all runs are measured on the same images. */
  readonly seed?: number;
}

/**
 * The same dataset with part of its training images split off, drawn at random so that every class gives its share.
 *
 * While a validation split is there, epochs are measured on it, and the test split is left for the end.
 *
 * @throws {OptionError} If a part is neither a share below 1 nor a number of images, or the dataset was limited before.
 * @throws {DatasetError} When opened, if a class would be left without a training image.
 *
 * @example
 * ```ts
 * import { digits } from "./digits.ts";
 * import { withSplit } from "./split.ts";
 * const { train, validation, test } = await withSplit(digits(), { validation: 0.1 }).open();
 * [train.length, validation?.length, test.length]; // 1294, 144, 359
 * ```
 */
export function withSplit<C extends number>(dataset: Dataset<C>, options: SplitOptions): Dataset<C> {
  const { validation, test, seed = 0 } = options;
  requirePart("validation", validation);
  requirePart("test", test);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new OptionError(`Cannot split ${dataset.name}: the seed is an integer of at least 0, got ${seed}. Use 0.`);
  }
  for (const done of ["limit", "validation", "heldOut", "sampling"]) {
    if (!Object.hasOwn(dataset.options, done)) continue;
    throw new OptionError(
      `Cannot split ${dataset.name}: it is split once, before it is limited or sampled, ` +
        `got ${done}: ${dataset.options[done]}. Say withSplit() first.`,
    );
  }
  return Object.freeze({
    ...dataset,
    options: Object.freeze({
      ...dataset.options,
      ...(validation === undefined ? {} : { validation }),
      ...(test === undefined ? {} : { heldOut: test }),
      splitSeed: seed,
    }),
    open: async ({ cache, progress, signal }: LoadContext = {}) => {
      // Without the limits of a limit said later: the part is drawn from all images.
      const whole = await dataset.open({
        ...(cache === undefined ? {} : { cache }),
        ...(progress === undefined ? {} : { progress }),
        ...(signal === undefined ? {} : { signal }),
      });
      return split(whole, options);
    },
  });
}

/** Images of two parts, each in file order. */
export interface Parts {
  readonly part: Uint32Array;
  readonly rest: Uint32Array;
}

/**
 * A random part of some images that takes the same share of every class, to within one image: a share below 1, or a
 * number of images. Rounding is by largest remainder, the lower class first.
 *
 * @example
 * ```ts
 * import { stratified } from "./split.ts";
 * stratified([0, 0, 1, 1], 0.5, 7).part.length; // 2: one of each class
 * ```
 */
export function stratified(labels: ArrayLike<number>, size: number, seed: number): Parts {
  const wanted = Math.min(labels.length, size < 1 ? Math.round(size * labels.length) : size);
  const classes = [...Map.groupBy(Array.from(labels, (_, image) => image), (image) => labels[image]!)]
    .sort(([a], [b]) => a - b);
  const exact = classes.map(([, images]) => images.length * wanted / labels.length);
  const counts = exact.map(Math.floor);
  const remainder = (i: number): number => exact[i]! - counts[i]!;
  const byRemainder = exact.map((_, i) => i).sort((a, b) => remainder(b) - remainder(a) || a - b);
  const missing = wanted - counts.reduce((sum, count) => sum + count, 0);
  for (const i of byRemainder.slice(0, missing)) counts[i]!++;
  const taken = new Uint8Array(labels.length);
  classes.forEach(([label, images], i) => {
    const order = stream(seed, "split", label).permutation(images.length);
    for (const place of order.subarray(0, counts[i])) taken[images[place]!] = 1;
  });
  const all = Uint32Array.from(taken, (_, image) => image);
  return { part: all.filter((image) => taken[image] === 1), rest: all.filter((image) => taken[image] === 0) };
}

function split(open: OpenDataset, { validation, test, seed = 0 }: SplitOptions): OpenDataset {
  const { batches: _, ...decoded } = open;
  let left = decoded;
  // The test part is drawn first, so that it is the same with and without a validation part.
  if (test !== undefined) {
    const { part, rest } = parts(left, "test", test, seed);
    left = { ...left, train: subset(left.train, rest, left.shape), test: subset(left.train, part, left.shape) };
  }
  if (validation !== undefined) {
    const { part, rest } = parts(left, "validation", validation, seed);
    left = { ...left, train: subset(left.train, rest, left.shape), validation: subset(left.train, part, left.shape) };
  }
  return openDataset(left);
}

function parts({ kind, train }: Pick<OpenDataset, "kind" | "train">, name: string, size: number, seed: number): Parts {
  const found = stratified(train.labels, size, seed);
  const left = new Set(Array.from(found.rest, (image) => train.labels[image]!));
  const lost = train.labels.find((label) => !left.has(label));
  if (found.part.length > 0 && lost === undefined) return found;
  throw new DatasetError(
    `Cannot split ${kind}: the ${name} part takes images and leaves every class one to train on, got ` +
      `${found.part.length} of ${train.length}${lost === undefined ? "" : `, with none left of class ${lost}`}. ` +
      "Choose another size.",
  );
}

function requirePart(name: string, size: number | undefined): void {
  if (size === undefined || size > 0 && (size < 1 || Number.isSafeInteger(size))) return;
  throw new OptionError(
    `Cannot split a dataset: ${name} is a share below 1 or a number of images, got ${size}. Say 0.1 or 5000.`,
  );
}
