/**
 * `bench ffsd`: one training step of FFSD.
 *
 * @module
 */
import type { Arch } from "../../dsl/arch.ts";
import { cohort } from "../../dsl/cohort.ts";
import { ffsd } from "../../methods/ffsd.ts";
import type { Trainable } from "../../runtime/train/train.ts";

/**
 * The sentence that is timed: two common students, a leader, the fusion module with its decoder and two
 * self-distillation modules, updated by six optimizers.
 */
export function ffsdSentence(arch: Arch): Trainable {
  return cohort(arch, 3).leader().use(ffsd());
}
