/**
 * `bench dml`: one training step of deep mutual learning.
 *
 * @module
 */
import type { Arch } from "../../dsl/arch.ts";
import { cohort } from "../../dsl/cohort.ts";
import type { Trainable } from "../../runtime/train/train.ts";

/** The sentence that is timed: students that imitate each other. */
export function dmlSentence(arch: Arch, students = 2): Trainable {
  return cohort(arch, students).mutual();
}
