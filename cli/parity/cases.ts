/**
 * The cases of a folder of recordings.
 *
 * @module
 */

import { CohortError, didYouMean } from "../../dsl/errors.ts";
import type { Backend } from "../../runtime/backend/backend.ts";
import { listStems } from "./files.ts";
import { matchesCase } from "./glob.ts";
import { compareLoss } from "./loss.ts";
import { lossName, lossTensors, readLosses } from "./loss_format.ts";
import { compareModel } from "./model.ts";
import { modelNames, modelTensors, readModels } from "./model_format.ts";
import type { Outcome } from "./report.ts";
import { compareTrace, type TraceOptions } from "./trace.ts";
import { readTrace } from "./trace_format.ts";

/** Where a case is. */
export interface CaseRef {
  readonly folder: string;
  /** File without extension. */
  readonly stem: string;
  /** Stem of a trace; `stem/case/index` of a loss or a model. */
  readonly name: string;
}

/**
 * The cases that a pattern means, in order of their names; all of them without one.
 *
 * @throws {CohortError} If the folder cannot be read or no case matches.
 */
export async function listCases(folder: string, only?: string): Promise<readonly CaseRef[]> {
  const stems = await listStems(folder);
  const wanted = (name: string): boolean => only === undefined || matchesCase(only, name);
  const found: CaseRef[] = [];
  for (const stem of stems) {
    const names = only !== undefined && !couldHold(only, stem) ? [] : await namesIn(folder, stem);
    for (const name of names) if (wanted(name)) found.push({ folder, stem, name });
  }
  if (found.length === 0) {
    throw new CohortError(
      `Cannot compare: no case of ${folder} matches, got "${only}".${didYouMean(only ?? "", stems)}`,
    );
  }
  return found;
}

/** Whether a pattern can mean a case of a file, so that other files need not be read. */
function couldHold(only: string, stem: string): boolean {
  return matchesCase(only, stem) || only.includes("/");
}

async function namesIn(folder: string, stem: string): Promise<readonly string[]> {
  if (stem.startsWith("loss_")) return (await readLosses(folder, stem)).cases.map((one) => `${stem}/${lossName(one)}`);
  if (stem.startsWith("models_")) {
    return modelNames(await readModels(folder, stem)).map((name) => `${stem}/${name}`);
  }
  return [stem];
}

/** Runs one case. @throws {CohortError} If its files are corrupt. */
export async function runCase(ref: CaseRef, backend: Backend, options: TraceOptions = {}): Promise<Outcome> {
  const { folder, stem, name } = ref;
  const below = name.slice(stem.length + 1);
  if (stem.startsWith("loss_")) {
    const recorded = (await readLosses(folder, stem)).cases.find((one) => lossName(one) === below);
    if (recorded === undefined) throw missing(name);
    return await compareLoss({ recorded, tensors: await lossTensors(folder, stem, recorded) }, backend);
  }
  if (stem.startsWith("models_")) {
    const models = await readModels(folder, stem);
    const recorded = models[modelNames(models).indexOf(below)];
    if (recorded === undefined) throw missing(name);
    return await compareModel({ recorded, tensors: await modelTensors(folder, stem) }, backend);
  }
  return await compareTrace(await readTrace(folder, stem), backend, options);
}

function missing(name: string): CohortError {
  return new CohortError(`Cannot compare ${name}: its file has no such case. List them with a shorter --only.`);
}
