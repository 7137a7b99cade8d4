/**
 * `deno task cohort train SPEC.json|PIPELINE.ts [flags]`: trains the sentence of a file.
 *
 * @module
 */
import { rebind } from "../mod.ts";
import { explainKernels } from "../runtime/train/explain.ts";
import { flagHelp, parseFlags, type RunFlags } from "../runtime/train/flags.ts";
import { train, type Trainable } from "../runtime/train/train.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./command.ts";
import { readSentence } from "./sentence_file.ts";
import { resultText, TrainingView } from "./ui/training.ts";

/** One line for the list of commands. */
export const about = "Train the sentence of a pipeline module or a spec";

const help = `Usage:   cohort train <spec.json | pipeline.ts> [flags]

Description:

  Train the sentence of a file: the JSON of a spec, such as runs/…/spec.json, or a module whose
  default export is a pipeline. Ctrl-C saves a checkpoint; --resume goes on from it.

${flagHelp}`;

/** Trains; the flags are those of a pipeline run as a program, so they are read by the same reader. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const [file, ...words] = args;
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return 0;
  }
  if (file === undefined || file.startsWith("-")) {
    throw new UsageError(`Cannot train: the file of a sentence comes first, got ${file ?? "nothing"}. Try --help.`);
  }
  const flags = parseFlags(words);
  const pipeline = rebind(await readSentence(file, flags.row), flags);
  if (flags.explain) {
    console.log(`${pipeline.explain()}\n${explainKernels(pipeline)}`.trimEnd());
    return 0;
  }
  await trainShown(pipeline, flags, context);
  return 0;
}

async function trainShown(
  pipeline: Trainable,
  flags: RunFlags,
  { signal, turbo = false }: CommandContext,
): Promise<void> {
  const view = new TrainingView(pipeline.spec.train?.epochs ?? 1);
  const { backend, threads, runs, name, resume, weights } = flags;
  try {
    const result = await train(pipeline, {
      backend,
      runs,
      signal,
      turbo,
      report: (event) => view.report(event),
      ...(threads === undefined ? {} : { threads }),
      ...(name === undefined ? {} : { name }),
      ...(resume === undefined ? {} : { resume }),
      ...(weights === undefined ? {} : { weights }),
    });
    await view.stop();
    console.log(resultText(result));
  } finally {
    await view.stop();
  }
}
