import { assertEquals, assertMatch } from "@std/assert";
import { run } from "../../cli/check_recipes.ts";
import { readRecipes } from "../../cli/check_recipes/recipes.ts";
import { main } from "../../cli/main.ts";

/** Status and what the command printed. */
async function printed(args: readonly string[], signal?: AbortSignal): Promise<readonly [number, string, string]> {
  const { log, error } = console;
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (line: unknown) => void out.push(String(line));
  console.error = (line: unknown) => void err.push(String(line));
  try {
    const table = { "check-recipes": () => Promise.resolve({ about: "", run }) };
    return [await main(["check-recipes", ...args], signal, table), out.join("\n"), err.join("\n")];
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("check-recipes prints a line a row and a sum", async () => {
  const [code, out] = await printed(["--only", "{ffsd,squeeze_excite}_digits"]);
  const lines = out.split("\n");
  assertEquals([code, lines.length], [0, 4]);
  for (const line of lines.slice(0, 2)) assertMatch(line, /^\w+_digits\/main +ok +[\d.]+ m?s$/);
  assertMatch(lines.at(-1)!, /^2 passed, 0 failed in /);
});

Deno.test("check-recipes stops at Ctrl-C", async () => {
  assertEquals(await printed([], AbortSignal.abort()), [130, "", ""]);
});

Deno.test("check-recipes refuses a pattern that means nothing in one sentence, status 1", async () => {
  const message =
    'Cannot check recipes: a pattern means at least one row, got "kd_cifar10". Did you mean "kd_cifar100"?';
  assertEquals(await printed(["--only", "kd_cifar10"]), [1, "", message]);
});

Deno.test("readRecipes() calls the main sentence main unless it is a row", async () => {
  const recipes = await readRecipes();
  const rowsOf = (recipe: string): readonly string[] =>
    Object.keys(recipes.find(({ name }) => name === recipe)?.rows ?? {});
  assertEquals(rowsOf("ffsd_digits"), ["main"]);
  assertEquals(rowsOf("kd_imagenet"), ["resnet34_resnet18"]);
  assertEquals(rowsOf("fsp_cifar100").includes("main"), false);
});
