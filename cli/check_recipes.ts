/**
 * `deno task cohort check-recipes`: trains every row of every recipe for two steps on synthetic images.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { didYouMean, UnknownNameError } from "../dsl/errors.ts";
import { type BackendName, pick } from "../mod.ts";
import { StatusLine } from "./check_nets/status_line.ts";
import { checkRecipe } from "./check_recipes/check.ts";
import { readRecipes, type RecipeSentence, workOf } from "./check_recipes/recipes.ts";
import type { CommandContext } from "./command.ts";
import { matchesCase } from "./parity/glob.ts";
import { duration } from "./ui/format.ts";

/** One line for the list of commands. */
export const about = "Train every row of every recipe for two steps on synthetic images";

interface CheckRecipesOptions {
  readonly only?: string | undefined;
  readonly backend: string;
}

/** A row of a recipe, called by the names of both. */
interface Errand {
  readonly name: string;
  readonly sentence: RecipeSentence;
}

/** Checks, and prints a line a row; status 1 if something was wrong. */
export async function run(args: readonly string[], { signal }: CommandContext): Promise<number> {
  let code = 0;
  await new Command()
    .name("cohort check-recipes")
    .description(
      "Train every row of every recipe in pipelines/, its initial stages first, for two steps of four images that look " +
        "like its dataset's. Every loss and weight has to be finite. All of them take a long time.",
    )
    .option("--only <glob:string>", "Rows by name: kd_cifar100, sakd_*/at_*, */resnet56_resnet20.")
    .option("--backend <name:string>", "wasm, webgpu, tfjs, reference or auto.", { default: "wasm" })
    .noExit()
    .action(async (options) => {
      code = await checkRecipes(options, signal);
    })
    .parse([...args]);
  return code;
}

async function checkRecipes({ only, backend: name }: CheckRecipesOptions, signal: AbortSignal): Promise<number> {
  const errands = await errandsOf(only);
  const backend = await pick(name as BackendName | "auto");
  const width = Math.max(...errands.map((errand) => errand.name.length));
  const status = new StatusLine(errands.reduce((sum, { sentence }) => sum + timeOf(sentence), 0));
  let failed = 0;
  try {
    for (const { name, sentence } of errands) {
      if (signal.aborted) return 1;
      status.show(name);
      const { problem, seconds } = await checkRecipe(sentence, { backend, signal });
      if (signal.aborted) return 1;
      status.done(timeOf(sentence));
      status.clear();
      console.log(
        `${name.padEnd(width)}  ${(problem === undefined ? "ok" : "FAILED").padEnd(6)}  ${duration(seconds)}`,
      );
      if (problem === undefined) continue;
      failed++;
      console.log(`  ${problem}`);
    }
  } finally {
    status.clear();
  }
  console.log(`\n${errands.length - failed} passed, ${failed} failed in ${duration(status.seconds)}`);
  return failed === 0 ? 0 : 1;
}

async function errandsOf(only: string | undefined): Promise<readonly Errand[]> {
  const recipes = await readRecipes();
  const errands = recipes.flatMap(({ name, rows }) =>
    Object.entries(rows).map(([row, sentence]): Errand => ({ name: `${name}/${row}`, sentence }))
  );
  const meant = errands.filter(({ name }) => only === undefined || matchesCase(only, name));
  if (meant.length > 0) return meant;
  throw new UnknownNameError(
    `Cannot check recipes: a pattern means at least one row, got "${only}".${
      didYouMean(only ?? "", recipes.map(({ name }) => name))
    }`,
  );
}

/** About how long a row takes, in multiply-adds: compiling a program as long as 2e9 of them. */
function timeOf(sentence: RecipeSentence): number {
  const parts = 1 + (sentence.lower().stages?.length ?? 0);
  return parts * (2e9 + 24 * workOf(sentence));
}
