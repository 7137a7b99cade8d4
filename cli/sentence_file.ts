/**
 * A sentence from a file: the JSON of a spec, or a module whose default export is a pipeline.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { CohortError, SentenceError } from "../dsl/errors.ts";
import { parseSpec } from "../dsl/parse_spec.ts";
import type { AnyPipeline } from "../dsl/pipeline.ts";
import { builtins, rowOf, type Rows } from "../mod.ts";

/**
 * The pipeline that a file says; `row` chooses from the `rows` that a module exports.
 *
 * @throws {SentenceError} If there is no such file, or it holds no sentence.
 * @throws {UnknownNameError} If it has no such row.
 * @throws {CohortError} If the sentence itself is refused, in the words of its verb.
 */
export async function readSentence(path: string, row?: string): Promise<AnyPipeline> {
  const text = await Deno.readTextFile(path).catch((error) => {
    throw new SentenceError(
      `Cannot read a sentence: it is a spec (.json) or a pipeline module (.ts), got nothing readable at "${path}" ` +
        `(${firstLine(error)}). Check the spelling, or try pipelines/ffsd_digits.ts.`,
    );
  });
  if (path.endsWith(".json")) return rowOf(undefined, row, parseSpec(text, builtins));
  if (/\.m?[jt]s$/.test(path)) return await pipelineOf(path, row);
  throw new SentenceError(
    `Cannot read a sentence: it is a spec (.json) or a pipeline module (.ts), got "${path}". Rename the file.`,
  );
}

async function pipelineOf(path: string, row: string | undefined): Promise<AnyPipeline> {
  let module: { readonly default?: unknown; readonly rows?: Rows };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    if (error instanceof CohortError) throw error;
    throw new SentenceError(`Cannot load "${path}": a pipeline module has to run, got ${firstLine(error)}.`, {
      cause: error,
    });
  }
  const { default: value, rows } = module;
  if (isPipeline(value)) return rowOf(rows, row, value);
  throw new SentenceError(
    `Cannot use "${path}": its default export is a pipeline, got ${
      value === undefined ? "none" : typeof value
    }. Write export default cohort("resnet8×3").leader() or another sentence.`,
  );
}

function isPipeline(value: unknown): value is AnyPipeline {
  return typeof value === "object" && value !== null &&
    ["spec", "methods", "archs"].every((key) => key in value);
}

function firstLine(error: unknown): string {
  return String(error).split("\n")[0]!.replace(/\.$/, "");
}
