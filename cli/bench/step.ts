/**
 * `bench step`: one training step of a net alone.
 *
 * @module
 */
import type { Arch } from "../../dsl/arch.ts";
import { solo } from "../../dsl/cohort.ts";
import type { Trainable } from "../../runtime/train/train.ts";

/** The sentence that is timed: cross-entropy, SGD with Nesterov momentum. */
export function stepSentence(arch: Arch): Trainable {
  return solo(arch);
}
