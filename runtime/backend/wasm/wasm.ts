/**
 * The WASM backend: SIMD kernels generated at run time for the shapes of a program.
 *
 * @module
 */

import { BackendError, ShapeError } from "../../../dsl/errors.ts";
import { sizeOf } from "../../ir/node.ts";
import type { StateEntry, StepProgram } from "../../ir/program.ts";
import type { Backend, Engine, Numbers, Runner } from "../backend.ts";
import { align } from "./arena.ts";
import { KernelCache } from "./assemble.ts";
import { hasRelaxedSimd, hasSimd } from "./features.ts";
import type { StatePlace } from "./lower/lower.ts";
import { EngineMemory } from "./memory.ts";
import { loadProgram } from "./runner.ts";

/** How to use the machine. */
export interface WasmOptions {
  /**
   * Multiply and add in one instruction. Default: where the machine has it. Results differ in the last bits between
   * `true` and `false`; with either, the same numbers give the same bits in every run.
   */
  readonly relaxed?: boolean;
}

/**
 * The WASM backend with what this machine offers.
 *
 * @throws {BackendError} If the machine lacks SIMD, or relaxed SIMD was asked for and is missing.
 *
 * @example
 * ```ts
 * import { wasm } from "./wasm.ts";
 * const { description } = wasm({ relaxed: false }); // "wasm: SIMD, 1 thread"
 * if (!description.includes("SIMD")) throw new Error(description);
 * ```
 */
export function wasm({ relaxed = hasRelaxedSimd() }: WasmOptions = {}): Backend {
  if (!hasSimd()) {
    throw new BackendError("Cannot use wasm: it needs 128-bit SIMD, got an engine without it. Use a newer version.");
  }
  if (relaxed && !hasRelaxedSimd()) {
    throw new BackendError(
      "Cannot use relaxed SIMD: this engine lacks f32x4.relaxed_madd, got relaxed: true. Leave the option out.",
    );
  }
  const cache = new KernelCache({ relaxed });
  return {
    name: "wasm",
    description: `wasm: SIMD${relaxed ? " with relaxed multiply-add" : ""}, 1 thread`,
    precision: "float32",
    open: (state) => Promise.resolve(new WasmEngine(state, cache)),
  };
}

class WasmEngine implements Engine {
  #memory = new EngineMemory();
  readonly #cache: KernelCache;
  readonly #state = new Map<string, StatePlace>();
  readonly #runners: Runner[] = [];
  #closed = false;

  constructor(entries: readonly StateEntry[], cache: KernelCache) {
    this.#cache = cache;
    let bytes = 0;
    for (const { name, shape } of entries) {
      this.#state.set(name, { address: bytes, size: sizeOf(shape) });
      // Vectors may reach over the end of a tensor.
      bytes += align(4 * sizeOf(shape) + 16);
    }
    if (bytes > 0) this.#memory.reserve(bytes, "open state");
  }

  async load(program: StepProgram): Promise<Runner> {
    const runner = await loadProgram(program, this.#memory, this.#cache, (name) => this.#place(name));
    this.#runners.push(runner);
    return runner;
  }

  write(state: string, values: Numbers): Promise<void> {
    const { address, size } = this.#place(state);
    if (values.length !== size) {
      throw new ShapeError(`Cannot write ${state}: it holds ${size} numbers, got ${values.length}.`);
    }
    this.#memory.floats.set(values, address / 4);
    return Promise.resolve();
  }

  read(state: string): Promise<Numbers> {
    const { address, size } = this.#place(state);
    return Promise.resolve(this.#memory.floats.slice(address / 4, address / 4 + size));
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const runner of this.#runners.splice(0)) runner.close();
    // A WebAssembly memory cannot shrink: it is freed when nothing refers to it.
    this.#memory = new EngineMemory();
    return Promise.resolve();
  }

  #place(name: string): StatePlace {
    const place = this.#state.get(name);
    if (this.#closed) throw new BackendError(`Cannot use state ${name}: the engine is closed.`);
    if (place === undefined) throw new BackendError(`Cannot use state ${name}: the engine was opened without it.`);
    return place;
  }
}
