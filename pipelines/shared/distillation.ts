/**
 * What the recipes of offline distillation share: the pairs of nets of the benchmark's tables, and how they are trained.
 *
 * Teachers and students are trained alike: 240 epochs with batch 64; SGD with momentum 0.9 (no Nesterov) and weight decay
 * 5e-4; the rate of 0.05, and 0.01 for students that are a MobileNetV2 or a ShuffleNet, falls to a tenth after epochs
 * 150, 180 and 210. Images: zero pad 4, crop, flip.
 *
 * A run writes the teacher's weights beside the student's: the next one with the same teacher takes them from
 * `--weights teacher=runs/NAME/teacher.safetensors` and does not train it again.
 *
 * Source: Tian, Krishnan, Isola 2020, "Contrastive Representation Distillation", section 4, and its released benchmark
 * (RepDistiller), which mdistiller and SAKD follow.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  mobilenet_v2_half,
  type PretrainOptions,
  resnet110,
  resnet20,
  resnet32,
  resnet32x4,
  resnet50_cifar,
  resnet56,
  resnet8x4,
  type Rows,
  shufflenet_v1,
  shufflenet_v2,
  type TrainOptions,
  vgg13,
  vgg8,
  wrn_16_2,
  wrn_40_1,
  wrn_40_2,
} from "../../mod.ts";

/** Who teaches whom. */
export interface Pair {
  /** The larger net, trained first. */
  readonly teacher: Arch;
  /** The smaller one. */
  readonly student: Arch;
}

/** Pairs by the name of their row. */
export type Pairs = Readonly<Record<string, Pair>>;

/** The pair that every recipe begins with. */
export const mainPair: Pair = { teacher: resnet56, student: resnet20 };

/** Pairs of one family: the benchmark's first table. */
export const sameFamily: Pairs = {
  wrn_40_2_wrn_16_2: { teacher: wrn_40_2, student: wrn_16_2 },
  wrn_40_2_wrn_40_1: { teacher: wrn_40_2, student: wrn_40_1 },
  resnet56_resnet20: mainPair,
  resnet110_resnet20: { teacher: resnet110, student: resnet20 },
  resnet110_resnet32: { teacher: resnet110, student: resnet32 },
  resnet32x4_resnet8x4: { teacher: resnet32x4, student: resnet8x4 },
  vgg13_vgg8: { teacher: vgg13, student: vgg8 },
};

/** Pairs of two families: the benchmark's second table. Its MobileNetV2 is half as wide as SAKD's. */
export const otherFamily: Pairs = {
  vgg13_mobilenet_v2_half: { teacher: vgg13, student: mobilenet_v2_half },
  resnet50_mobilenet_v2_half: { teacher: resnet50_cifar, student: mobilenet_v2_half },
  resnet50_vgg8: { teacher: resnet50_cifar, student: vgg8 },
  resnet32x4_shufflenet_v1: { teacher: resnet32x4, student: shufflenet_v1 },
  resnet32x4_shufflenet_v2: { teacher: resnet32x4, student: shufflenet_v2 },
  wrn_40_2_shufflenet_v1: { teacher: wrn_40_2, student: shufflenet_v1 },
};

/** Pairs whose stages have equal channels, as the flow of solution procedure needs. */
export const equalChannels: Pairs = Object.fromEntries(
  Object.entries(sameFamily).filter(([name]) => name !== "wrn_40_2_wrn_40_1"),
);

/** Pairs of both tables. */
export const allPairs: Pairs = { ...sameFamily, ...otherFamily };

/** How teachers are trained, whoever learns from them. */
export const pretraining: PretrainOptions = {
  epochs: 240,
  optimizer: { learningRate: 0.05 },
  schedule: { milestones: [150, 180, 210] },
};

/** How a net is trained: with or without a teacher. */
export function training({ name }: Arch): TrainOptions {
  const learningRate = /^(mobilenet|shufflenet)/.test(name) ? 0.01 : 0.05;
  return {
    epochs: 240,
    batch: 64,
    optimizer: { learningRate, momentum: 0.9, nesterov: false, weightDecay: 5e-4 },
    schedule: { milestones: [150, 180, 210] },
  };
}

/** The sentences of a table, by the name of their row. */
export function rowsOf<T>(
  table: Readonly<Record<string, T>>,
  sentence: (entry: T, name: string) => AnyPipeline,
): Rows {
  return Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, sentence(entry, name)]));
}
