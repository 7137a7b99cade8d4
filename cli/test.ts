/**
 * `deno task test [path…]`: every test of the checkout, or those under the given paths.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { CohortError, OptionError } from "../dsl/errors.ts";
import type { CommandContext } from "./command.ts";

/** One line for the list of commands. */
export const about = "Run the tests; the last line is 'N passed, N failed'";

/** What a run of tests came to. */
export interface TestOutcome {
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed, and files that could not be loaded; at least 1 if the run itself failed. */
  readonly failed: number;
  /** Tests that were skipped, each of which says why. */
  readonly skipped: number;
}

/** What the tests need: files, a loopback server for downloads, child processes for the command line. */
const PERMISSIONS = ["read", "write", "env", "sys", "run", "net=127.0.0.1,localhost"].map((name) => `--allow-${name}`);

/** Runs the tests under the paths said, all unless said. */
export async function run(args: readonly string[], { signal }: CommandContext): Promise<number> {
  let code = 0;
  await new Command()
    .name("cohort test")
    .description("Run the tests. COHORT_PARITY=<folder> adds the recorded traces of that folder.")
    .arguments("[paths...:string]")
    .noExit()
    .action(async (_, ...paths) => {
      const outcome = await runTests(paths, { signal, write });
      console.log(closingLine(outcome));
      code = outcome.failed === 0 ? 0 : 1;
    })
    .parse([...args]);
  return code;
}

/** Runs `deno test` with what the tests need, handing its output on as it comes. */
export async function runTests(
  paths: readonly string[],
  options: { readonly signal?: AbortSignal; readonly write?: (text: Uint8Array) => void } = {},
): Promise<TestOutcome> {
  const root = checkout();
  for (const path of paths) await requirePath(path, root);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--quiet", "--parallel", ...PERMISSIONS, ...(paths.length > 0 ? paths : ["tests/"])],
    cwd: root,
    stdout: "piped",
    stderr: "piped",
    env: Deno.stdout.isTerminal() && !Deno.noColor ? { FORCE_COLOR: "1" } : {},
  }).spawn();
  const stop = () => {
    try {
      child.kill("SIGINT");
    } catch {
      // A terminal's Ctrl-C reaches the child by itself, so it may be gone already.
    }
  };
  options.signal?.addEventListener("abort", stop, { once: true });
  const follow = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
    const decoder = new TextDecoder();
    let tail = "";
    for await (const chunk of stream) {
      options.write?.(chunk);
      tail = (tail + decoder.decode(chunk, { stream: true })).slice(-4096);
    }
    return tail;
  };
  const [tail] = await Promise.all([follow(child.stdout), follow(child.stderr)]);
  const { success } = await child.status;
  options.signal?.removeEventListener("abort", stop);
  return outcomeOf(tail, success);
}

/**
 * The counts of the last summary line `deno test` printed, e.g. `ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)`.
 *
 * A run that failed without a failed test, e.g. in the type checker, counts as one failure.
 */
export function outcomeOf(output: string, success: boolean): TestOutcome {
  // deno-lint-ignore no-control-regex -- colour codes start with that character
  const plain = output.replace(/\u001b\[[\d;]*m/g, "");
  const summary = plain.match(/^(?:ok|FAILED) \|.*$/gm)?.at(-1) ?? "";
  const count = (what: string) => Number(summary.match(new RegExp(`(\\d+) ${what}`))?.[1] ?? 0);
  const failed = count("failed");
  return { passed: count("passed"), failed: success ? failed : Math.max(1, failed), skipped: count("ignored") };
}

/** `N passed, N failed`, and how many were skipped if any were. */
export function closingLine({ passed, failed, skipped }: TestOutcome): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/**
 * Folder of the checkout this module belongs to.
 *
 * @throws {CohortError} If this is the published package, which has no tests.
 */
export function checkout(): string {
  const root = new URL("../", import.meta.url);
  if (root.protocol !== "file:") {
    throw new CohortError(
      "Cannot test: the tests are part of the repository, got the published package. Run this in a checkout.",
    );
  }
  return decodeURIComponent(root.pathname);
}

/** Writes all of `text`: a pipe may take a part of it at a time. */
function write(text: Uint8Array): void {
  for (let rest = text; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

async function requirePath(path: string, root: string): Promise<void> {
  if (path.startsWith("-")) throw new OptionError(`Cannot test "${path}": a path is needed, got a flag. Try --help.`);
  try {
    await Deno.stat(path.startsWith("/") ? path : root + path);
  } catch {
    throw new OptionError(`Cannot test "${path}": there is no such file or folder. Try a path such as tests/cli.`);
  }
}
