/**
 * A program in memory, ready to run.
 *
 * @module
 */

import { BackendError, ShapeError } from "../../../dsl/errors.ts";
import type { Node } from "../../ir/node.ts";
import type { StepProgram } from "../../ir/program.ts";
import type { Feed, Numbers, Runner } from "../backend.ts";
import { planMemory } from "./arena.ts";
import { assemble, type KernelCache, segmentName } from "./assemble.ts";
import { axesOf, blocksOf, gather, lanes, layoutOf, scatter } from "./layout.ts";
import { lower, type LoweredProgram, type StatePlace } from "./lower/lower.ts";
import { type Buffer, chunkOf, type Place, sampleSize } from "./lower/site.ts";
import type { EngineMemory } from "./memory.ts";

/** Generates, compiles and places a program. */
export async function loadProgram(
  program: StepProgram,
  memory: EngineMemory,
  cache: KernelCache,
  state: (name: string) => StatePlace,
): Promise<Runner> {
  const lowered = lower(program, state, cache.features);
  const { offsets, bytes } = planMemory(lowered.buffers);
  const base = memory.reserve(bytes, `load ${program.name} for batches of ${program.batch}`);
  const addresses = new Map(lowered.buffers.map((buffer, i) => [buffer, base + offsets[i]!]));
  const addressOf = (buffer: Buffer): number => buffer.address ?? addresses.get(buffer)!;
  const module = await cache.compile(assemble(cache, lowered.segments, addressOf, chunkOf(program.batch)));
  const { exports } = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
  const functions = lowered.segments.map((_, i) => exports[segmentName(i)] as (count: number) => void);
  const indexOf = ({ buffer, offset }: Place): number => (addressOf(buffer) + offset) / 4;
  for (const { value, numbers, place } of lowered.constants) {
    memory.floats.fill(value, indexOf(place), indexOf(place) + numbers);
  }
  return new WasmRunner(program, lowered, functions, memory, indexOf, bytes, () => memory.release(base));
}

class WasmRunner implements Runner {
  readonly bytes: number;
  readonly #program: StepProgram;
  readonly #lowered: LoweredProgram;
  #functions: readonly ((count: number) => void)[];
  readonly #memory: EngineMemory;
  readonly #indexOf: (place: Place) => number;
  readonly #release: () => void;
  #count = 0;
  #skipped: string[] = [];
  #closed = false;

  constructor(
    program: StepProgram,
    lowered: LoweredProgram,
    functions: readonly ((count: number) => void)[],
    memory: EngineMemory,
    indexOf: (place: Place) => number,
    bytes: number,
    release: () => void,
  ) {
    this.#program = program;
    this.#lowered = lowered;
    this.#functions = functions;
    this.#memory = memory;
    this.#indexOf = indexOf;
    this.bytes = bytes;
    this.#release = release;
  }

  run(feed: Feed): Promise<void> {
    this.#feed(feed);
    this.#count = feed.count;
    this.#skipped = [];
    this.#lowered.segments.forEach(({ name, gate }, i) => {
      if (gate !== undefined && this.#memory.floats[this.#indexOf(gate)]! > 0) this.#skipped.push(name);
      else this.#functions[i]!(feed.count);
    });
    return Promise.resolve();
  }

  read(output: string): Promise<Numbers> {
    const found = this.#lowered.outputs.get(output);
    if (found === undefined || this.#closed) {
      throw new BackendError(
        `Cannot read ${output}: program ${this.#program.name} ${this.#closed ? "is closed" : "lacks it"}.`,
      );
    }
    const { node, place } = found;
    const rows = node.batch.includes(0) ? this.#count : node.shape[0] ?? 1;
    const axes = axesOf(node.shape, layoutOf(node));
    return Promise.resolve(gather(this.#memory.floats, this.#indexOf(place), axes, rows));
  }

  skipped(): readonly string[] {
    return this.#skipped;
  }

  close(): void {
    if (!this.#closed) this.#release();
    this.#closed = true;
    // They hold the engine's memory.
    this.#functions = [];
  }

  #feed({ count, inputs, uniforms }: Feed): void {
    const { batch, name } = this.#program;
    if (this.#closed) throw new BackendError(`Cannot run ${name}: it is closed.`);
    if (!Number.isInteger(count) || count < 1 || count > batch) {
      throw new BackendError(`Cannot run ${name}: a step takes 1 to ${batch} images, got ${count}.`);
    }
    for (const [uniform, place] of this.#lowered.uniforms) {
      const value = uniform === "count" ? count : uniforms[uniform];
      if (value === undefined) throw new BackendError(`Cannot run ${name}: uniform ${uniform} was not set.`);
      this.#memory.floats[this.#indexOf(place)] = value;
    }
    for (const [input, { node, place }] of this.#lowered.inputs) this.#write(input, node, place, inputs[input], count);
  }

  /** Puts the images side by side by eight; the rest of the last eight becomes zero. */
  #write(name: string, node: Node, place: Place, values: Feed["inputs"][string] | undefined, count: number): void {
    const sample = sampleSize(node.shape);
    if (values === undefined || values.length !== count * sample) {
      throw new ShapeError(
        `Cannot run ${this.#program.name}: input ${name} holds ${count * sample} numbers for ${count} images, got ${
          values?.length ?? "none"
        }.`,
      );
    }
    const start = this.#indexOf(place);
    const block = lanes * sample;
    if (count % lanes > 0) {
      const last = start + (blocksOf(count) - 1) * block;
      this.#memory.floats.fill(0, last, last + block);
    }
    scatter(this.#memory.floats, start, axesOf(node.shape, layoutOf(node)), count, values);
  }
}
