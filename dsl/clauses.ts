/**
 * The clauses a sentence is made of: their verbs, in lowering order, and their options.
 *
 * @module
 */

import { didYouMean, OptionError } from "./errors.ts";
import { frozenOptions } from "./json.ts";
import type { Clause } from "./spec.ts";
import { diversifyOptions } from "./verbs/diversify.ts";
import { ensembleOptions } from "./verbs/ensemble.ts";
import { fuseOptions } from "./verbs/fuse.ts";
import { leaderOptions } from "./verbs/leader.ts";
import { mutualOptions } from "./verbs/mutual.ts";
import { pretrainOptions } from "./verbs/pretrain.ts";
import { selfDistillOptions } from "./verbs/self_distill.ts";
import { switchOptions } from "./verbs/switch.ts";

/** Verbs in the order in which they are lowered: first what peers do, then fusion, leader and self-distillation. */
export const verbOrder = [
  "branches",
  "pretrain",
  "mutual",
  "ensemble",
  "use",
  "diversify",
  "fuse",
  "leader",
  "selfDistill",
  "loss",
  "switch",
] as const;
/** A verb that has a clause. */
export type Verb = typeof verbOrder[number];

/** Fills in a verb's options, and what options it has beside those that are filled in; `undefined` for any. */
const options = {
  branches: [same, undefined],
  pretrain: [pretrainOptions, []],
  mutual: [mutualOptions, []],
  ensemble: [ensembleOptions, []],
  use: [same, undefined],
  diversify: [diversifyOptions, []],
  fuse: [fuseOptions, ["at"]],
  leader: [leaderOptions, []],
  selfDistill: [selfDistillOptions, []],
  loss: [same, undefined],
  switch: [switchOptions, ["pauses"]],
} satisfies Record<Verb, readonly [fill: (said: never) => object, more: readonly string[] | undefined]>;

/**
 * The options of a clause with every default filled in.
 *
 * @throws {OptionError} If an option is unknown or outside its range.
 */
export function filledOptions(verb: Verb, said: Clause["options"]): Clause["options"] {
  const [fill, more] = options[verb];
  if (more !== undefined) {
    const known = [...Object.keys(fill({})), ...more];
    const stranger = Object.keys(said).find((name) => !known.includes(name));
    if (stranger !== undefined) {
      throw new OptionError(`Cannot say ${verb}(): it has no option "${stranger}".${didYouMean(stranger, known)}`);
    }
  }
  return frozenOptions(fill(said as never), `${verb}()`);
}

function same(said: object): object {
  return said;
}
