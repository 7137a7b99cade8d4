/**
 * `pretrain()`: teachers learn from the labels first.
 *
 * @module
 */

import { MissingRoleError } from "../errors.ts";
import { type LossGraph, mergeGraphs } from "../graph.ts";
import { frozenJson } from "../json.ts";
import { supervision } from "../losses.ts";
import type { Site } from "../method.ts";
import { refusals } from "../refused.ts";
import type { Clause, OptimizerSpec, ScheduleSpec } from "../spec.ts";
import { type TrainOptions, trainSpec } from "../train.ts";

/** Options of `pretrain()`; what is not said is that of `train()`, but for the schedule, which follows the epochs. */
export type PretrainOptions = Pick<TrainOptions, "epochs" | "optimizer" | "schedule">;

/** What `pretrain()` records. */
export interface PretrainSpec {
  /** Passes over the training images; 240 (Tian et al. 2020). */
  readonly epochs: number;
  /** Changes to the run's optimizer; none unless said. */
  readonly optimizer?: Partial<OptimizerSpec>;
  /** Learning-rate factor over the epochs; ×0.1 after half and after three quarters of them. */
  readonly schedule: ScheduleSpec;
}

/** The options with defaults filled in. @throws {OptionError} If a number is outside its range. */
export function pretrainOptions({ epochs = 240, optimizer, schedule }: PretrainOptions): PretrainSpec {
  const said = trainSpec({
    epochs,
    ...(optimizer === undefined ? {} : { optimizer }),
    ...(schedule === undefined ? {} : { schedule }),
  });
  return frozenJson({ epochs, optimizer, schedule: said.schedule }, "pretrain()") as unknown as PretrainSpec;
}

/** What `pretrain()` recorded, with so many times the epochs; milestones keep their place. */
export function pretrainScaled(said: Clause["options"], factor: number): Clause["options"] {
  const { epochs = 240, schedule, ...rest } = said as PretrainOptions;
  const scaled = (before: number): number => Math.max(1, Math.ceil(Number((before * factor).toPrecision(12))));
  const milestones = schedule?.milestones?.map(scaled);
  return frozenJson({
    ...rest,
    epochs: scaled(epochs),
    schedule: milestones === undefined ? schedule : { ...schedule, milestones: [...new Set(milestones)] },
  }, "pretrain()") as Clause["options"];
}

/**
 * A stage before everything else in which every teacher learns its own cross-entropy, `id/ce`. Afterwards a teacher
 * that no verb teaches rests.
 *
 * @throws {MissingRoleError} If there is no teacher.
 */
export function lowerPretrain(site: Site, { epochs, optimizer, schedule }: PretrainSpec): Partial<LossGraph> {
  if (site.teachers.length === 0) throw new MissingRoleError(`Cannot lower pretrain(): ${refusals.pretrainNobody}.`);
  const graph = mergeGraphs([{ terms: site.teachers.map((teacher) => supervision(teacher)) }]);
  const changes = optimizer === undefined ? {} : { optimizer };
  return { stages: [Object.freeze({ name: "pretrain", epochs, graph, ...changes, schedule })] };
}
