import type { Dataset, ImageSet, LoadContext, OpenDataset } from "../dsl/data.ts";
import { OptionError } from "../dsl/errors.ts";
import { openDataset } from "./open_dataset.ts";
import { subset } from "./subset.ts";

/** How many images of each split are kept. */
export interface Limits {
  /** Training images; all unless said. */
  readonly train?: number;
  /** Held-out images; all unless said. */
  readonly test?: number;
}

/** A load context that lets a dataset decode only what will be kept. */
export interface LimitedContext extends LoadContext {
  /** Images that will be kept. */
  readonly limits?: Limits;
}

/** Options of {@linkcode withLimit}. */
export interface LimitOptions {
  /** Number of held-out images to keep as well; the test split stays whole unless said. */
  readonly testLimit?: number;
}

/**
 * The same dataset with only its first `count` training images, as equally many of each class as there are.
 *
 * Images are taken round-robin over the classes in file order, so no random number is drawn and a smaller limit keeps a
 * part of what a larger one keeps. Class folders decode only what is kept.
 *
 * @throws {OptionError} If a limit is not a positive integer.
 *
 * @example
 * ```ts
 * import { digits } from "./digits.ts";
 * import { withLimit } from "./limit.ts";
 * const { train } = await withLimit(digits(), 100).open();
 * train.length; // 100, ten of each digit
 * ```
 */
export function withLimit<C extends number>(
  dataset: Dataset<C>,
  count: number,
  options: LimitOptions = {},
): Dataset<C> {
  const { testLimit } = options;
  requireCount("limit", count);
  if (testLimit !== undefined) requireCount("testLimit", testLimit);
  const limits: Limits = testLimit === undefined ? { train: count } : { train: count, test: testLimit };
  return Object.freeze({
    ...dataset,
    options: Object.freeze({ ...dataset.options, limit: count, ...(testLimit === undefined ? {} : { testLimit }) }),
    open: async (context: LoadContext = {}) => {
      const inner: LimitedContext = { ...context, limits };
      const open = await dataset.open(inner);
      return openDataset({ ...open, ...limitImages(open, limits) });
    },
  });
}

/**
 * Indices, in file order, of the first `count` images when taking one of each class in turn.
 *
 * @example
 * ```ts
 * import { balanced } from "./limit.ts";
 * balanced([0, 0, 0, 1, 1], 4); // [0, 1, 3, 4]
 * ```
 */
export function balanced(labels: ArrayLike<number>, count: number | undefined): Uint32Array {
  const all = Uint32Array.from({ length: labels.length }, (_, i) => i);
  if (count === undefined || count >= labels.length) return all;
  const seen = new Map<number, number>();
  const turns = Array.from(all, (i) => {
    const label = labels[i]!;
    const turn = seen.get(label) ?? 0;
    seen.set(label, turn + 1);
    return turn;
  });
  const byTurn = all.slice().sort((a, b) => turns[a]! - turns[b]! || labels[a]! - labels[b]!);
  return byTurn.slice(0, count).sort();
}

/** Both splits cut to their limits; a split within its limit is given back as it is. */
export function limitImages(
  { shape, train, test }: Pick<OpenDataset, "shape" | "train" | "test">,
  limits: Limits,
): { readonly train: ImageSet; readonly test: ImageSet } {
  const part = (set: ImageSet, count: number | undefined): ImageSet => {
    const kept = balanced(set.labels, count);
    return kept.length === set.length ? set : subset(set, kept, shape);
  };
  return { train: part(train, limits.train), test: part(test, limits.test) };
}

function requireCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new OptionError(
    `Cannot limit a dataset: ${name} must be a positive integer, got ${value}. Give a number of images.`,
  );
}
