/**
 * Model vectors as their file has them.
 *
 * @module
 */

import type { Shape } from "../../runtime/ir/node.ts";
import { readRecording, readTensors, type Tensors } from "./files.ts";
import type { CheckSums } from "./formula.ts";
import type { RecordedNet } from "./trace_format.ts";

/** One net, run or only measured. */
export interface ModelCase {
  readonly name: string;
  readonly net: RecordedNet;
  /** Number of trainable numbers, and of numbers in running statistics. */
  readonly params: number;
  readonly buffers: number;
  /** Shape of the images. */
  readonly input: readonly [number, number, number, number];
  readonly num_classes: number;
  readonly param_tensors: Readonly<Record<string, Shape>>;
  /** Batch norms whose momentum is not 0.1, and the like. */
  readonly modules: Readonly<Record<string, { readonly type: string; readonly momentum?: number }>>;
  readonly init_seed: string;
  readonly init_check: Readonly<Record<string, readonly [l2: number, sum: number, dot: number]>>;
  readonly input_key: string;
  readonly input_bound: number;
  /** Absent for nets that are only measured. */
  readonly eval_taps?: Readonly<Record<string, RecordedTap>>;
  readonly train_taps?: Readonly<Record<string, RecordedTap>>;
  readonly tap_shapes?: Readonly<Record<string, Shape>>;
  readonly buffers_after_train_forward?: Readonly<Record<string, readonly [l2: number, sum: number, dot: number]>>;
}

/** A map of a net. */
export interface RecordedTap extends CheckSums {
  readonly shape: Shape;
}

/** A case with the tensors of its file. */
export interface ModelFiles {
  readonly recorded: ModelCase;
  readonly tensors: Tensors;
}

/** Reads the nets of a file. @throws {CohortError} If it is missing or corrupt. */
export async function readModels(folder: string, stem: string): Promise<readonly ModelCase[]> {
  return (await readRecording<{ readonly models: readonly ModelCase[] }>(`${folder}/${stem}.json`, ["models"])).models;
}

/** Names of the cases below their file, `name/index`; the index counts nets of one name. */
export function modelNames(models: readonly ModelCase[]): readonly string[] {
  return models.map(({ name }, i) => `${name}/${models.slice(0, i).filter((other) => other.name === name).length}`);
}

/** Reads the tensors of a file. @throws {CohortError} If it is missing or corrupt. */
export function modelTensors(folder: string, stem: string): Promise<Tensors> {
  return readTensors(`${folder}/${stem}.safetensors`);
}
