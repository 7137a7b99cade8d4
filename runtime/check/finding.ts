/**
 * What the check of a method tells.
 *
 * @module
 */

/** A rule that every method keeps, in the order in which they are looked at. */
export type MethodRule =
  | "data"
  | "pure"
  | "spec"
  | "explain"
  | "compiles"
  | "gradient"
  | "moves"
  | "rests"
  | "finite"
  | "short batch"
  | "wasm"
  | "threads"
  | "evaluation";

/** How a method did by one rule. */
export interface MethodFinding {
  /** The rule. */
  readonly rule: MethodRule;
  /** Whether it is kept. */
  readonly ok: boolean;
  /** What was looked at, or what is wrong, with names and numbers. */
  readonly detail: string;
}

/** A finding from what is wrong; kept where that is nothing. */
export function finding(rule: MethodRule, wrong: readonly string[], kept: string): MethodFinding {
  return Object.freeze({ rule, ok: wrong.length === 0, detail: wrong.length === 0 ? kept : shortened(wrong) });
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const MOST = 5;

function shortened(wrong: readonly string[]): string {
  const rest = wrong.length - MOST;
  return [...wrong.slice(0, MOST), ...(rest > 0 ? [`and ${rest} more`] : [])].join("; ");
}
