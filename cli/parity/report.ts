/**
 * What a comparison came to: quantities, each with its error and the largest error allowed.
 *
 * @module
 */

/** One compared quantity. */
export interface Quantity {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
}

/** Outcome of a case, as plain data. */
export type Outcome =
  | {
    readonly state: "PASS" | "FAIL";
    /** Numbers or tensors compared. */
    readonly compared: number;
    /** The quantity closest to its tolerance, or furthest beyond. */
    readonly worst?: Quantity;
    /** Quantities beyond their tolerance, and differences that no number measures. */
    readonly failures: readonly string[];
  }
  /** The method or net does not exist yet. */
  | { readonly state: "TODO"; readonly reason: string };

/** Collects quantities while a case is compared. */
export class Report {
  #compared = 0;
  #worst: Quantity | undefined;
  readonly #failures: string[] = [];

  /** A quantity that stands for `count` numbers or tensors. An error that is no number fails. */
  add(name: string, error: number, tolerance: number, count = 1): void {
    this.#compared += count;
    const quantity = { name, error, tolerance };
    if (this.#worst === undefined || excess(quantity) > excess(this.#worst)) this.#worst = quantity;
    if (!(error <= tolerance)) this.#failures.push(line(quantity));
  }

  /** Something that has to be equal. */
  same(name: string, actual: unknown, recorded: unknown): void {
    this.#compared++;
    const [mine, theirs] = [JSON.stringify(actual), JSON.stringify(recorded)];
    if (mine !== theirs) this.#failures.push(`${name}: ${brief(theirs)} is recorded, got ${brief(mine)}`);
  }

  /** A difference that no number measures. */
  fail(sentence: string): void {
    this.#failures.push(sentence);
  }

  /** The outcome so far; a case in which nothing was compared has failed. */
  outcome(): Outcome {
    const failures = this.#compared === 0 ? [...this.#failures, "nothing was compared"] : this.#failures;
    return {
      state: failures.length === 0 ? "PASS" : "FAIL",
      compared: this.#compared,
      ...(this.#worst === undefined ? {} : { worst: this.#worst }),
      failures: [...failures],
    };
  }
}

function excess({ error, tolerance }: Quantity): number {
  return Number.isNaN(error) ? Infinity : error / Math.max(tolerance, 1e-300);
}

function line({ name, error, tolerance }: Quantity): string {
  return `${name}: error ${error.toExponential(2)}, tolerance ${tolerance.toExponential(1)}`;
}

function brief(text: string | undefined): string {
  return text === undefined ? "nothing" : text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

/** Largest absolute error over the largest absolute recorded value. */
export function largestError(actual: ArrayLike<number>, recorded: ArrayLike<number>, scale = 0): number {
  if (actual.length !== recorded.length) return Infinity;
  let [error, largest] = [0, scale];
  for (let i = 0; i < recorded.length; i++) {
    const difference = Math.abs(actual[i]! - recorded[i]!);
    if (!(difference <= error)) error = difference;
    largest = Math.max(largest, Math.abs(recorded[i]!));
  }
  return error === 0 ? 0 : error / Math.max(largest, 1e-30);
}

/** Median of errors; 0 of none. */
export function median(errors: readonly number[]): number {
  const sorted = [...errors].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
