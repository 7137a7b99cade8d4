/**
 * The worker threads of an engine. The thread that opened the engine is thread 0 and works too.
 *
 * @module
 */

import { BackendError } from "../../../../dsl/errors.ts";
import { words } from "./control.ts";
import { type Answer, type Message, workerSource } from "./worker.ts";

/** Looks at a word before sleeping: some 50 µs, longer than threads with a processor each usually wait. */
const spins = 20_000;

/** A call of one segment of a loaded program. */
export interface Call {
  readonly program: number;
  readonly segment: number;
  readonly count: number;
  /** Threads that take part, this one included. */
  readonly threads: number;
}

/** Threads that can be called: a team, or in tests what stands in for one. */
export interface Crew {
  /** Whether a thread has failed: the crew is of no use any more. */
  readonly failed: boolean;
  /** Gives a program to every worker; resolves to its number. */
  load(module: WebAssembly.Module): Promise<number>;
  /** Takes a program away from every worker. */
  unload(program: number): void;
  /** Runs a segment: workers are called, and `own` is this thread's part. Returns when all are done. */
  run(call: Call, own: () => void): void;
  /** Which thread failed first, and why. */
  failure(): Promise<string>;
}

/** Where a team lives. */
export interface TeamOptions {
  readonly threads: number;
  /** Shared memory, with the words of the team at address `control`. */
  readonly memory: WebAssembly.Memory;
  readonly control: number;
  /** Source of a worker. */
  readonly source?: string;
}

/** Workers that wait to be called. */
export class Team implements Crew {
  readonly #workers: readonly Worker[];
  readonly #control: Int32Array;
  /** Answers that are due, oldest first, for each worker. */
  readonly #due: ((answer: Answer) => void)[][];
  readonly #failure: PromiseWithResolvers<string> = Promise.withResolvers();
  #programs = 0;
  #closed = false;

  private constructor(workers: readonly Worker[], { memory, control }: TeamOptions) {
    this.#workers = workers;
    this.#control = new Int32Array(memory.buffer, control, words.size);
    this.#due = workers.map(() => []);
    workers.forEach((worker, i) => {
      worker.onmessage = ({ data }: MessageEvent<Answer>) => {
        if (data.kind === "failed") this.#failure.resolve(data.text);
        else this.#due[i]!.shift()?.(data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        for (const answer of this.#due[i]!.splice(0)) answer({ kind: "refused", text: event.message });
      };
    });
  }

  /**
   * Starts the workers.
   *
   * @throws {BackendError} If one of them cannot start.
   */
  static async start(options: TeamOptions): Promise<Team> {
    const { threads, memory, control, source = workerSource(words) } = options;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const workers: Worker[] = [];
    try {
      while (workers.length < threads - 1) workers.push(new Worker(url, { type: "module" }));
    } catch (error) {
      for (const worker of workers) worker.terminate();
      throw notStarted(threads, String(error));
    } finally {
      URL.revokeObjectURL(url);
    }
    const team = new Team(workers, options);
    // More threads than processors take turns: to look before sleeping would only keep others from working.
    Atomics.store(team.#control, words.spins, threads <= navigator.hardwareConcurrency ? spins : 0);
    const refused = await team.#tell((i) => ({ kind: "start", thread: i + 1, memory, control }));
    if (refused !== undefined) {
      team.close();
      throw notStarted(threads, refused);
    }
    return team;
  }

  /**
   * Gives a program to every worker; resolves to its number.
   *
   * @throws {BackendError} If a worker cannot take it.
   */
  async load(module: WebAssembly.Module): Promise<number> {
    const program = this.#programs++;
    const refused = await this.#tell(() => ({ kind: "load", program, module }));
    if (refused !== undefined) throw new BackendError(`Cannot load a program into its threads: ${refused}.`);
    return program;
  }

  /** Takes a program away from every worker. */
  unload(program: number): void {
    if (!this.#closed) void this.#tell(() => ({ kind: "unload", program }));
  }

  /**
   * Runs a segment on its threads: workers are called, and `own` is this thread's part. Returns when all are done.
   *
   * @throws {WebAssembly.RuntimeError} If a thread failed; `failure()` tells why.
   */
  run({ program, segment, count, threads }: Call, own: () => void): void {
    const control = this.#control;
    Atomics.store(control, words.program, program);
    Atomics.store(control, words.segment, segment);
    Atomics.store(control, words.count, count);
    for (let thread = 1; thread < threads; thread++) {
      Atomics.add(control, words.calls + thread * words.callStep, 1);
    }
    this.#ring();
    try {
      own();
    } catch (error) {
      if (Atomics.compareExchange(control, words.failed, 0, 1) === 0) this.#failure.resolve(String(error));
      Atomics.add(control, words.phase, 1);
      Atomics.notify(control, words.phase);
      throw error;
    }
  }

  /** Whether a thread has failed: the team is of no use any more. */
  get failed(): boolean {
    return Atomics.load(this.#control, words.failed) !== 0;
  }

  /** Which thread failed first, and why. */
  async failure(): Promise<string> {
    return `thread ${Atomics.load(this.#control, words.failed)} of ${this.#workers.length + 1}: ${await this.#failure
      .promise}`;
  }

  /** Ends the workers. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    Atomics.store(this.#control, words.stop, 1);
    this.#ring();
    // A sleeping worker cannot be terminated, so it is woken first; one that never slept has no other end.
    for (const worker of this.#workers) worker.terminate();
    for (const due of this.#due) for (const answer of due.splice(0)) answer({ kind: "refused", text: "it was closed" });
  }

  /** Sends each worker a message; resolves to the first refusal when all have answered. */
  async #tell(messageOf: (worker: number) => Message): Promise<string | undefined> {
    // A worker returns to its event loop while the count is ahead of what it got, so the count goes up first.
    Atomics.add(this.#control, words.mail, 1);
    this.#ring();
    const answers = this.#workers.map((worker, i) => {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      this.#due[i]!.push(resolve);
      worker.postMessage(messageOf(i));
      return promise;
    });
    return (await Promise.all(answers)).find((answer) => answer.kind === "refused")?.text;
  }

  #ring(): void {
    Atomics.add(this.#control, words.bell, 1);
    Atomics.notify(this.#control, words.bell);
  }
}

function notStarted(threads: number, why: string): BackendError {
  return new BackendError(
    `Cannot use ${threads} threads: every worker has to start, got ${why}. Use threads: 1, which needs none.`,
  );
}
