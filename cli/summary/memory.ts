/**
 * The memory of a training step.
 *
 * @module
 */
import { BackendError } from "../../dsl/errors.ts";
import { trainSpec } from "../../dsl/train.ts";
import { type Arch, type Backend, compile, solo } from "../../mod.ts";
import { sizeOf } from "../../runtime/ir/node.ts";

/** For what it is told. */
export interface MemoryOptions {
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  /** Images of a step. */
  readonly batch: number;
  readonly backend: Backend;
}

/**
 * A line about the memory of a step that trains a net alone, with momentum: what training would say on that backend, or
 * why the step has no room there.
 */
export async function memoryLine(arch: Arch, { shape, classes, batch, backend }: MemoryOptions): Promise<string> {
  const sentence = solo({ ...arch, classes: undefined });
  const compiled = compile(
    { nets: sentence.spec.nets, archs: sentence.archs, graph: sentence.lower(), classes, shape, batch },
    trainSpec(),
  );
  const what = `Memory of a training step with ${batch} images on ${backend.name}`;
  const state = compiled.state.reduce((bytes, entry) => bytes + bytesOf(backend) * sizeOf(entry.shape), 0);
  const engine = await backend.open(compiled.state);
  try {
    const { bytes } = await engine.load(compiled.step);
    return `${what}: ${mebibytes(bytes)}, and ${mebibytes(state)} of weights, momentum and running statistics`;
  } catch (error) {
    if (error instanceof BackendError) return `${what}: it has no room. ${error.message}`;
    throw error;
  } finally {
    await engine.close();
  }
}

function bytesOf({ precision }: Backend): number {
  return precision === "float64" ? 8 : 4;
}

function mebibytes(bytes: number): string {
  const size = bytes / 2 ** 20;
  return `${size.toFixed(size < 10 ? 1 : 0)} MiB`;
}
