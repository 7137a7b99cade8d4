/**
 * The one memory of an engine: regions for state and for each program.
 *
 * @module
 */

import { BackendError } from "../../../dsl/errors.ts";
import { align } from "./arena.ts";
import { maximumPages, minimumPages } from "./assembler/module.ts";

const pageBytes = 65536;
const gibibyte = 2 ** 30;

/** Most bytes a memory can have. */
export const maximumBytes: number = maximumPages * pageBytes;

interface Region {
  readonly start: number;
  readonly end: number;
}

/** A growing memory whose regions are handed out and taken back. */
export class EngineMemory {
  /** What kernels import. */
  readonly memory: WebAssembly.Memory;
  #regions: Region[] = [];
  #used = 0;
  #floats: Float32Array;

  /**
   * An empty memory, `shared` if several threads work on it.
   *
   * @throws {BackendError} If this machine has no shared memory.
   */
  constructor(shared = false) {
    try {
      this.memory = new WebAssembly.Memory({ initial: minimumPages, maximum: maximumPages, shared });
    } catch (error) {
      throw new BackendError(
        `Cannot open a ${shared ? "shared " : ""}memory: the machine has to offer one of 4 GiB, got ${error}. ` +
          (shared ? "Use threads: 1." : "End other programs."),
      );
    }
    this.#floats = new Float32Array(this.memory.buffer);
  }

  /** All of memory as numbers; valid until the next region is handed out. */
  get floats(): Float32Array {
    if (this.#floats.buffer !== this.memory.buffer) this.#floats = new Float32Array(this.memory.buffer);
    return this.#floats;
  }

  /**
   * Start of a free region of `bytes`, cleared.
   *
   * @param advice What to do where less than `bytes` is left, given how many are.
   * @throws {BackendError} If 4 GiB, or this machine, have no room for it.
   */
  reserve(bytes: number, purpose: string, advice: (room: number) => string = () => "Use a smaller batch."): number {
    let start = 0;
    for (const region of this.#regions) {
      if (region.start - start >= bytes) break;
      start = region.end;
    }
    const end = start + align(bytes);
    if (end > maximumBytes) {
      throw new BackendError(
        `Cannot ${purpose}: WebAssembly memory holds at most ${gibibytes(maximumBytes)}, got a need of ${
          gibibytes(end)
        }. ${advice(maximumBytes - start)}`,
      );
    }
    this.#grow(end, purpose);
    this.#regions = [...this.#regions, { start, end }].sort((a, b) => a.start - b.start);
    // What no region covered yet is zero, and need not be touched before it is used.
    if (start < this.#used) this.floats.fill(0, start / 4, Math.min(end, this.#used) / 4);
    this.#used = Math.max(this.#used, end);
    return start;
  }

  /** Takes a region back. */
  release(start: number): void {
    this.#regions = this.#regions.filter((region) => region.start !== start);
  }

  #grow(end: number, purpose: string): void {
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / pageBytes);
    if (missing <= 0) return;
    try {
      this.memory.grow(missing);
    } catch {
      throw new BackendError(
        `Cannot ${purpose}: this machine has no room for a memory of ${gibibytes(end)}. Use a smaller batch.`,
      );
    }
  }
}

function gibibytes(bytes: number): string {
  return `${(bytes / gibibyte).toFixed(2)} GiB`;
}
