/**
 * The `ProgressBar` of `@std/cli/unstable-progress-bar`, as far as this project's terminal output uses it.
 *
 * A repository checkout resolves `@std/cli` here through `links` in deno.json, so that the command line runs where JSR
 * cannot be reached. Published code uses the real package; options and behaviour are its.
 *
 * @module
 */

/** What a formatter is told each time the bar is drawn. */
export interface ProgressBarFormatter {
  /** Time since the start as `mm:ss`. */
  styledTime: string;
  /** The bar itself, `barLength` characters. */
  progressBar: string;
  /** Milliseconds since the start. */
  time: number;
  /** `time` of the last drawing. */
  previousTime: number;
  /** Progress so far. */
  value: number;
  /** `value` of the last drawing. */
  previousValue: number;
  /** Progress at the end. */
  max: number;
}

/** How a bar looks and where it goes. */
export interface ProgressBarOptions {
  /** Receives the text; standard error unless said. */
  writable?: WritableStream<Uint8Array>;
  /** Progress at the start; 0 unless said. */
  value?: number;
  /** Progress at the end. */
  max: number;
  /** Characters of the bar; 50 unless said. */
  barLength?: number;
  /** Character of the done part; `#` unless said. */
  fillChar?: string;
  /** Character of the open part; `-` unless said. */
  emptyChar?: string;
  /** Remove the line at the end; false unless said. */
  clear?: boolean;
  /** Builds the line; `[mm:ss] [###---] [value/max]` unless said. */
  fmt?: (fmt: ProgressBarFormatter) => string;
  /** Leave `writable` open at the end; true unless said. */
  keepOpen?: boolean;
}

const CLEAR_LINE = "\r\u001b[K";

/** A line that redraws itself every second until {@linkcode ProgressBar.stop}. */
export class ProgressBar {
  /** Progress so far. */
  value: number;
  /** Progress at the end. */
  max: number;
  readonly #options: Required<ProgressBarOptions>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #started = Date.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #previousTime = 0;
  #previousValue: number;

  /** Draws the bar at once and starts the clock. */
  constructor(options: ProgressBarOptions) {
    const { writable = Deno.stderr.writable, value = 0, fmt = plain } = options;
    const { barLength = 50, fillChar = "#", emptyChar = "-", clear = false, keepOpen = true } = options;
    this.#options = { writable, value, max: options.max, barLength, fillChar, emptyChar, clear, fmt, keepOpen };
    this.value = this.#previousValue = value;
    this.max = options.max;
    this.#writer = writable.getWriter();
    this.#timer = setInterval(() => void this.#draw(), 1000);
    void this.#draw();
  }

  /** Draws the last state (or clears the line), and releases what the bar holds. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#options.clear) await this.#write(CLEAR_LINE);
    else {
      await this.#draw();
      await this.#write("\n");
    }
    if (this.#options.keepOpen) this.#writer.releaseLock();
    else await this.#writer.close();
  }

  #draw(): Promise<void> {
    const { barLength, fillChar, emptyChar, fmt } = this.#options;
    const time = Date.now() - this.#started;
    const filled = Math.trunc(Math.min(Math.max(this.value / this.max, 0), 1) * barLength);
    const seconds = Math.trunc(time / 1000);
    const line = fmt({
      styledTime: [Math.trunc(seconds / 60), seconds % 60].map((part) => String(part).padStart(2, "0")).join(":"),
      progressBar: fillChar.repeat(filled) + emptyChar.repeat(barLength - filled),
      time,
      previousTime: this.#previousTime,
      value: this.value,
      previousValue: this.#previousValue,
      max: this.max,
    });
    [this.#previousTime, this.#previousValue] = [time, this.value];
    return this.#write(CLEAR_LINE + line);
  }

  /** A reader that went away must not end the work whose progress is shown, so a failed write is dropped. */
  #write(text: string): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(text)).catch(() => {});
  }
}

function plain({ styledTime, progressBar, value, max }: ProgressBarFormatter): string {
  return `[${styledTime}] [${progressBar}] [${value}/${max}]`;
}
