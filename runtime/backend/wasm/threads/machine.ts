/**
 * What this machine offers threads.
 *
 * @module
 */

import { BackendError } from "../../../../dsl/errors.ts";
import { maximumThreads } from "./control.ts";

/** Number of threads unless said: one per processor, at most 8, and 1 where threads cannot work together. */
export function defaultThreads(): number {
  return whyAlone() === undefined ? Math.min(maximumThreads, Math.max(1, navigator.hardwareConcurrency)) : 1;
}

/**
 * Does nothing if so many threads can work here.
 *
 * @throws {BackendError} If they cannot.
 */
export function requireThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1 || threads > maximumThreads) {
    throw new BackendError(
      `Cannot use wasm: threads are a whole number from 1 to ${maximumThreads}, got ${threads}. Leave the option out.`,
    );
  }
  const why = threads === 1 ? undefined : whyAlone();
  if (why !== undefined) throw new BackendError(`Cannot use ${threads} threads: ${why}`);
}

/** Why threads cannot work together here, if they cannot. */
function whyAlone(): string | undefined {
  if (typeof SharedArrayBuffer === "undefined") {
    return "they need shared memory, got a page without it. Serve it with the headers of cross-origin isolation.";
  }
  if (typeof Worker === "undefined") return "they need workers, got an engine without them. Use threads: 1.";
  try {
    // The value differs, so that this returns at once where waiting is allowed.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return undefined;
  } catch {
    return "the calling thread has to wait for the others, got a browser's main thread, which may not. " +
      "Open the engine in a worker, or use threads: 1.";
  }
}
