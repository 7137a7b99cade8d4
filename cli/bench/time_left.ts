/**
 * How long a list of timings still takes.
 *
 * @module
 */

/** A clock that goes by work done: what is left takes as long as what was done, weight for weight. */
export class TimeLeft {
  readonly #total: number;
  readonly #now: () => number;
  readonly #began: number;
  #done = 0;

  /** Starts the clock on `total` work, in any unit; `now` gives seconds. */
  constructor(total: number, now: () => number = () => performance.now() / 1000) {
    this.#total = total;
    this.#now = now;
    this.#began = now();
  }

  /** Says that so much more is done. */
  done(work: number): void {
    this.#done += work;
  }

  /** Seconds left; `NaN` until something is done. */
  get seconds(): number {
    if (this.#done === 0) return NaN;
    return (this.#now() - this.#began) * Math.max(0, this.#total - this.#done) / this.#done;
  }
}
