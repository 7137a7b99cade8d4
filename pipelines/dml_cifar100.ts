/**
 * Deep mutual learning on CIFAR-100: two ResNet-32 that imitate each other.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/dml_cifar100.ts
 * deno run --allow-read --allow-write=runs pipelines/dml_cifar100.ts --row resnet32_leader
 * ```
 *
 * 200 epochs with batch 64; SGD with Nesterov momentum 0.9, the rate of 0.1 falls to a tenth every 60 epochs; T = 1.
 * Images: reflect pad 4, crop, flip.
 *
 * Rows: `sequential` updates one net after the other from fresh forwards, the paper's algorithm 1; the main row updates
 * both from one forward, as re-implementations do. `kd_zoo` is Knowledge-Distillation-Zoo's (batch 128), `okddip` that of
 * the OKDDip repository (T = 3, live targets that are the mean of the others, 80 epochs of ramp-up). `ffsd_…` are the
 * rows DML of FFSD's Table I (T = 2, FFSD's 299 epochs; 73.64 % and 74.63 % there), `…_leader` those of DML with its
 * leader, who imitates the mean of the students (74.02 % and 75.15 % there).
 *
 * Deviations: the weight decay of 1e-4 of the main row and of `sequential` is that of re-implementations. Whether FFSD's
 * table trained DML's leader with a fusion module is not said; here it is without.
 *
 * Source: Zhang, Xiang, Hospedales, Lu 2018, "Deep Mutual Learning", section 3.1; Li et al. 2022 (FFSD), Table I and ablations.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  cifar100,
  cohort,
  published,
  resnet32,
  type Rows,
  run,
  type TrainOptions,
  type Weight,
  wrn_16_2_ffsd,
} from "../mod.ts";

const paper: TrainOptions = { epochs: 200, batch: 64, schedule: { milestones: [60, 120, 180] } };
const table: TrainOptions = { epochs: 299, batch: 128, schedule: { milestones: [150, 225] } };

// ONE's ramp-up, which the OKDDip repository uses for every method.
const rampUp: Weight = { ramp: "sigmoid", to: 1, epochs: 80, from: 0 };

const pipeline: AnyPipeline = cohort("resnet32×2").mutual().on(cifar100()).train(paper);

export default pipeline;

/** Orders of update, re-implementations, and the rows of FFSD's tables. */
export const rows: Rows = {
  resnet32: pipeline,
  resnet32_sequential: cohort("resnet32×2").mutual({ order: "sequential" }).on(cifar100()).train(paper),
  resnet32_kd_zoo: cohort("resnet32×2").mutual()
    .on(cifar100(published.kdZoo.cifar100))
    .train({ ...paper, batch: 128 }),
  resnet32_okddip: cohort("resnet32×2")
    .mutual({ temperature: 3, target: "mean", live: true, epsilon: 1e-7, weight: rampUp })
    .on(cifar100(published.okddip.cifar100))
    .train({ epochs: 300, batch: 128, optimizer: { weightDecay: 5e-4 }, schedule: { milestones: [150, 225] } }),
  ffsd_resnet32: compared(resnet32),
  ffsd_wrn_16_2: compared(wrn_16_2_ffsd),
  resnet32_leader: withLeader(resnet32),
  wrn_16_2_leader: withLeader(wrn_16_2_ffsd),
};

function compared(net: Arch): AnyPipeline {
  return cohort(net, 2).mutual({ temperature: 2 }).on(cifar100()).train(table);
}

function withLeader(net: Arch): AnyPipeline {
  return cohort(net, 3).leader().mutual({ temperature: 2 }).on(cifar100()).train(table);
}

if (import.meta.main) await run(pipeline, { rows });
