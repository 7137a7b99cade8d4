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
  /** Measure the peak memory of the processes too. */
  readonly memory: boolean;
  /** Give our side the two V8 flags that remove bounds checks and pair vectors. */
  readonly turbo: boolean;
  /** Ends the programs when aborted. */
  readonly signal?: AbortSignal;
}

/** Python that is used unless said: where Debian's PyTorch is, whatever else is on the path. */
export const SYSTEM_PYTHON = "/usr/bin/python3";

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

/** Program and words that time one side of a cell, to be run from the root of the checkout. */
export function timingCommand(side: Side, cell: Cell, options: RunOptions): readonly [string, ...string[]] {
  const { python, steps, memory, turbo } = options;
  const flags = Object.entries({ net: cell.net, batch: cell.batch, threads: cell.threads, steps })
    .flatMap(([name, value]) => [`--${name}`, String(value)]);
  // -B: the checkout stays without compiled Python.
  if (side !== "cohort") {
    const script = `bench/pytorch/${cell.work === "ffsd" ? "ffsd_step" : "step"}.py`;
    return [python, "-B", script, ...flags, "--layout", side, ...(memory ? ["--memory"] : [])];
  }
  const deno = [Deno.execPath(), "run", "--quiet", "--allow-read", ...(turbo ? [TURBO] : [])];
  const words = [...deno, "cli/main.ts", "bench", cell.work, ...flags, "--json"];
  return memory ? [python, "-B", "bench/pytorch/peak.py", ...words] : words as [string, ...string[]];
}

/**
 * Times one side of a cell in a process of its own.
 *
 * @throws {CohortError} If the program fails, with the last line it wrote.
 */
export async function time(side: Side, cell: Cell, options: RunOptions): Promise<Timing> {
  const [program, ...args] = timingCommand(side, cell, options);
  const { success, code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: checkout(),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).output();
  options.signal?.throwIfAborted();
  if (!success) {
    const name = side === "cohort" ? "cohort" : `PyTorch ${side.toUpperCase()}`;
    throw new CohortError(
      `Cannot compare: ${name} has to time ${cell.work} ${cell.net}, threads ${cell.threads}, got status ${code}. ` +
        `It said: ${lastLine(stderr)}`,
    );
  }
  return parseTiming(new TextDecoder().decode(stdout), cell);
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
