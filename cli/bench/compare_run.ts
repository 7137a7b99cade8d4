/**
 * The programs that time the two sides of a comparison, as child processes.
 *
 * @module
 */
import { CohortError } from "../../dsl/errors.ts";
import { type Cell, parseTiming, type Side, type Timing } from "./compare_results.ts";

/** How the programs run. */
export interface RunOptions {
  /** Program that runs the PyTorch scripts. */
  readonly python: string;
  /** Timed steps of each program. */
  readonly steps: number;
  /** Ends the programs when aborted. */
  readonly signal?: AbortSignal;
}

/** Python that is used unless said: where Debian's PyTorch is, whatever else is on the path. */
export const SYSTEM_PYTHON = "/usr/bin/python3";

/** V8's flags that remove bounds checks and make one vector of 256 bits of two; the tasks `…:turbo` have them too. */
const TURBO = "--v8-flags=--no-wasm-bounds-checks,--experimental-wasm-revectorize";

const INSTALL = "Install it, on Debian with apt-get install python3-torch, or name another Python with --python.";

/**
 * Resolves to the version of PyTorch that a Python has.
 *
 * @throws {CohortError} If there is no such Python, or it has no PyTorch.
 */
export async function requirePytorch(python: string): Promise<string> {
  const refuse = (got: string) =>
    new CohortError(`Cannot compare: PyTorch has to be installed for ${python}, got ${got}. ${INSTALL}`);
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(python, { args: ["-c", "import torch; print(torch.__version__)"] }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw refuse("no such program");
    throw error;
  }
  if (!output.success) throw refuse(lastLine(output.stderr) || `status ${output.code}`);
  return lastLine(output.stdout);
}

/** Program and words that time one side of a cell and its peak memory, to be run from the root of the checkout. */
export function timingCommand(side: Side, cell: Cell, { python, steps }: RunOptions): readonly string[] {
  const { work, net, batch, threads } = cell;
  const flags = Object.entries({ net, batch, threads, steps })
    .flatMap(([name, value]) => [`--${name}`, String(value)]);
  // -B: the checkout stays without compiled Python.
  if (side === "nchw" || side === "nhwc") {
    const script = `bench/pytorch/${work === "ffsd" ? "ffsd_step" : "step"}.py`;
    return [python, "-B", script, ...flags, "--layout", side, "--memory"];
  }
  return [python, "-B", "bench/pytorch/peak.py", ...benchCommand([work, ...flags], side === "turbo")];
}

/** Program and words of a bench of this project in a process of its own. */
export function benchCommand(words: readonly string[], turbo = false): readonly string[] {
  const deno = [Deno.execPath(), "run", "--quiet", "--allow-read", ...(turbo ? [TURBO] : [])];
  return [...deno, "cli/main.ts", "bench", ...words, ...(turbo ? ["--turbo"] : []), "--json"];
}

/**
 * Times one side of a cell in a process of its own.
 *
 * @throws {CohortError} If the program fails, with the last line it wrote.
 */
export async function time(side: Side, cell: Cell, options: RunOptions): Promise<Timing> {
  const name = { cohort: "cohort", turbo: "cohort turbo", nchw: "PyTorch NCHW", nhwc: "PyTorch NHWC" }[side];
  const what = `Cannot compare: ${name} has to time ${cell.work} ${cell.net}, threads ${cell.threads}`;
  return parseTiming(await outputOf(timingCommand(side, cell, options), what, options.signal), cell);
}

/**
 * What a program prints, run from the root of the checkout.
 *
 * @param what What cannot be done if it fails, and what it has to do: the beginning of the error.
 * @throws {CohortError} If the program fails, with the last line it wrote.
 */
export async function outputOf(command: readonly string[], what: string, signal?: AbortSignal): Promise<string> {
  const [program = "", ...args] = command;
  const { success, code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: checkout(),
    ...(signal === undefined ? {} : { signal }),
  }).output();
  signal?.throwIfAborted();
  if (!success) throw new CohortError(`${what}, got status ${code}. It said: ${lastLine(stderr)}`);
  return new TextDecoder().decode(stdout);
}

function checkout(): string {
  const root = new URL("../../", import.meta.url);
  if (root.protocol !== "file:") {
    throw new CohortError(
      "Cannot compare: the PyTorch scripts are part of the repository, got the published package. " +
        "Run this in a checkout.",
    );
  }
  return decodeURIComponent(root.pathname);
}

function lastLine(output: Uint8Array): string {
  return new TextDecoder().decode(output).trimEnd().split("\n").at(-1) ?? "";
}
