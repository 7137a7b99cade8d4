/**
 * PyTorch's side of `bench loader`, and files to load where none are given.
 *
 * @module
 */
import { CohortError } from "../../dsl/errors.ts";
import { type LoaderTimes, type LoaderWork, timed } from "./loader_measure.ts";

const INSTALL = "Install PyTorch and PIL, on Debian with apt-get install python3-torch python3-pil, or name another " +
  "Python with --python.";

/** A temporary folder of JPEG files; it is removed when it is disposed of. */
export interface MadeFiles extends AsyncDisposable {
  readonly folder: string;
}

/**
 * Lets Python make a temporary folder of JPEG files.
 *
 * @throws {CohortError} If that Python cannot.
 */
export async function makeFiles(python: string, count: number, height: number, width: number): Promise<MadeFiles> {
  const child = spawn(python, ["--make", `${count}`, "--height", `${height}`, "--width", `${width}`]);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  const end = async (): Promise<void> => {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  };
  if (value === undefined) {
    const { code } = await child.status;
    throw new CohortError(`Cannot bench the loader: ${python} has to make JPEG files, got status ${code}. ${INSTALL}`);
  }
  return { folder: value.trim(), [Symbol.asyncDispose]: end };
}

/**
 * Times PyTorch's DataLoader on the same files with the same transforms.
 *
 * @throws {CohortError} If that Python lacks PyTorch or PIL, or prints something else than its times.
 */
export async function timePytorch(python: string, work: LoaderWork): Promise<LoaderTimes> {
  const { transforms, batch, workers } = work;
  const args = ["--list", "-", "--transforms", transforms, "--batch", `${batch}`, "--workers", `${workers}`];
  const child = spawn(python, [...args, "--rounds", "1"]);
  const writer = child.stdin.getWriter();
  const answer = new Response(child.stdout).text();
  await writer.write(new TextEncoder().encode(work.paths.map((path) => `${path}\n`).join(""))).catch(() => {});
  await writer.close().catch(() => {});
  const [text, { code }] = [await answer, await child.status];
  const found = parse(text.trimEnd().split("\n").at(-1) ?? "");
  if (code === 0 && found !== undefined) return found;
  throw new CohortError(
    `Cannot bench the loader: ${python} has to time PyTorch's, got status ${code}. ${INSTALL}`,
  );
}

/** The times on a line of JSON, or `undefined` if it holds none. */
export function parse(line: string): LoaderTimes | undefined {
  try {
    const found = JSON.parse(line);
    return timed.every((name) => Number.isFinite(found[name])) && typeof found.engine === "string" ? found : undefined;
  } catch {
    return undefined;
  }
}

function spawn(python: string, args: readonly string[]): Deno.ChildProcess {
  const script = new URL("../../bench/pytorch/loader.py", import.meta.url);
  if (script.protocol !== "file:") {
    throw new CohortError(
      "Cannot bench the loader: PyTorch's side is part of the repository, got the published package. " +
        "Run this in a checkout.",
    );
  }
  try {
    return new Deno.Command(python, {
      // -B: the checkout stays without compiled Python.
      args: ["-B", decodeURIComponent(script.pathname), ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CohortError(`Cannot bench the loader: Python has to be there, got no program ${python}. ${INSTALL}`);
  }
}
