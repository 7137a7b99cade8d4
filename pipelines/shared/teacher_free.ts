/**
 * How nets without a teacher are trained in the recipes of teacher-free distillation and of label smoothing.
 *
 * 200 epochs; SGD with momentum 0.9 (no Nesterov) and weight decay 5e-4; a rate of 0.1 for a batch of 128 images, which
 * falls to a fifth after epochs 60, 120 and 160, after an epoch of warm-up. Images: zero pad 4, crop, flip.
 *
 * Deviation: the released code turns training images by up to 15 degrees beside, which no transform here does.
 *
 * Source: released code of Yuan, Tay, Li, Wang, Feng 2020.
 *
 * @module
 */

import type { TrainOptions } from "../../mod.ts";

/** Settings for a batch of that many images. */
export function teacherFree(batch: number): TrainOptions {
  return {
    epochs: 200,
    batch,
    optimizer: { learningRate: 0.1 * batch / 128, momentum: 0.9, nesterov: false, weightDecay: 5e-4 },
    schedule: { milestones: [60, 120, 160], gamma: 0.2, warmup: 1 },
  };
}
