/**
 * `deno task ok`: the one gate. Runs every check, stops at none, and tells at the end which failed.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import type { CommandContext } from "./command.ts";
import { checkout, closingLine, outcomeOf } from "./test.ts";
import { duration } from "./ui/format.ts";

/** One line for the list of commands. */
export const about = "Run the one gate: fmt, lint, check, docs, tests, goldens, publish dry run";

/** A check of the gate: a program that has to end with status 0. */
export interface Gate {
  /** Word shown for it. */
  readonly name: string;
  /** Program and its words. */
  readonly command: readonly string[];
  /** A reason not to run the check here, e.g. a program that is not installed. */
  readonly skip?: () => Promise<string | undefined>;
  /** What its output came to, in a few words. */
  readonly remark?: (output: string, success: boolean) => string;
}

/** What a check came to. */
export interface GateResult {
  /** Word shown for it. */
  readonly name: string;
  /** Outcome. */
  readonly state: "ok" | "FAILED" | "skipped";
  /** Wall-clock time in seconds. */
  readonly seconds: number;
  /** A few words after the time. */
  readonly remark: string;
  /** What the program printed. */
  readonly output: string;
}

/** Rooms whose doc examples run. */
const ROOMS = ["mod.ts", "dsl", "runtime", "methods", "datasets", "pipelines", "cli"];

/** Every check, in the order they run: quick ones first. */
export function gates(): readonly Gate[] {
  const deno = (name: string, ...words: string[]): Gate => ({ name, command: [Deno.execPath(), ...words] });
  return [
    deno("fmt", "fmt", "--check"),
    deno("lint", "lint"),
    deno("check", "check", "."),
    deno("readme", "check", "--doc-only", "README.md", "CONTRIBUTING.md"),
    deno("examples", "test", "--doc", "--quiet", "--allow-read", "--allow-env", ...ROOMS),
    {
      ...deno("tests", "run", "--allow-read", "--allow-run", "cli/main.ts", "test"),
      remark: (output, success) => closingLine(outcomeOf(output, success)),
    },
    {
      name: "goldens",
      command: ["git", "diff", "--exit-code", "--stat", "--", "tests/golden"],
      skip: withoutGit,
    },
    deno("publish", "publish", "--dry-run", "--allow-dirty"),
  ];
}

/** Runs every gate; status 0 if none failed. */
export async function run(args: readonly string[], { signal }: CommandContext): Promise<number> {
  let code = 0;
  await new Command()
    .name("cohort ok")
    .description("Run the one gate: every check, with one line each and the output of those that fail.")
    .noExit()
    .action(async () => {
      const results: GateResult[] = [];
      for (const gate of gates()) {
        if (signal.aborted) break;
        const result = await runGate(gate, checkout(), signal);
        console.log(gateLine(result));
        results.push(result);
      }
      console.log(report(results));
      code = results.some(({ state }) => state === "FAILED") ? 1 : 0;
    })
    .parse([...args]);
  return code;
}

/** Runs one check in a folder, keeping what it prints. */
export async function runGate(gate: Gate, cwd: string, signal?: AbortSignal): Promise<GateResult> {
  const { name, command: [program = "", ...args], skip, remark } = gate;
  const reason = await skip?.();
  if (reason !== undefined) return { name, state: "skipped", seconds: 0, remark: reason, output: "" };
  const started = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    stdout: "piped",
    stderr: "piped",
    ...(signal === undefined ? {} : { signal }),
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const seconds = (performance.now() - started) / 1000;
  return { name, state: success ? "ok" : "FAILED", seconds, remark: remark?.(output, success) ?? "", output };
}

/** Outcome, name, time and remark of a check on one line. */
export function gateLine({ name, state, seconds, remark }: GateResult): string {
  const time = state === "skipped" ? "" : duration(seconds);
  return `${state.padEnd(7)}  ${name.padEnd(8)}  ${time.padStart(10)}  ${remark}`.trimEnd();
}

/** The output of each failed check, then `N passed, N failed`. */
export function report(results: readonly GateResult[]): string {
  const of = (state: GateResult["state"]) => results.filter((result) => result.state === state);
  const failures = of("FAILED").map(({ name, output }) => `\n── ${name} ──\n${telling(output)}\n`);
  return [
    ...failures,
    closingLine({ passed: of("ok").length, failed: failures.length, skipped: of("skipped").length }),
  ].join("\n");
}

/** Output without the lines about tests that passed and files that were checked. */
function telling(output: string): string {
  // deno-lint-ignore no-control-regex -- colour codes start with that character
  const plain = (line: string) => line.replace(/\u001b\[[\d;]*m/g, "");
  return output.trimEnd().split("\n").filter((line) => !/^Check |\.\.\. ok \(/.test(plain(line))).join("\n");
}

async function withoutGit(): Promise<string | undefined> {
  try {
    const inside = await new Deno.Command("git", {
      args: ["rev-parse", "--is-inside-work-tree"],
      cwd: checkout(),
      stdout: "null",
      stderr: "null",
    }).output();
    return inside.success ? undefined : "this folder is not a git checkout";
  } catch {
    return "git is not installed";
  }
}
