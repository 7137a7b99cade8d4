/**
 * How a sentence is trained: options, their defaults and their ranges.
 *
 * @module
 */

import { OptionError } from "./errors.ts";
import { frozenJson } from "./json.ts";
import type { OptimizerSpec, ScheduleSpec, TrainSpec } from "./spec.ts";

/** Settings of a run; what is not said keeps its default. */
export interface TrainOptions {
  /** Passes over the training images; 300 (FFSD's CIFAR recipe). */
  readonly epochs?: number;
  /** Images a step; 128 (FFSD's CIFAR recipe). */
  readonly batch?: number;
  /** Seed of weights, order and augmentation; 1. */
  readonly seed?: number;
  /**
   * Optimizer of every net; SGD with rate 0.1, momentum 0.9, Nesterov and L2 1e-4 (FFSD's CIFAR recipe). Adam's rate is
   * 1e-3, its decays 0.9 and 0.999, its epsilon 1e-8 (PyTorch's defaults).
   */
  readonly optimizer?: Partial<OptimizerSpec>;
  /** Learning-rate factor over epochs; ×0.1 after half and after three quarters of the epochs, no warm-up. */
  readonly schedule?: Partial<ScheduleSpec>;
  /** Changes of the optimizer for single nets or modules, by id. */
  readonly groups?: { readonly [group: string]: Partial<OptimizerSpec> };
}

const sgd: OptimizerSpec = {
  kind: "sgd",
  learningRate: 0.1,
  momentum: 0.9,
  nesterov: true,
  weightDecay: 1e-4,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
};

/**
 * The settings with every default filled in.
 *
 * @throws {OptionError} If a number is outside its range.
 *
 * @example
 * ```ts
 * import { trainSpec } from "./mod.ts";
 * trainSpec({ epochs: 300 }).schedule.milestones; // [150, 225]
 * ```
 *
 * Source: defaults of the CIFAR recipe of Li et al., FFSD, TNNLS 2022, section IV.
 */
export function trainSpec(options: TrainOptions = {}): TrainSpec {
  known("train()", options, ["epochs", "batch", "seed", "optimizer", "schedule", "groups"]);
  const { epochs = 300, batch = 128, seed = 1 } = options;
  integer("epochs", epochs, 1);
  integer("batch", batch, 1);
  integer("seed", seed, 0);
  // Rounded up, so that short runs keep the full rate longest; a run of one epoch has one milestone, at its end.
  const milestones = [...new Set([Math.ceil(epochs / 2), Math.ceil(epochs * 3 / 4)])];
  const schedule: ScheduleSpec = { milestones, gamma: 0.1, warmup: 0, ...options.schedule };
  checkSchedule(schedule);
  const base = options.optimizer?.kind === "adam" ? { ...sgd, learningRate: 1e-3 } : sgd;
  const optimizer: OptimizerSpec = { ...base, ...options.optimizer };
  checkOptimizer("optimizer", optimizer);
  const groups = options.groups ?? {};
  for (const [group, change] of Object.entries(groups)) checkOptimizer(`groups.${group}`, change);
  return frozenJson({ epochs, batch, seed, optimizer, schedule, groups }, "train()") as unknown as TrainSpec;
}

function checkSchedule(schedule: ScheduleSpec): void {
  known("schedule", schedule, ["milestones", "gamma", "warmup"]);
  const { milestones, gamma, warmup } = schedule;
  if (!Array.isArray(milestones)) {
    refuse("schedule.milestones", "they are a list of epochs", milestones, "Say [150, 225].");
  }
  milestones.forEach((epoch, i) => integer(`schedule.milestones[${i}]`, epoch, 0));
  if (milestones.some((epoch, i) => i > 0 && epoch <= milestones[i - 1]!)) {
    refuse("schedule.milestones", "milestones rise", `[${milestones.join(", ")}]`, "Sort them, each once.");
  }
  if (!(gamma > 0 && gamma <= 1)) refuse("schedule.gamma", "the factor is above 0 and at most 1", gamma, "Try 0.1.");
  if (!(warmup >= 0 && warmup < Infinity)) {
    refuse("schedule.warmup", "the warm-up is a number of epochs from 0", warmup, "Say 0 for none.");
  }
}

function checkOptimizer(place: string, optimizer: Partial<OptimizerSpec>): void {
  known(place, optimizer, Object.keys(sgd));
  const { kind, learningRate, momentum, nesterov, weightDecay, beta1, beta2, epsilon } = optimizer;
  if (kind !== undefined && kind !== "sgd" && kind !== "adam") {
    refuse(`${place}.kind`, "it is sgd or adam", kind, "Choose one of them.");
  }
  if (nesterov !== undefined && typeof nesterov !== "boolean") {
    refuse(`${place}.nesterov`, "it is true or false", nesterov, "Choose one of them.");
  }
  const fraction = { momentum, beta1, beta2 };
  for (const [name, value] of Object.entries(fraction)) {
    if (value !== undefined && !(value >= 0 && value < 1)) {
      refuse(`${place}.${name}`, "it is at least 0 and below 1", value, "Try 0.9.");
    }
  }
  for (const [name, value] of Object.entries({ learningRate, epsilon })) {
    if (value !== undefined && !(value > 0 && value < Infinity)) {
      refuse(`${place}.${name}`, "it is above 0", value, "Choose a positive number.");
    }
  }
  if (weightDecay !== undefined && !(weightDecay >= 0 && weightDecay < Infinity)) {
    refuse(`${place}.weightDecay`, "it is at least 0", weightDecay, "Say 0 for none.");
  }
}

function known(place: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new OptionError(`Cannot train: ${place} has no setting "${name}". Known: ${names.join(", ")}.`);
    }
  }
}

function integer(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    refuse(
      name,
      `it is a whole number from ${least}`,
      typeof value === "number" ? value : JSON.stringify(value),
      `Choose ${least} or more.`,
    );
  }
}

function refuse(name: string, rule: string, got: unknown, next: string): never {
  throw new OptionError(`Cannot train with this ${name}: ${rule}, got ${got}. ${next}`);
}
