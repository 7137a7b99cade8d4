/**
 * Images of other classes for each image of a batch, drawn from the run's seed.
 *
 * @module
 */

import type { Batch } from "../../dsl/data.ts";
import { OptionError } from "../../dsl/errors.ts";
import { stream } from "../../dsl/random.ts";
import type { StepProgram } from "../ir/program.ts";

/**
 * Draws negatives. What it draws for an image depends on the seed, the epoch and the image alone, so that a resumed run
 * draws the same.
 */
export class NegativeSampler {
  readonly #seed: number;
  readonly #labels: Uint16Array;
  /** Images class by class, and where each class begins. */
  readonly #sorted: Uint32Array;
  readonly #starts: Uint32Array;
  /** Places of images that a draw may exchange; in order between two draws. */
  readonly #deck: Uint32Array;

  /** A sampler over the labels of all training images. */
  constructor(seed: number, labels: Uint16Array) {
    this.#seed = seed;
    this.#labels = labels;
    const classes = labels.reduce((most, label) => Math.max(most, label + 1), 0);
    this.#starts = new Uint32Array(classes + 1);
    for (const label of labels) this.#starts[label + 1]!++;
    for (let c = 0; c < classes; c++) this.#starts[c + 1]! += this.#starts[c]!;
    const next = this.#starts.slice();
    this.#sorted = new Uint32Array(labels.length);
    labels.forEach((label, i) => this.#sorted[next[label]!++] = i);
    this.#deck = Uint32Array.from(labels, (_, i) => i);
  }

  /**
   * `count` images for each of `images`, row by row: none of its class, none twice; with repetitions where the other
   * classes have fewer than that.
   *
   * @throws {OptionError} If all images are of one class.
   */
  draw(epoch: number, images: ArrayLike<number>, count: number): Float32Array {
    const drawn = new Float32Array(images.length * count);
    for (let b = 0; b < images.length; b++) {
      this.#drawFor(epoch, images[b]!, drawn.subarray(b * count, (b + 1) * count));
    }
    return drawn;
  }

  #drawFor(epoch: number, image: number, drawn: Float32Array): void {
    const label = this.#labels[image]!;
    const [first, end] = [this.#starts[label]!, this.#starts[label + 1]!];
    const others = this.#labels.length - (end - first);
    if (others === 0) {
      throw new OptionError(
        "Cannot draw negatives: there are images of other classes, got one class. Choose more data.",
      );
    }
    const random = stream(this.#seed, "negatives", epoch, image);
    const imageAt = (place: number): number => this.#sorted[place < first ? place : place + end - first]!;
    if (others < drawn.length) {
      for (let i = 0; i < drawn.length; i++) drawn[i] = imageAt(random.integer(i, others));
      return;
    }
    // The beginning of a shuffle, undone afterwards.
    const deck = this.#deck;
    const taken = new Uint32Array(drawn.length);
    const exchange = (i: number, j: number): void => void ([deck[i], deck[j]] = [deck[j]!, deck[i]!]);
    for (let i = 0; i < drawn.length; i++) {
      taken[i] = i + random.integer(i, others - i);
      exchange(i, taken[i]!);
      drawn[i] = imageAt(deck[i]!);
    }
    for (let i = drawn.length - 1; i >= 0; i--) exchange(i, taken[i]!);
  }
}

/** Inputs of a step beside images and labels, as far as the program reads them. */
export function otherInputs(
  { nodes }: Pick<StepProgram, "nodes">,
  negatives: NegativeSampler,
  epoch: number,
  { index }: Pick<Batch, "index">,
): Readonly<Record<string, Float32Array>> {
  const names = nodes.flatMap((node) => node.op === "input" ? [node.attrs.name] : []);
  const drawn = names.filter((name) => name.startsWith(DRAWN)).map((name) =>
    [name, negatives.draw(epoch, index, Number(name.slice(DRAWN.length)))] as const
  );
  return { ...(names.includes("index") ? { index: Float32Array.from(index) } : {}), ...Object.fromEntries(drawn) };
}

const DRAWN = "negatives/";
