/**
 * A worker that runs one case: it is told the case, answers with the outcome and is done.
 *
 * @module
 */

import { CohortError } from "../../dsl/errors.ts";
import { pick } from "../../runtime/backend/pick.ts";
import { type CaseRef, runCase } from "./cases.ts";
import type { Outcome } from "./report.ts";

/** Backends that cases are compared on. */
export type ParityBackend = "reference" | "wasm" | "tfjs";

/** What the worker is told. */
export interface Errand {
  readonly ref: CaseRef;
  readonly backend: ParityBackend;
}

/** Runs a case; a mistake is an outcome too. */
export async function runErrand({ ref, backend }: Errand): Promise<Outcome> {
  try {
    return await runCase(ref, await pick(backend));
  } catch (error) {
    const text = error instanceof CohortError ? error.message : error instanceof Error ? error.stack : String(error);
    return { state: "FAIL", compared: 0, failures: [text ?? "unknown"] };
  }
}

interface WorkerScope {
  onmessage: ((event: MessageEvent<Errand>) => Promise<void>) | null;
  postMessage(message: Outcome): void;
}

// `postMessage` of a window takes an origin; only a worker has this one.
if (typeof (globalThis as { WorkerGlobalScope?: unknown }).WorkerGlobalScope === "function") {
  const scope = globalThis as unknown as WorkerScope;
  scope.onmessage = async ({ data }) => scope.postMessage(await runErrand(data));
}
