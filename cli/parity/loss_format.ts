/**
 * Loss vectors as their file has them.
 *
 * @module
 */

import { readRecording, readTensors, type Tensors } from "./files.ts";

/** One loss with its inputs. */
export interface LossCase {
  readonly name: string;
  readonly index: number;
  readonly config: Readonly<Record<string, unknown>>;
  /** Names of its inputs. */
  readonly inputs: readonly string[];
  /** Inputs whose gradients were recorded. */
  readonly grads: readonly string[];
  readonly loss?: number;
  readonly loss_f64?: number;
  readonly scalars: Readonly<Record<string, unknown>>;
  readonly scalars_f64?: Readonly<Record<string, unknown>>;
}

/** A file of loss vectors. */
export interface LossFile {
  readonly cases: readonly LossCase[];
}

/** A case with its tensors, whose names start behind `name/index/`. */
export interface LossFiles {
  readonly recorded: LossCase;
  readonly tensors: Tensors;
}

/** Name of a case below its file, `name/index`. */
export function lossName({ name, index }: LossCase): string {
  return `${name}/${index}`;
}

/** Reads the cases of a file. @throws {CohortError} If it is missing or corrupt. */
export function readLosses(folder: string, stem: string): Promise<LossFile> {
  return readRecording<LossFile>(`${folder}/${stem}.json`, ["cases"]);
}

/** Tensors of one case, without the case's name. @throws {CohortError} If the file is missing or corrupt. */
export async function lossTensors(folder: string, stem: string, recorded: LossCase): Promise<Tensors> {
  const prefix = `${lossName(recorded)}/`;
  const all = await readTensors(`${folder}/${stem}.safetensors`);
  return new Map(
    [...all].filter(([name]) => name.startsWith(prefix)).map(([name, t]) => [name.slice(prefix.length), t]),
  );
}
