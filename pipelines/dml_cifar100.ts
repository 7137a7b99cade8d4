/**
 * Deep mutual learning on CIFAR-100: two ResNet-32 that imitate each other.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/dml_cifar100.ts
 * ```
 *
 * 200 epochs with batch 64; SGD with Nesterov momentum 0.9, the rate of 0.1 falls to a tenth every 60 epochs; T = 1.
 * Images: reflect pad 4, crop, flip.
 *
 * Deviations: the paper's algorithm 1 updates one net after the other from fresh forwards, which
 * `mutual({ order: "sequential" })` does; here both update from one forward, as re-implementations do. The weight decay
 * of 1e-4 is theirs too.
 *
 * Source: Zhang, Xiang, Hospedales, Lu 2018, "Deep Mutual Learning", section 3.1.
 *
 * @module
 */

import { type AnyPipeline, cifar100, cohort, run } from "../mod.ts";

const pipeline: AnyPipeline = cohort("resnet32×2").mutual()
  .on(cifar100())
  .train({ epochs: 200, batch: 64, schedule: { milestones: [60, 120, 180] } });

export default pipeline;

if (import.meta.main) await run(pipeline);
