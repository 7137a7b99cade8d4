/**
 * FFSD on the embedded handwritten digits: two common students and a leader, all ResNet-8. The sentence of the demo.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ffsd_digits.ts
 * ```
 *
 * The method is the paper's (see `ffsd_cifar100.ts`), and so are optimizer and schedule. Ours: batch 32, so that 1438
 * images make 45 steps an epoch, and 24 epochs. Both were chosen by the training loss of the leader and the time it
 * takes (batch 64 and a rate of 0.05 were no better, 20 epochs end at a higher loss, 30 take longer), not by the
 * held-out digits. Images of 8×8 are moved by up to one pixel, and never mirrored.
 *
 * Source: Li et al. 2022 (FFSD), section IV; Alpaydin and Kaynak 1998 for the images.
 *
 * @module
 */

import { type AnyPipeline, cohort, digits, run } from "../mod.ts";

const pipeline: AnyPipeline = cohort("resnet8×3").leader().fuse().selfDistill()
  .on(digits())
  .train({ epochs: 24, batch: 32 });

export default pipeline;

if (import.meta.main) await run(pipeline);
