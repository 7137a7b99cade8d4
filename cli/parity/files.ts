/**
 * Files of a folder of recorded cases: JSON beside `.safetensors`.
 *
 * @module
 */

import { CohortError } from "../../dsl/errors.ts";
import { type Shape, sizeOf } from "../../runtime/ir/node.ts";

/** A tensor of a file, in PyTorch's layout. */
export interface StoredTensor {
  readonly shape: Shape;
  readonly data: Float32Array | Int32Array;
}

/** Tensors of a file by name. */
export type Tensors = ReadonlyMap<string, StoredTensor>;

/** Stems of the recorded cases in a folder, sorted. @throws {CohortError} If it cannot be read or holds none. */
export async function listStems(folder: string): Promise<readonly string[]> {
  const stems: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const stem = /^((?:trace|loss|models)_.+)\.json$/.exec(name)?.[1];
      if (stem !== undefined && !isDirectory) stems.push(stem);
    }
  } catch (error) {
    throw new CohortError(`Cannot read the folder of recordings "${folder}": ${reasonOf(error)}. Check the path.`);
  }
  if (stems.length === 0) {
    throw new CohortError(
      `Cannot compare with "${folder}": a folder of recordings holds trace_*.json, loss_*.json or models_*.json, ` +
        "got none of them. Check the path.",
    );
  }
  return stems.sort();
}

/** Reads a JSON object that has these keys. @throws {CohortError} If it is missing, corrupt or lacks one. */
export async function readRecording<T extends object>(path: string, keys: readonly (keyof T & string)[]): Promise<T> {
  const text = await reading(path, () => Deno.readTextFile(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CohortError(`Cannot read ${path}: it is no whole JSON file, ${reasonOf(error)}. Fetch it again.`);
  }
  const missing = keys.find((key) => typeof value !== "object" || value === null || !(key in value));
  if (missing !== undefined) {
    throw new CohortError(`Cannot read ${path}: a recording of its kind has "${missing}", got none. Fetch it again.`);
  }
  return value as T;
}

/** Reads a `.safetensors` file. @throws {CohortError} If it is missing or its parts do not fit together. */
export async function readTensors(path: string): Promise<Tensors> {
  const bytes = await reading(path, () => Deno.readFile(path));
  const broken = (what: string): never => {
    throw new CohortError(`Cannot read ${path}: ${what}. Fetch it again.`);
  };
  if (bytes.length < 8) broken(`a .safetensors file has at least 8 bytes, got ${bytes.length}`);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  if (length > bytes.length - 8) broken(`its header has ${length} bytes, got ${bytes.length - 8}`);
  const body = bytes.slice(8 + length);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(header(bytes.subarray(8, 8 + length), broken))) {
    if (name === "__metadata__") continue;
    const { dtype, shape, data_offsets: [from, to] } = entry;
    if (dtype !== "F32" && dtype !== "I32") broken(`${name} is ${dtype}; only F32 and I32 are known`);
    if (to > body.length || from % 4 !== 0 || to - from !== 4 * sizeOf(shape)) {
      broken(`${name} of shape [${shape}] lies at bytes ${from}…${to} of ${body.length}`);
    }
    const Numbers = dtype === "F32" ? Float32Array : Int32Array;
    tensors.set(name, { shape, data: new Numbers(body.buffer, from, sizeOf(shape)) });
  }
  return tensors;
}

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: Shape;
  readonly data_offsets: readonly [number, number];
}

function header(bytes: Uint8Array, broken: (what: string) => never): Record<string, HeaderEntry> {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, HeaderEntry>;
    for (const { shape, data_offsets } of Object.values(value)) {
      if (shape !== undefined && !(Array.isArray(shape) && data_offsets.length === 2)) throw new TypeError("shape");
    }
    return value;
  } catch {
    return broken("its header is no list of tensors");
  }
}

/** A tensor of a file. @throws {CohortError} If there is none of that name. */
export function tensorOf(tensors: Tensors, name: string): StoredTensor {
  const found = tensors.get(name);
  if (found === undefined) {
    throw new CohortError(`Cannot compare: the recording lacks the tensor "${name}". Fetch its files again.`);
  }
  return found;
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new CohortError(`Cannot read ${path}: ${reasonOf(error)}. Check the folder of recordings.`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
