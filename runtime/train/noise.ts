/**
 * Random numbers that a training step reads, drawn from the run's seed.
 *
 * @module
 */

import { stream } from "../../dsl/random.ts";
import { type Node, sizeOf } from "../ir/node.ts";

/** When noise is drawn: it depends on nothing else, so that a resumed run draws the same. */
export interface NoiseTime {
  /** Seed of the run. */
  readonly seed: number;
  /** From 1. */
  readonly epoch: number;
  /** Step within the epoch, from 0. */
  readonly step: number;
}

const prefix = "noise/";

/** Numbers for every noise input of a program, by its name, for `count` samples. */
export function drawNoise(
  nodes: readonly Node[],
  { seed, epoch, step }: NoiseTime,
  count: number,
): Readonly<Record<string, Float32Array>> {
  const drawn: Record<string, Float32Array> = {};
  for (const node of nodes) {
    if (node.op !== "input" || !node.attrs.name.startsWith(prefix)) continue;
    const { name } = node.attrs;
    const random = stream(seed, name, epoch, step);
    const draw = name.startsWith(`${prefix}normal/`) ? random.normal : random.uniform;
    drawn[name] = Float32Array.from({ length: count * sizeOf(node.shape.slice(1)) }, (_, i) => draw(i));
  }
  return drawn;
}
