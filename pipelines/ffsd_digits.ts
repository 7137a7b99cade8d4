/**
 * FFSD on the embedded handwritten digits: two common students and a leader, all ResNet-8. The sentence of the demo.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/ffsd_digits.ts
 * ```
 *
 * The method is the paper's (see `ffsd_cifar100.ts`), and so are optimizer and schedule. Ours: batch 32, so that 1438
 * images make 45 steps an epoch, and 20 epochs. Images of 8×8 are moved by up to one pixel, and never mirrored.
 *
 * Source: Li et al. 2022 (FFSD), section IV; Alpaydin and Kaynak 1998 for the images.
 *
 * @module
 */

import { type AnyPipeline, cohort, digits, run } from "../mod.ts";

const pipeline: AnyPipeline = cohort("resnet8×3").leader().fuse().selfDistill()
  .on(digits())
  .train({ epochs: 20, batch: 32 });

export default pipeline;

if (import.meta.main) await run(pipeline);
