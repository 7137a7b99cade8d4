/**
 * The one interface over all backends. The compiler and the trainer see nothing else of them.
 *
 * @module
 */

import type { StateEntry, StepProgram } from "../ir/program.ts";

/** Names of the backends. */
export type BackendName = "reference" | "wasm" | "webgpu" | "tfjs";

/** Numbers in PyTorch's layout, row-major. */
export type Numbers = Float32Array | Float64Array;

/** What one step is fed. */
export interface Feed {
  /** Number of images really present, at most the program's batch. */
  readonly count: number;
  /** `images/<view>`: `count · C · H · W` numbers; `labels`: `count` class indices. */
  readonly inputs: Readonly<Record<string, Float32Array | Float64Array | Uint16Array>>;
  /** Every uniform of the program but `count`. */
  readonly uniforms: Readonly<Record<string, number>>;
}

/** A way to run step programs. */
export interface Backend {
  /** What `--backend` calls it. */
  readonly name: BackendName;
  /** One line for people: device, features, threads, and why it was chosen. */
  readonly description: string;
  /** Arithmetic of the kernels. */
  readonly precision: "float32" | "float64";
  /** Allocates state; every program of the engine shares it. All state starts at zero. */
  open(state: readonly StateEntry[]): Promise<Engine>;
}

/** State on a device, and the programs that run on it. */
export interface Engine {
  /** Compiles a program for this state. @throws {BackendError} If a primitive is not offered here. */
  load(program: StepProgram): Promise<Runner>;
  /** Overwrites one tensor of state. */
  write(state: string, values: Numbers): Promise<void>;
  /** Reads one tensor of state. */
  read(state: string): Promise<Numbers>;
  /** Frees everything. */
  close(): Promise<void>;
}

/** One compiled program. */
export interface Runner {
  /** Runs all segments once. */
  run(feed: Feed): Promise<void>;
  /** An output of the last run: the rows really present (`count`) where axis 0 is the batch, else all of it. */
  read(output: string): Promise<Numbers>;
  /** Names of the segments that the last run skipped. */
  skipped(): readonly string[];
  /** Bytes of working memory besides state. */
  readonly bytes: number;
  /** Frees the program's memory. */
  close(): void;
}
