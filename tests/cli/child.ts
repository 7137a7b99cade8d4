/** A program of the checkout that ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** A fresh folder that is gone afterwards. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cohort_cli_" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Runs a module of the checkout from `folder` with the permissions a user gives: reading, and writing `runs` there.
 * `interrupt` sends Ctrl-C once the output holds that text.
 */
export async function program(
  folder: string,
  module: string,
  args: readonly string[],
  interrupt?: string,
): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--config", `${ROOT}deno.json`, "--allow-read", "--allow-write=runs"],
      ROOT + module,
      ...args,
    ],
    cwd: folder,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let out = "";
  const read = async (): Promise<void> => {
    let sent = interrupt === undefined;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      out += chunk;
      if (sent || !out.includes(interrupt!)) continue;
      child.kill("SIGINT");
      sent = true;
    }
  };
  const [err] = await Promise.all([new Response(child.stderr).text(), read()]);
  return { code: (await child.status).code, out, err: withoutWgpu(err) };
}

/** The command line `cohort` with these words. */
export async function cohortCommand(folder: string, args: readonly string[], interrupt?: string): Promise<Ended> {
  return await program(folder, "cli/main.ts", args, interrupt);
}

/** Deno's WebGPU says so on every machine without a desktop. */
function withoutWgpu(text: string): string {
  return text.split("\n").filter((line) => !line.includes("XDG_RUNTIME_DIR")).join("\n");
}
