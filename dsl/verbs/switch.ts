/**
 * `switch()`: pauses a teacher in batches where it has run away from its students (SwitOKD).
 *
 * The verb is checked and recorded; its rule is not part of this version, so lowering it is refused.
 *
 * @module
 */

import { SentenceError } from "../errors.ts";
import { requireOneOf } from "./options.ts";

/** Options of `switch()`. */
export interface SwitchOptions {
  /** Adds the slips of the released scripts, which compute one pair's ε from another pair's distances; no. */
  readonly asReleased?: boolean;
}

/** What `switch()` means when nothing more is said: pause if G > δ and the teacher is the better one. */
export const switchDefaults: Required<SwitchOptions> = Object.freeze({ asReleased: false });

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range.
 */
export function switchOptions(options: SwitchOptions = {}): Required<SwitchOptions> {
  const settings = { ...switchDefaults, ...options };
  requireOneOf("switch()", "asReleased", settings.asReleased, [true, false]);
  return settings;
}

/** Refuses. @throws {SentenceError} Always: the rule is not part of this version. */
export function lowerSwitch(): never {
  throw new SentenceError(
    "Cannot lower switch(): its rule is not part of this version. Leave it out to train both nets in every batch.",
  );
}
