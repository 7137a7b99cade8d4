import { DatasetError } from "../../dsl/errors.ts";
import { allDone, counter, type Failure, type Job, type Recipe } from "./job.ts";
import { packJob } from "./packed_job.ts";
import type { Answer, Message } from "./worker.ts";

/** Workers of one pass. */
export interface Pool {
  /** Workers that have not failed to start. */
  readonly size: number;
  /** Gives a job to every worker. */
  post(job: Job): void;
  /** Resolves when every image of a job is finished, to the mistakes in order of position. */
  settled(job: Job): Promise<readonly Failure[]>;
  /** Notes a mistake that this thread made. */
  fail(job: Job, failure: Failure): void;
  /** Ends the workers. */
  close(): void;
}

/**
 * Starts `count` workers, or as many as can be had: one that may not read its own program is done without, since this
 * thread can do everything alone.
 */
export function openPool(count: number, recipe: Recipe): Pool {
  const jobs = new Map<number, { readonly failures: Failure[]; wake: () => void }>();
  // In shared memory, since a worker may start and fail before its first message is read.
  const started = new Int32Array(new SharedArrayBuffer(4 * count));
  const workers = new Set<Worker>();
  let broken: string | undefined;
  const of = (step: number) => {
    const found = jobs.get(step) ?? { failures: [], wake: () => {} };
    jobs.set(step, found);
    return found;
  };
  const wakeAll = (): void => {
    for (const { wake } of jobs.values()) wake();
  };
  const program = new URL("./worker.ts", import.meta.url);
  for (let i = 0; i < count && mayRead(program); i++) {
    const worker = new Worker(program, { type: "module" });
    workers.add(worker);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.kind === "failed") of(data.step).failures.push(data);
      jobs.get(data.step)?.wake();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      workers.delete(worker);
      // One that never started holds no images; any other may have taken some with it.
      if (Atomics.load(started, i) !== 0) broken ??= event.message;
      wakeAll();
    };
    worker.postMessage({ kind: "recipe", recipe, started, number: i } satisfies Message);
  }
  return {
    get size() {
      return workers.size;
    },
    post: (job) => {
      const packed = packJob(job);
      for (const worker of workers) worker.postMessage({ kind: "job", job: packed } satisfies Message);
    },
    settled: async (job) => {
      const state = of(job.step);
      // A message of a failure may come later than the one of the end, which is another worker's.
      const complete = () => allDone(job) && state.failures.length === Atomics.load(job.progress, counter.failed);
      while (!complete()) {
        if (broken !== undefined) {
          throw new DatasetError(
            `Cannot prepare images: every worker has to go on, got "${broken}". Try again with workers: 0.`,
          );
        }
        await new Promise<void>((resolve) => state.wake = resolve);
      }
      jobs.delete(job.step);
      return state.failures.sort((a, b) => a.position - b.position);
    },
    fail: (job, failure) => {
      of(job.step).failures.push(failure);
    },
    close: () => {
      for (const worker of workers) worker.terminate();
    },
  };
}

/** Whether a worker could load its program; asked first, since a refusal is printed whoever handles it. */
function mayRead(program: URL): boolean {
  if (program.protocol !== "file:") return true;
  return Deno.permissions.querySync({ name: "read", path: program }).state === "granted";
}
