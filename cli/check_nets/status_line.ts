/**
 * How far a long list of errands is: one redrawn line on a terminal, plain lines elsewhere, both on standard error.
 *
 * @module
 */
import { duration } from "../ui/format.ts";

/** Where a {@linkcode StatusLine} writes. */
export interface StatusLineOptions {
  /** Redraw a line; true where standard error is a terminal. */
  readonly terminal?: boolean;
  /** Receives text; standard error unless said. */
  readonly write?: (text: string) => void;
  /** Seconds on a steady clock. */
  readonly now?: () => number;
}

/** Shows what is being done, the share of the work that is done, and the time left if the rest goes as fast. */
export class StatusLine {
  readonly #total: number;
  readonly #options: Required<StatusLineOptions>;
  readonly #started: number;
  #done = 0;

  /** Starts the clock; `total` is all the work, in any unit. */
  constructor(total: number, options: StatusLineOptions = {}) {
    const { terminal = Deno.stderr.isTerminal(), write = toStderr, now = () => performance.now() / 1000 } = options;
    this.#total = total;
    this.#options = { terminal, write, now };
    this.#started = now();
  }

  /** Seconds since the clock started. */
  get seconds(): number {
    return this.#options.now() - this.#started;
  }

  /** Says what is being done now. */
  show(what: string): void {
    const share = this.#done / this.#total;
    const left = share > 0 ? this.seconds * (1 - share) / share : NaN;
    const line = `${what}  ${Math.floor(100 * share)} %  ETA ${duration(left)}`;
    this.#options.write(this.#options.terminal ? `\r\u001b[K${line}` : `${line}\n`);
  }

  /** Counts work that is done. */
  done(work: number): void {
    this.#done += work;
  }

  /** Makes room for another line. */
  clear(): void {
    if (this.#options.terminal) this.#options.write("\r\u001b[K");
  }
}

function toStderr(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
