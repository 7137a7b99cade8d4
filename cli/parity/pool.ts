/**
 * Runs cases in workers, a fresh one each, so that no case sees what another left behind.
 *
 * @module
 */

import type { CaseRef } from "./cases.ts";
import type { Outcome } from "./report.ts";
import type { Errand, ParityBackend } from "./worker.ts";

/** How cases are run. */
export interface PoolOptions {
  readonly backend: ParityBackend;
  /** Workers at a time. */
  readonly jobs: number;
  /** Ends the workers; cases that have not finished are left out. */
  readonly signal?: AbortSignal;
}

/** Yields every case with its outcome, in the order given, as soon as it and those before it are done. */
export async function* runCases(
  refs: readonly CaseRef[],
  { backend, jobs, signal }: PoolOptions,
): AsyncGenerator<{ readonly ref: CaseRef; readonly outcome: Outcome }> {
  const outcomes = refs.map(() => Promise.withResolvers<Outcome | undefined>());
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < refs.length) {
      const at = next++;
      const outcome = signal?.aborted === true ? undefined : await runInWorker({ ref: refs[at]!, backend }, signal);
      outcomes[at]!.resolve(outcome);
    }
  };
  const lanes = Array.from({ length: Math.min(jobs, refs.length) }, lane);
  for (const [i, { promise }] of outcomes.entries()) {
    const outcome = await promise;
    if (outcome !== undefined) yield { ref: refs[i]!, outcome };
  }
  await Promise.all(lanes);
}

async function runInWorker(errand: Errand, signal: AbortSignal | undefined): Promise<Outcome | undefined> {
  const { promise, resolve } = Promise.withResolvers<Outcome | undefined>();
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: errand.ref.name });
  const stop = (): void => resolve(undefined);
  signal?.addEventListener("abort", stop);
  worker.onmessage = ({ data }: MessageEvent<Outcome>) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    resolve({ state: "FAIL", compared: 0, failures: [`its worker broke down: ${event.message}`] });
  };
  worker.postMessage(errand);
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", stop);
    worker.terminate();
  }
}
