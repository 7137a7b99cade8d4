/**
 * What a worker does: it instantiates programs on the shared memory and runs their segments when it is called.
 *
 * @module
 */

import type { Words } from "./control.ts";

/** What a worker is told. */
export type Message =
  | { readonly kind: "start"; readonly thread: number; readonly memory: WebAssembly.Memory; readonly control: number }
  | { readonly kind: "load"; readonly program: number; readonly module: WebAssembly.Module }
  | { readonly kind: "unload"; readonly program: number };

/** What a worker answers: that it did what a message said, that it could not, or that a call failed. */
export type Answer =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly text: string }
  | { readonly kind: "failed"; readonly text: string };

/** What a worker sees of its global scope. */
export interface WorkerScope {
  onmessage: ((event: { readonly data: Message }) => void) | null;
  postMessage(answer: Answer): void;
  close(): void;
}

/**
 * The program of a worker. It is sent as source, so it refers to nothing outside itself and names no inner function.
 *
 * Between messages it stays in a loop that listens to the words of the team, asleep where nothing happens: a call is
 * seen at once, and a waiting message makes it return to the event loop.
 */
export function workerMain(scope: WorkerScope, words: Words): void {
  const programs = new Map<number, WebAssembly.Exports>();
  let memory: WebAssembly.Memory;
  let control: Int32Array = new Int32Array(0);
  let thread = 0;
  let calls = 0;
  let mail = 0;
  scope.onmessage = ({ data }) => {
    mail = (mail + 1) | 0;
    try {
      if (data.kind === "start") {
        ({ memory, thread } = data);
        control = new Int32Array(memory.buffer, data.control, words.size);
      } else if (data.kind === "load") {
        programs.set(data.program, new WebAssembly.Instance(data.module, { env: { memory } }).exports);
      } else programs.delete(data.program);
      scope.postMessage({ kind: "done" });
    } catch (error) {
      scope.postMessage({ kind: "refused", text: String(error) });
    }
    for (;;) {
      const bell = Atomics.load(control, words.bell);
      if (Atomics.load(control, words.stop) !== 0) return scope.close();
      if (Atomics.load(control, words.calls + thread * words.callStep) !== calls) {
        calls = (calls + 1) | 0;
        try {
          const segment = `segment${Atomics.load(control, words.segment)}`;
          const run = programs.get(Atomics.load(control, words.program))![segment] as (...args: number[]) => void;
          run(thread, Atomics.load(control, words.count));
        } catch (error) {
          // Only the first to fail tells; the others fail because it did.
          if (Atomics.compareExchange(control, words.failed, 0, thread + 1) === 0) {
            scope.postMessage({ kind: "failed", text: String(error) });
          }
          Atomics.add(control, words.phase, 1);
          Atomics.notify(control, words.phase);
        }
        continue;
      }
      if (Atomics.load(control, words.mail) !== mail) return;
      let left = Atomics.load(control, words.spins) >> 3;
      while (left-- > 0 && Atomics.load(control, words.bell) === bell);
      // Not for ever: a worker that is terminated while it sleeps notices when it looks up.
      Atomics.wait(control, words.bell, bell, 250);
    }
  };
}

/** Source of a worker. */
export function workerSource(words: Words): string {
  return `(${workerMain})(self, ${JSON.stringify(words)});`;
}
