/**
 * The error classes of the project: one class per kind of mistake, all below {@linkcode CohortError}.
 *
 * Every message reads `Cannot <do>: <rule>, got <value>. <next step>`.
 *
 * @module
 */

/** Base class of every mistake this project reports; a user's mistake is shown by its message alone. */
export class CohortError extends Error {
  /** Class name, kept under minification. */
  override readonly name: string = "CohortError";
}

/** Thrown when a sentence says a verb at a place where it has no meaning. */
export class SentenceError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "SentenceError";
}

/** Thrown when a verb or method needs a role (leader, teacher, …) that the sentence does not have. */
export class MissingRoleError extends SentenceError {
  /** Class name, kept under minification. */
  override readonly name: string = "MissingRoleError";
}

/** Thrown when a name (net, spot, method, dataset, flag) is not known; the message suggests the closest one. */
export class UnknownNameError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "UnknownNameError";
}

/** Thrown when a tap names a spot its architecture lacks. */
export class UnknownSpotError extends UnknownNameError {
  /** Class name, kept under minification. */
  override readonly name: string = "UnknownSpotError";
}

/** Thrown when two class counts that have to be equal are not. */
export class ClassCountError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "ClassCountError";
}

/** Thrown when a tensor has another shape than its place asks for. */
export class ShapeError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "ShapeError";
}

/** Thrown when a compiled phase breaks one of its own rules (see `runtime/compile/verify.ts`). */
export class VerificationError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "VerificationError";
}

/** Thrown when a backend was asked for that this machine cannot offer. */
export class BackendError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "BackendError";
}

/** Thrown when a file or archive of a dataset is missing, truncated or of another format. */
export class DatasetError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "DatasetError";
}

/** Thrown when a checkpoint or weight file does not fit the run that reads it. */
export class CheckpointError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "CheckpointError";
}

/** Thrown when a loss is not a number; names member, term, epoch and step. */
export class DivergenceError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "DivergenceError";
}

/** Thrown when an option or flag is outside its range. */
export class OptionError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "OptionError";
}

/**
 * Sentence fragment that suggests the known name closest to `name`, or lists the known ones. Names that go on after `name`
 * are closest, if they are few: `resnet18` is short for two.
 *
 * @example
 * ```ts
 * import { didYouMean } from "./errors.ts";
 * didYouMean("layr3", ["layer1", "layer3"]); // ' Did you mean "layer3"?'
 * ```
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const longer = known.filter((candidate) => candidate.startsWith(`${name}_`));
  if (longer.length > 0 && longer.length <= 3) return ` Did you mean ${longer.map((one) => `"${one}"`).join(" or ")}?`;
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best !== undefined && least <= Math.max(2, Math.ceil(name.length / 3))
    ? ` Did you mean "${best}"?`
    : ` Known: ${known.join(", ")}.`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
