/**
 * The command line `cohort`: one module a command, loaded when it is asked for.
 *
 * `deno task X` is this module with the word `X`; `deno task cohort X …` reaches every command.
 *
 * @module
 */
import { ValidationError } from "@cliffy/command";
import { CohortError, didYouMean } from "../dsl/errors.ts";
import type { CommandModule } from "./command.ts";
import { UsageError } from "./command.ts";

/** Ways to load the module of each command, by the command's name. */
export type CommandTable = Readonly<Record<string, () => Promise<CommandModule>>>;

/** Every command of `cohort`. */
export const commands: CommandTable = {
  demo: () => import("./demo.ts"),
  train: () => import("./train.ts"),
  compare: () => import("./compare.ts"),
  explain: () => import("./explain.ts"),
  summary: () => import("./summary.ts"),
  "check-nets": () => import("./check_nets.ts"),
  "check-recipes": () => import("./check_recipes.ts"),
  parity: () => import("./parity.ts"),
  bench: () => import("./bench.ts"),
  test: () => import("./test.ts"),
  ok: () => import("./ok.ts"),
};

/** Exit status of a run stopped by Ctrl-C, as shells have it: 128 + SIGINT. */
const INTERRUPTED = 130;

/**
 * Runs the command named by the first word and resolves to the exit status: 0 done, 1 failed, 2 wrong usage, 130
 * stopped by `signal`. A {@linkcode CohortError} is told, and is a failure, even then.
 *
 * A word `--turbo` before the command says that the process runs under V8's unsafe flags, as in the tasks `…:turbo`.
 */
export async function main(
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
  table: CommandTable = commands,
): Promise<number> {
  try {
    const turbo = args[0] === "--turbo";
    const [name, ...rest] = turbo ? args.slice(1) : args;
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      console.log(await usage(table));
      return 0;
    }
    const load = Object.hasOwn(table, name) ? table[name] : undefined;
    if (load === undefined) {
      throw new UsageError(
        `Cannot run "${name}": there is no such command.${didYouMean(name, Object.keys(table))} Try --help.`,
      );
    }
    const { run } = await load();
    const code = await run(rest, turbo ? { signal, turbo } : { signal });
    return signal.aborted ? INTERRUPTED : code;
  } catch (error) {
    // What was stopped may give up as it likes, but a save that failed after Ctrl-C has to be told.
    return signal.aborted && !(error instanceof CohortError) ? INTERRUPTED : report(error);
  }
}

/** The list of commands, as `--help` prints it. */
export async function usage(table: CommandTable = commands): Promise<string> {
  const names = Object.keys(table);
  const width = Math.max(...names.map((name) => name.length));
  const modules = await Promise.all(Object.values(table).map((load) => load()));
  return [
    "Usage: cohort <command> [options]",
    "",
    "Online knowledge distillation from one sentence.",
    "",
    "Commands:",
    ...names.map((name, i) => `  ${name.padEnd(width)}  ${modules[i]!.about}`),
    "",
    "cohort <command> --help tells what a command takes.",
  ].join("\n");
}

/** Prints a mistake of the user as its sentence, anything else with its stack; resolves to the exit status. */
function report(error: unknown): number {
  if (error instanceof ValidationError || error instanceof UsageError) {
    console.error(error.message);
    return 2;
  }
  if (error instanceof CohortError) {
    console.error(error.message);
    return 1;
  }
  console.error(error);
  console.error("\nThis is a mistake of cohort itself. Please report it with the lines above and the command you ran.");
  return 1;
}

/** Aborts at the first Ctrl-C; the second ends the process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    if (controller.signal.aborted) Deno.exit(INTERRUPTED);
    console.error("\nStopping; press Ctrl-C again to stop at once.");
    controller.abort(new DOMException("Stopped by Ctrl-C", "AbortError"));
  });
  return controller.signal;
}

if (import.meta.main) Deno.exit(await main(Deno.args, interruption()));
