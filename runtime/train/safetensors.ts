/**
 * The safetensors format: a JSON header of names, types, shapes and offsets, then raw little-endian numbers.
 *
 * @module
 */

import { CheckpointError } from "../../dsl/errors.ts";
import { type Shape, sizeOf } from "../ir/node.ts";

/** A named tensor in PyTorch's layout. */
export interface NamedTensor {
  /** Size of every axis. */
  readonly shape: Shape;
  /** Its numbers, the last axis closest together. */
  readonly data: Float32Array | Float64Array;
}

/** A file's content. */
export interface TensorFile {
  /** Tensors by name. */
  readonly tensors: Readonly<Record<string, NamedTensor>>;
  /** Strings of the `__metadata__` entry. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Encodes tensors; the same content gives the same bytes. */
export function encodeTensors(file: TensorFile): Uint8Array<ArrayBuffer> {
  let offset = 0;
  const entries = Object.entries(file.tensors).map(([name, { shape, data }]) => {
    const entry = {
      dtype: data instanceof Float64Array ? "F64" : "F32",
      shape,
      data_offsets: [offset, offset + data.byteLength],
    };
    offset += data.byteLength;
    return [name, entry] as const;
  });
  const metadata = Object.keys(file.metadata).length > 0 ? { __metadata__: file.metadata } : {};
  const json = new TextEncoder().encode(JSON.stringify({ ...metadata, ...Object.fromEntries(entries) }));
  const header = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + header + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, 8 + header);
  let at = 8 + header;
  for (const { data } of Object.values(file.tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * Decodes a file. `num_batches_tracked`, PyTorch's count of the steps of a batch norm, is left out: nothing reads it.
 *
 * @param what Name of the file in messages.
 * @throws {CheckpointError} If it is truncated, no safetensors file, or holds a type other than F32 and F64.
 */
export function decodeTensors(bytes: Uint8Array, what: string): TensorFile {
  const fail = (got: string, next = "Save it again."): never => {
    throw new CheckpointError(
      `Cannot read ${what}: a safetensors file is a header and the numbers it lists, got ${got}. ${next}`,
    );
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) {
    if (isTorchFile(bytes)) {
      fail("a file of torch.save()", "Write it by safetensors.torch.save_file(net.state_dict(), FILE).");
    }
    fail("a header that ends behind the file");
  }
  const header = parseHeader(new TextDecoder().decode(bytes.subarray(8, 8 + length))) ??
    fail("a header that is no JSON");
  const tensors: Record<string, NamedTensor> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__" || name.endsWith(".num_batches_tracked")) continue;
    const { dtype, shape, data_offsets: [start, end] } = isEntry(entry) ? entry : fail(`no tensor under ${name}`);
    const width = dtype === "F32" ? 4 : dtype === "F64" ? 8 : fail(`type ${dtype} of ${name}`);
    if (end !== start + width * sizeOf(shape)) fail(`a shape of ${name} that does not fit its bytes`);
    if (8 + length + end > bytes.length) fail(`a file that ends within ${name}`);
    const copy = bytes.slice(8 + length + start, 8 + length + end).buffer;
    tensors[name] = { shape, data: width === 4 ? new Float32Array(copy) : new Float64Array(copy) };
  }
  const metadata = header.__metadata__ ?? {};
  if (!isStrings(metadata)) fail("metadata that are no strings");
  return { tensors, metadata: metadata as Record<string, string> };
}

/** Whether a file begins as a zip or, from before PyTorch 1.6, as a pickle. */
function isTorchFile([first, second]: Uint8Array): boolean {
  return (first === 0x50 && second === 0x4b) || (first === 0x80 && second === 0x02);
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [start: number, end: number];
}

function isEntry(value: unknown): value is Entry {
  const { dtype, shape, data_offsets: range } = (value ?? {}) as Partial<Entry>;
  const sizes = (list: unknown): boolean => Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  return typeof dtype === "string" && sizes(shape) && sizes(range) && range!.length === 2;
}

function isStrings(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every((text) => typeof text === "string");
}

function parseHeader(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}
