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
import { threadsFor } from "./plan.ts";
import { loadProgram } from "./runner.ts";
import { controlBytes } from "./threads/control.ts";
import { defaultThreads, requireThreads } from "./threads/machine.ts";
import { Team } from "./threads/team.ts";
import { workOf, worthThreads } from "./work.ts";

/** How to use the machine. */
export interface WasmOptions {
  /**
   * Multiply and add in one instruction. Default: where the machine has it. Results differ in the last bits between
   * `true` and `false`; with either, the same numbers give the same bits in every run.
   */
  readonly relaxed?: boolean;
  /**
   * Threads that share each batch, 1 to 8. The same numbers give the same bits with any. Default: one per processor, at
   * most 8; a program that is too small to gain from threads then runs on one. Workers start with the first program that
   * has threads and end with `Engine.close()`; they need no permission. A browser's main thread may not wait for others,
   * so it has one thread: there, open the engine in a worker.
   */
  readonly threads?: number;
  /**
   * Kernels of the shape that pays under V8's flags `--no-wasm-bounds-checks,--experimental-wasm-revectorize`, which are
   * unsafe: a mistake in a kernel then reads or writes outside its memory. Default false. Results differ in the last
   * bits between `true` and `false`.
   */
  readonly turbo?: boolean;
}

/**
 * The WASM backend with what this machine offers.
 *
 * @throws {BackendError} If the machine lacks SIMD, or relaxed SIMD or threads were asked for and are missing.
 *
 * @example
 * ```ts
 * import { wasm } from "./wasm.ts";
 * const { description } = wasm({ relaxed: false, threads: 2 }); // "wasm: SIMD, 2 threads"
 * if (!description.includes("SIMD")) throw new Error(description);
 * ```
 */
export function wasm({ relaxed = hasRelaxedSimd(), threads, turbo = false }: WasmOptions = {}): Backend {
  if (!hasSimd()) {
    throw new BackendError("Cannot use wasm: it needs 128-bit SIMD, got an engine without it. Use a newer version.");
  }
  if (relaxed && !hasRelaxedSimd()) {
    throw new BackendError(
      "Cannot use relaxed SIMD: this engine lacks f32x4.relaxed_madd, got relaxed: true. Leave the option out.",
    );
  }
  if (threads !== undefined) requireThreads(threads);
  const most = threads ?? defaultThreads();
  const worth = threads === undefined ? worthThreads : 0;
  const cache = new KernelCache({ relaxed, ...(turbo ? { wide: true } : {}) });
  return {
    name: "wasm",
    description: `wasm: SIMD${relaxed ? " with relaxed multiply-add" : ""}${turbo ? ", turbo kernels" : ""}, ${
      most === 1 ? "1 thread" : `${most} threads`
    }`,
    precision: "float32",
    open: (state) => Promise.resolve(new WasmEngine(state, cache, most, worth)),
  };
}

class WasmEngine implements Engine {
  #memory: EngineMemory;
  readonly #cache: KernelCache;
  /** Most threads of a program, and the least work of one that has several. */
  readonly #threads: number;
  readonly #worth: number;
  /** Address of the words of the team, in a memory that is shared. */
  readonly #control: number | undefined;
  #team: Promise<Team> | undefined;
  readonly #state = new Map<string, StatePlace>();
  readonly #runners: Runner[] = [];
  #closed = false;

  constructor(entries: readonly StateEntry[], cache: KernelCache, threads: number, worth: number) {
    this.#cache = cache;
    this.#threads = threads;
    this.#worth = worth;
    this.#memory = new EngineMemory(threads > 1);
    this.#control = threads > 1 ? this.#memory.reserve(controlBytes, "open an engine with threads") : undefined;
    const places: [string, number, number][] = [];
    let bytes = 0;
    for (const { name, shape } of entries) {
      places.push([name, bytes, sizeOf(shape)]);
      // Vectors may reach over the end of a tensor.
      bytes += align(4 * sizeOf(shape) + 16);
    }
    const start = bytes > 0 ? this.#memory.reserve(bytes, "open state", () => "Use fewer or smaller nets.") : 0;
    for (const [name, offset, size] of places) this.#state.set(name, { address: start + offset, size });
  }

  async load(program: StepProgram): Promise<Runner> {
    if (this.#closed) throw new BackendError(`Cannot load ${program.name}: the engine is closed.`);
    const runner = await loadProgram(program, {
      memory: this.#memory,
      cache: this.#cache,
      threads: workOf(program) < this.#worth ? 1 : threadsFor(program.batch, this.#threads),
      control: this.#control,
      team: () => this.#startTeam(),
      state: (name) => this.#place(name),
    });
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

  async close(): Promise<void> {
    this.#closed = true;
    for (const runner of this.#runners.splice(0)) runner.close();
    // A WebAssembly memory cannot shrink: it is freed when nothing refers to it.
    this.#memory = new EngineMemory();
    const team = this.#team;
    this.#team = undefined;
    // A team that could not start has ended already, and whoever loaded a program was told.
    await team?.then((started) => started.close(), () => {});
  }

  #startTeam(): Promise<Team> {
    const { memory } = this.#memory;
    this.#team ??= Team.start({ threads: this.#threads, memory, control: this.#control! });
    return this.#team;
  }

  #place(name: string): StatePlace {
    const place = this.#state.get(name);
    if (this.#closed) throw new BackendError(`Cannot use state ${name}: the engine is closed.`);
    if (place === undefined) throw new BackendError(`Cannot use state ${name}: the engine was opened without it.`);
    return place;
  }
}
