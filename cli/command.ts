/**
 * What a command of `cohort` is: a module in this folder with the members of {@linkcode CommandModule}.
 *
 * A command parses its own words with `Command` of `@cliffy/command`, always with `noExit()`, so that the entry point
 * alone decides how mistakes are shown and with which status the process ends.
 *
 * @module
 */
import { CohortError } from "../dsl/errors.ts";

/** What the entry point hands to a command. */
export interface CommandContext {
  /** Aborted by the first Ctrl-C; the command cleans up and returns, and the process ends with status 130. */
  readonly signal: AbortSignal;
  /** Whether the process runs under V8's two unsafe flags, so that kernels made for them pay: the tasks `…:turbo`. */
  readonly turbo?: boolean;
}

/** A module that is one command of the command line. */
export interface CommandModule {
  /** One line for the list of commands, a verb first and no full stop. */
  readonly about: string;
  /**
   * Runs the command on the words after its name and resolves to the exit status.
   *
   * @throws {CohortError} For a mistake of the user: its message alone is printed, status 1.
   */
  run(args: readonly string[], context: CommandContext): Promise<number>;
}

/** Thrown when the words of a command line do not fit the command; the process ends with status 2. */
export class UsageError extends CohortError {
  /** Class name, kept under minification. */
  override readonly name: string = "UsageError";
}
