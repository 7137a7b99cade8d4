/**
 * Turns nodes into steps: kernel calls on buffers whose addresses are decided later.
 *
 * @module
 */

import type { Features } from "../assembler/func.ts";
import { type Node, type Shape, sizeOf } from "../../../ir/node.ts";
import type { StepProgram } from "../../../ir/program.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { axesOf, type Axis, blocksOf, type Layout, layoutOf, storageOf } from "../layout.ts";
import { copyPieces } from "./pieces.ts";
import { copy } from "../kernels/copy.ts";
import { type Form, isLasting } from "./form.ts";
import { storeForm } from "./pointwise.ts";
import { Readers } from "./readers.ts";

/** Memory that a program needs from its first to its last use. */
export interface Buffer {
  readonly bytes: number;
  /** Address of state, which the plan does not move. */
  readonly address?: number;
  /** Whether it holds samples by blocks of eight: a thread with a slice of the batch touches only its own blocks. */
  readonly sliced: boolean;
  /** First and last time it is used; 0 is when the host feeds a run. Steps get their times when they are scheduled. */
  first: number;
  last: number;
}

/** An address: so many bytes into a buffer. */
export interface Place {
  readonly buffer: Buffer;
  readonly offset: number;
}

/**
 * What only a run knows: the number of samples, and which blocks and chunks of them are to be done. A step that takes a
 * first block or chunk is run by every thread on its slice; in any other step, the last ones are those of the batch.
 */
export type RunValue = "count" | "firstBlock" | "lastBlock" | "firstChunk" | "lastChunk";

/** An argument of a kernel. */
export type Operand = Place | RunValue | number;

/** One kernel call. */
export interface Step {
  readonly kernel: Kernel;
  readonly operands: readonly Operand[];
  /** Steps of a group write different parts of one buffer, so that their order does not matter. */
  readonly group?: number;
}

/** The samples a kernel runs over: those of the run, or all of a tensor that has no batch axis. */
export interface Range {
  readonly blocks: readonly [Operand, Operand];
  readonly chunks: readonly [Operand, Operand];
  readonly count: Operand;
  /** Most blocks there may be, how many make a chunk, and most chunks. */
  readonly most: number;
  readonly chunk: number;
  readonly mostChunks: number;
}

/**
 * Chunks a reduction over the batch is cut into, at most: the most threads that can share one.
 * It must not depend on the number of threads, since the order of additions follows from it.
 */
const chunks = 8;

/** Blocks of one chunk for a batch. */
export function chunkOf(batch: number): number {
  return Math.ceil(blocksOf(batch) / chunks);
}

/** A value that is not in memory. */
export interface Deferred {
  readonly form: Form;
  /** Whether it is computed again wherever it is read. */
  readonly lasting: boolean;
}

/** Buffers and steps of a program in the making. */
export class Site {
  readonly program: StepProgram;
  readonly readers: Readers;
  /** Every buffer made so far. */
  readonly buffers: Buffer[] = [];
  readonly #values = new Map<number, Place>();
  readonly #converted = new Map<number, Place>();
  readonly #deferred = new Map<number, Deferred>();
  /** Deferred values that were computed for this segment only. */
  readonly #computed = new Map<number, Place>();
  #steps: Step[] = [];
  #groups = 0;
  #group: number | undefined;

  /** A site for the nodes of `program`, on a machine with `features`. */
  constructor(program: StepProgram, readonly features: Features) {
    this.program = program;
    this.readers = new Readers(program);
  }

  /** A node of the program. */
  node(id: number): Node {
    return this.program.nodes[id]!;
  }

  /**
   * Memory for `numbers` floats; `sliced` if they are samples of the batch by blocks of eight. What a kernel uses as
   * scratch (lower/access.ts says which operand) is given to each thread, and is worth nothing to another step.
   */
  allocate(numbers: number, sliced = false): Place {
    // Vectors may reach over the end of what they load.
    const bytes = 4 * numbers + 16;
    const buffer: Buffer = { bytes, sliced, first: Infinity, last: 0 };
    this.buffers.push(buffer);
    return { buffer, offset: 0 };
  }

  /** Says where a node's value lies, in the node's own layout. */
  define(id: number, place: Place): void {
    this.#values.set(id, place);
  }

  /** Where a node's value lies, if it is known. */
  known(id: number): Place | undefined {
    return this.#values.get(id);
  }

  /**
   * Leaves a value to those who read it. It is computed when someone needs it in memory: once, or again in each segment
   * if it follows from one map, which saves its memory between them.
   */
  defer(id: number, form: Form): void {
    this.#deferred.set(id, { form, lasting: isLasting(form) && !this.readers.isOutput(id) });
  }

  /** What a value is to be computed from, if it is not in memory. */
  deferred(id: number): Deferred | undefined {
    return this.#values.has(id) || this.#computed.has(id) ? undefined : this.#deferred.get(id);
  }

