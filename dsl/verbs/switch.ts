/**
 * `switch()`: pauses a teacher in batches where it has run away from its students (SwitOKD).
 *
 * The verb is checked and recorded; its rule is not part of this version, so lowering it is refused.
 *
 * @module
 */

import { SentenceError } from "../errors.ts";

/** Options of `switch()`. */
export interface SwitchOptions {
  /** Adds the slips of the released scripts, which compute one pair's ε from another pair's distances; no. */
  readonly asReleased?: boolean;
}

/** What `switch()` means when nothing more is said: pause if G > δ and the teacher is the better one. */
export const switchDefaults: Required<SwitchOptions> = Object.freeze({ asReleased: false });

/** Refuses. @throws {SentenceError} Always: the rule is not part of this version. */
export function lowerSwitch(): never {
  throw new SentenceError(
    "Cannot lower switch(): its rule is not part of this version. Leave it out to train both nets in every batch.",
  );
}
