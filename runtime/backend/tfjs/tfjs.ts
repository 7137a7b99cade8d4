/**
 * The tfjs backend: step programs run node by node on the kernels of TensorFlow.js.
 *
 * The second oracle of the tests and, on its WebGPU engine, a way to a GPU. The packages are loaded when it is chosen.
 *
 * @module
 */

import type { StateEntry, StepProgram } from "../../ir/program.ts";
import type { Backend, Engine, Numbers, Runner } from "../backend.ts";
import { type Device, openTfjs, type TfjsEngine } from "./device.ts";
import { requireForward } from "./plan.ts";
import { TfjsRunner } from "./runner.ts";
import { State } from "./state.ts";

export type { TfjsEngine } from "./device.ts";

/** What to run tfjs on. */
export interface TfjsOptions {
  /** `wasm` runs forward passes only; `cpu` is very slow: small maps at most. */
  readonly engine: TfjsEngine;
  /** Accept a WebGPU adapter that computes on the processor. Default false. */
  readonly allowSoftware?: boolean;
  /** WebGPU to ask for an adapter. Default `navigator.gpu`. */
  readonly gpu?: GPU;
}

/**
 * Loads tfjs with one of its engines.
 *
 * @example
 * ```ts
 * import { tfjs } from "./tfjs.ts";
 * const backend = await tfjs({ engine: "cpu" });
 * backend.description; // "tfjs-cpu 4.22.0 (plain JavaScript)"
 * ```
 *
 * @throws {BackendError} If the engine needs what this machine lacks.
 */
export async function tfjs(options: TfjsOptions): Promise<Backend> {
  const device = await openTfjs(options);
  return {
    name: "tfjs",
    description: `${device.label} ${device.tf.version_core} (${device.details})`,
    precision: "float32",
    open: (state) => Promise.resolve().then(() => new OpenEngine(state, device, options.engine)),
  };
}

class OpenEngine implements Engine {
  readonly #state: State;
  readonly #device: Device;
  readonly #engine: TfjsEngine;
  readonly #runners: TfjsRunner[] = [];

  constructor(state: readonly StateEntry[], device: Device, engine: TfjsEngine) {
    device.use("open an engine");
    this.#state = new State(device.tf, state);
    this.#device = device;
    this.#engine = engine;
  }

  async load(program: StepProgram): Promise<Runner> {
    if (this.#engine === "wasm") await Promise.resolve(requireForward(program));
    const runner = new TfjsRunner(program, this.#state, this.#device);
    this.#runners.push(runner);
    return runner;
  }

  async write(state: string, values: Numbers): Promise<void> {
    this.#device.use("write state");
    await Promise.resolve(this.#state.write(state, values));
  }

  async read(state: string): Promise<Numbers> {
    this.#device.use("read state");
    const found = this.#state.export(state);
    return typeof found === "number" ? Float32Array.of(found) : await this.#device.download(found);
  }

  async close(): Promise<void> {
    for (const runner of this.#runners) runner.close();
    await Promise.resolve(this.#state.close());
  }
}