  /** Ends a segment's nodes: computes what was put off once if someone reads it later, and forgets it otherwise. */
  settle(segment: number): void {
    const once = [...this.#deferred].filter(([, { lasting }]) => !lasting).map(([id]) => id);
    // One that is read later may follow from one that is not: nothing is forgotten before all are computed.
    for (const id of once) if (this.readers.after(segment, id)) this.read(id, "lanes");
    for (const id of once) this.#deferred.delete(id);
  }

  /** A node's value in a layout, converted if need be; conversions are remembered until the segment's end. */
  read(id: number, layout: Layout = layoutOf(this.node(id))): Place {
    const node = this.node(id);
    const value = this.#inMemory(id);
    if (value === undefined) throw new RangeError(`Cannot lower node ${id}: it is used before it is computed.`);
    if (layoutOf(node) === layout) return value;
    const known = this.#converted.get(id);
    if (known !== undefined) return known;
    const place = this.allocate(storageOf(node.shape, layout), isSliced(node, layout));
    this.copy(value, axesOf(node.shape, layoutOf(node)), place, axesOf(node.shape, layout));
    this.#converted.set(id, place);
    return place;
  }

  /** Gives a deferred value the memory that `write` fills. */
  storing<T>(id: number, write: (out: Place) => T): T {
    const node = this.node(id);
    const out = this.allocate(storageOf(node.shape, "lanes"), isSliced(node, "lanes"));
    this.#values.set(id, out);
    return write(out);
  }

  #inMemory(id: number): Place | undefined {
    const known = this.#values.get(id) ?? this.#computed.get(id);
    const deferred = this.#deferred.get(id);
    if (known !== undefined || deferred === undefined) return known;
    const node = this.node(id);
    const { over } = deferred.form;
    const place = over === undefined
      ? this.allocate(storageOf(node.shape, "lanes"), isSliced(node, "lanes"))
      : this.read(over, "lanes");
    (deferred.lasting ? this.#computed : this.#values).set(id, place);
    storeForm(this, node, deferred.form, place);
    return place;
  }

  /** Memory for a node's value in `layout`, filled by `write`, then brought into the node's own layout. */
  produce(node: Node, layout: Layout, write: (out: Place) => void): void {
    const own = layoutOf(node);
    const out = this.allocate(storageOf(node.shape, own), isSliced(node, own));
    this.define(node.id, out);
    if (own === layout) return write(out);
    const natural = this.allocate(storageOf(node.shape, layout), isSliced(node, layout));
    write(natural);
    this.copy(natural, axesOf(node.shape, layout), out, axesOf(node.shape, own));
  }

  /** Adds a kernel call. */
  step(kernel: Kernel, ...operands: readonly Operand[]): void {
    this.#steps.push(this.#group === undefined ? { kernel, operands } : { kernel, operands, group: this.#group });
  }

  /** Adds steps that write different parts of one buffer. */
  together(add: () => void): void {
    if (this.#group !== undefined) return add();
    this.#group = this.#groups++;
    add();
    this.#group = undefined;
  }

  /** Ends a segment and gives its steps. */
  cut(): readonly Step[] {
    const steps = this.#steps;
    this.#steps = [];
    this.#converted.clear();
    this.#computed.clear();
    return steps;
  }

  /** The samples of a tensor: those of the run if its first axis is the batch, else all of them. */
  range(node: { readonly shape: Shape; readonly batch: readonly number[] }): Range {
    const samples = node.shape[0]!;
    const most = blocksOf(samples);
    const chunk = chunkOf(samples);
    const mostChunks = Math.ceil(most / chunk);
    const sizes = { most, chunk, mostChunks };
    if (node.batch.includes(0)) {
      return { blocks: ["firstBlock", "lastBlock"], chunks: ["firstChunk", "lastChunk"], count: "count", ...sizes };
    }
    return { blocks: [0, most], chunks: [0, mostChunks], count: samples, ...sizes };
  }

  /** Copies every element; with `range`, both sides have samples along axis 0 side by side and only those move. */
  copy(from: Place, fromAxes: readonly Axis[], to: Place, toAxes: readonly Axis[], range?: Range): void {
    if (range !== undefined) {
      const [f, t] = [fromAxes[0]!, toAxes[0]!];
      const rest = fromAxes.slice(1).map(({ size, stride }, i) => ({ size, from: stride, to: toAxes[i + 1]!.stride }));
      const axes = [...rest, { size: f.split, from: 1, to: 1 }];
      const kernel = copy({ axes, blocks: { from: f.stride, to: t.stride } });
      return this.step(kernel, from, to, ...range.blocks);
    }
    this.together(() => {
      for (const piece of copyPieces(fromAxes, toAxes)) {
        this.step(copy({ axes: piece.axes }), at(from, piece.from), at(to, piece.to));
      }
    });
  }
}

/** Whether a value in `layout` lies in blocks of samples of the batch. */
export function isSliced({ batch }: Node, layout: Layout): boolean {
  return layout === "lanes" && batch.includes(0);
}

/** The place `numbers` floats further on. */
export function at({ buffer, offset }: Place, numbers: number): Place {
  return { buffer, offset: offset + 4 * numbers };
}

/** Number of elements of one sample. */
export function sampleSize(shape: Shape): number {
  return sizeOf(shape.slice(1));
}
