import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** What a program printed, and how it ended. */
interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs Deno in a folder. */
async function deno(folder: string, ...args: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd: folder }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/**
 * A project of somebody else with these files, which knows the package by its name alone. Its import map has the
 * package's own dependencies too, which a published package brings along.
 */
async function project(files: readonly string[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "cohort_extension_" });
  const { imports, compilerOptions } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const config = { imports: { ...imports, "@okd/cohort": new URL("mod.ts", ROOT).href }, compilerOptions, lock: false };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
  for (const file of files) await Deno.copyFile(new URL(file, import.meta.url), `${folder}/${file}`);
  return folder;
}

const RULES = 13;

/** The programs, with how many sentences each checks. */
const programs = { "seniors.ts": 1, "moments.ts": 2 };

Deno.test("a method and a distiller of somebody else type-check, pass checkMethod() and train, from outside", async () => {
  const files = Object.keys(programs);
  const folder = await project(files);
  try {
    for (const file of files) {
      const text = await Deno.readTextFile(`${folder}/${file}`);
      assertEquals(text.match(/from "[^"]*"/g), ['from "@okd/cohort"']);
    }
    const check = await deno(folder, "check", "--quiet", ...files);
    assertEquals([check.code, check.err], [0, ""]);
    for (const [file, sentences] of Object.entries(programs)) {
      const { code, out, err } = await deno(folder, "run", "--quiet", "--no-prompt", "--no-check", file);
      assertEquals([code, err], [0, ""]);
      const lines = out.trimEnd().split("\n");
      const verdicts = lines.slice(0, -3);
      assertEquals(verdicts.filter((line) => !line.startsWith("ok ")), []);
      assertEquals(verdicts.length, RULES * sentences);
      const losses = lines.slice(-3).map((line) => Number(line.split(" ").at(-1)));
      assert(losses[2]! < losses[0]!, `the loss falls, got ${losses}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
