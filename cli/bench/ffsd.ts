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
 * The sentence that is timed: common students, a leader, the fusion module with its decoder and self-distillation
 * modules. With two students these are six optimizers.
 */
export function ffsdSentence(arch: Arch, students = 2): Trainable {
  return cohort(arch, students + 1).leader().use(ffsd());
}
