/**
 * Numbers that change over a run: learning rates and weights of terms. Epochs are numbered from 1.
 *
 * @module
 */

import type { Ramp, Weight } from "../../dsl/graph.ts";
import type { ScheduleSpec } from "../../dsl/spec.ts";

/**
 * Factor of the learning rate in `epoch`: γ for every milestone that lies behind, times the warm-up.
 *
 * With milestones [150, 225], epochs 1 … 150 run at 1, 151 … 225 at γ, later ones at γ² (PyTorch's MultiStepLR with one
 * step per finished epoch). Warm-up of n epochs multiplies by (done + 1) / total over the batches of those epochs.
 *
 * @param step Batch within the epoch, from 0.
 * @param steps Batches in an epoch.
 */
export function rateFactor(schedule: ScheduleSpec, epoch: number, step: number, steps: number): number {
  const drops = schedule.milestones.filter((milestone) => epoch > milestone).length;
  const warm = schedule.warmup * steps;
  const done = (epoch - 1) * steps + step + 1;
  return schedule.gamma ** drops * (done < warm ? done / warm : 1);
}

/** A term's weight in `epoch`. Measured weights come from `measured`. */
export function weightIn(weight: Weight, epoch: number, measured: Readonly<Record<string, number>>): number {
  if (typeof weight === "number") return weight;
  if ("measured" in weight) return measured[weight.measured] ?? 0;
  return rampIn(weight, epoch);
}

function rampIn(ramp: Ramp, epoch: number): number {
  const position = Math.min(epoch - 1 + ramp.from, ramp.epochs) / ramp.epochs;
  if (ramp.ramp === "linear") return ramp.to * position;
  return ramp.to * Math.exp(-5 * (1 - position) ** 2);
}
