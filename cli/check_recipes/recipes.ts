/**
 * The recipes of `pipelines/`, each with its rows.
 *
 * @module
 */
import { CohortError } from "../../dsl/errors.ts";
import { equalJson } from "../../dsl/json.ts";
import type { AnyPipeline, Pipeline, Rows } from "../../mod.ts";
import { type Known, summarize } from "../../mod.ts";

/** A sentence of a recipe. */
export type RecipeSentence = Pipeline<Known>;

/** A recipe. */
export interface Recipe {
  /** Its file without the ending, e.g. `kd_cifar100`. */
  readonly name: string;
  /** What it runs unless a row is said. */
  readonly main: RecipeSentence;
  /** Its rows by name; the main sentence is `main`, unless it is one of the others. */
  readonly rows: Readonly<Record<string, RecipeSentence>>;
}

/**
 * Every module of `pipelines/`, in the order of names; folders in it hold what modules share.
 *
 * @throws {CohortError} If this is the published package, whose folders cannot be listed.
 */
export async function readRecipes(): Promise<readonly Recipe[]> {
  const folder = new URL("../../pipelines/", import.meta.url);
  if (folder.protocol !== "file:") {
    throw new CohortError(
      "Cannot list the recipes: they are files of a checkout, got the published package. Run this in a checkout.",
    );
  }
  const names = [...Deno.readDirSync(folder)].flatMap(({ name, isFile }) =>
    isFile && name.endsWith(".ts") ? [name.slice(0, -3)] : []
  );
  return await Promise.all(names.sort().map((name) => readRecipe(name, new URL(`${name}.ts`, folder))));
}

async function readRecipe(name: string, file: URL): Promise<Recipe> {
  const module: { readonly default: AnyPipeline; readonly rows?: Rows } = await import(file.href);
  const rows = (module.rows ?? {}) as Recipe["rows"];
  const main = module.default as RecipeSentence;
  const listed = Object.values(rows).some(({ spec }) => equalJson(spec, main.spec));
  return { name, main, rows: listed ? rows : { main, ...rows } };
}

/** Multiply-adds of one image through every net of a sentence. */
export function workOf({ spec, archs, dataset }: AnyPipeline): number {
  const { shape = [3, 32, 32], classes = 10 } = dataset ?? {};
  return spec.nets.reduce((sum, { arch }) => sum + summarize(archs[arch]!, { input: shape, classes }).multiplyAdds, 0);
}
