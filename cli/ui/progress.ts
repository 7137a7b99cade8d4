/**
 * How far a training run is: one redrawn line on a terminal, one plain line an epoch elsewhere.
 *
 * @module
 */
import { ProgressBar } from "@std/cli/unstable-progress-bar";
import { count, duration } from "./format.ts";

/** Where a run stands. */
export interface ProgressState {
  /** Epoch being trained, from 1. */
  readonly epoch: number;
  /** Epochs of the run. */
  readonly epochs: number;
  /** Steps done in this epoch. */
  readonly step: number;
  /** Steps of an epoch. */
  readonly steps: number;
  /** Images trained on by this process. */
  readonly images: number;
  /** A few words after the numbers, e.g. the loss. */
  readonly note?: string;
}

/** Where {@linkcode Progress} writes; the process's own streams unless said. */
export interface ProgressOptions {
  /** Words before the epoch, e.g. the run's name. */
  readonly label?: string;
  /** Redraw a line; true where standard error is a terminal. */
  readonly terminal?: boolean;
  /** Columns of the terminal, asked for at every drawing. */
  readonly width?: () => number;
  /** Receives the redrawn line; standard error unless said. */
  readonly writable?: WritableStream<Uint8Array>;
  /** Receives the plain lines; `console.log` unless said. */
  readonly print?: (line: string) => void;
  /** Seconds on a steady clock. */
  readonly now?: () => number;
}

/** Characters of the bar: leaves room for epoch, throughput and ETA on 80 columns. */
const BAR = 20;

/** Steps done of all steps of the run, between 0 and 1. */
export function fractionDone({ epoch, epochs, step, steps }: ProgressState): number {
  return Math.min(1, Math.max(0, ((epoch - 1) * steps + step) / (epochs * steps)));
}

/**
 * Seconds left if the rest goes at the speed so far; `from` is the fraction done when the clock started (a resumed run
 * starts above 0). `NaN` until something is done.
 */
export function secondsLeft(state: ProgressState, elapsed: number, from = 0): number {
  const done = fractionDone(state);
  return done > from ? elapsed * (1 - done) / (done - from) : NaN;
}

/**
 * The line of a run, cut to `width` columns: epoch, bar, share, images per second, time left, note.
 *
 * @param seconds Time this process has trained, and the fraction done when it began.
 */
export function progressLine(
  state: ProgressState,
  seconds: { readonly elapsed: number; readonly from?: number },
  style: { readonly bar?: string; readonly label?: string; readonly width?: number } = {},
): string {
  const { bar = "", label, width = Infinity } = style;
  const { elapsed, from = 0 } = seconds;
  const line = [
    ...(label === undefined ? [] : [label]),
    `epoch ${state.epoch}/${state.epochs}`,
    ...(bar === "" ? [] : [bar]),
    `${Math.floor(fractionDone(state) * 100)} %`.padStart(5),
    ...(elapsed > 0 && state.images > 0 ? [`${count(state.images / elapsed)} img/s`] : []),
    `ETA ${duration(secondsLeft(state, elapsed, from))}`,
    ...(state.note === undefined ? [] : [state.note]),
  ].join("  ");
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

/**
 * Shows a run while it trains. Call {@linkcode Progress.update} after each step, {@linkcode Progress.epoch} after each
 * epoch, and {@linkcode Progress.stop} at the end, also when the run fails.
 */
export class Progress {
  readonly #options: Required<Omit<ProgressOptions, "label">> & { readonly label: string | undefined };
  readonly #bar: ProgressBar | undefined;
  readonly #from: number;
  readonly #started: number;
  #state: ProgressState;

  /** Starts the clock at `state`, which is where the run begins or goes on. */
  constructor(state: ProgressState, options: ProgressOptions = {}) {
    const { label, terminal = Deno.stderr.isTerminal(), width = columns, writable = Deno.stderr.writable } = options;
    const { print = console.log, now = () => performance.now() / 1000 } = options;
    this.#options = { label, terminal, width, writable, print, now };
    this.#state = state;
    this.#from = fractionDone(state);
    this.#started = now();
    if (!terminal) return;
    this.#bar = new ProgressBar({
      max: 1,
      value: this.#from,
      barLength: BAR,
      fillChar: "█",
      emptyChar: "░",
      clear: true,
      writable,
      fmt: ({ progressBar }) => this.#line(progressBar, width()),
    });
  }

  /** Says where the run stands; drawn at most once a second. */
  update(state: ProgressState): void {
    this.#state = state;
    if (this.#bar) this.#bar.value = fractionDone(state);
  }

  /** Prints what an epoch gave, above the bar on a terminal, with throughput and ETA elsewhere. */
  epoch(result: string): void {
    const { terminal, writable, print } = this.#options;
    // Cleared on the bar's own stream: standard output may be a file, which wants no control codes.
    if (terminal && writable === Deno.stderr.writable) Deno.stderr.writeSync(new TextEncoder().encode("\r\u001b[K"));
    print(terminal ? result : `${this.#line("", Infinity)}  ${result}`);
  }

  /** Clears the bar. */
  async stop(): Promise<void> {
    await this.#bar?.stop();
  }

  #line(bar: string, width: number): string {
    const elapsed = this.#options.now() - this.#started;
    const { label } = this.#options;
    return progressLine(this.#state, { elapsed, from: this.#from }, {
      bar,
      width,
      ...(label === undefined ? {} : { label }),
    });
  }
}

function columns(): number {
  let said = 0;
  try {
    said = Deno.consoleSize().columns;
  } catch {
    // No terminal to ask.
  }
  // Some pseudo-terminals say 0 for "not known".
  return (said > 0 ? said : 80) - 1;
}
