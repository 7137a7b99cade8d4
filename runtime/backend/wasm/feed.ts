/**
 * What a run is fed, put where a program's kernels read it.
 *
 * @module
 */

import { BackendError, ShapeError } from "../../../dsl/errors.ts";
import type { Node } from "../../ir/node.ts";
import type { Feed } from "../backend.ts";
import { axesOf, blocksOf, lanes, layoutOf, scatter } from "./layout.ts";
import { type Place, sampleSize } from "./lower/site.ts";
import type { ProgramPlan } from "./plan.ts";

/**
 * Writes images, labels and uniforms into memory; `indexOf` says where a place lies, in numbers.
 *
 * @throws {BackendError} If the number of images is outside 1 to the program's batch, or a uniform is missing.
 * @throws {ShapeError} If an input does not hold as many numbers as its images have.
 */
export function writeFeed(
  { program: { batch, name }, lowered }: ProgramPlan,
  memory: Float32Array,
  indexOf: (place: Place) => number,
  { count, inputs, uniforms }: Feed,
): void {
  if (!Number.isInteger(count) || count < 1 || count > batch) {
    throw new BackendError(`Cannot run ${name}: a step takes 1 to ${batch} images, got ${count}.`);
  }
  for (const [uniform, place] of lowered.uniforms) {
    const value = uniform === "count" ? count : uniforms[uniform];
    if (value === undefined) throw new BackendError(`Cannot run ${name}: uniform ${uniform} was not set.`);
    memory[indexOf(place)] = value;
  }
  for (const [input, { node, place }] of lowered.inputs) {
    const [values, numbers] = [inputs[input], count * sampleSize(node.shape)];
    if (values === undefined || values.length !== numbers) {
      throw new ShapeError(
        `Cannot run ${name}: input ${input} holds ${numbers} numbers for ${count} images, got ${
          values?.length ?? "none"
        }.`,
      );
    }
    writeSamples(memory, indexOf(place), node, values, count);
  }
}

/** Puts the images side by side by eight; the rest of the last eight becomes zero. */
function writeSamples(
  memory: Float32Array,
  start: number,
  node: Node,
  values: ArrayLike<number>,
  count: number,
): void {
  const block = lanes * sampleSize(node.shape);
  if (count % lanes > 0) {
    const last = start + (blocksOf(count) - 1) * block;
    memory.fill(0, last, last + block);
  }
  scatter(memory, start, axesOf(node.shape, layoutOf(node)), count, values);
}
