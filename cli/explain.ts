/**
 * `deno task cohort explain FILE [--mermaid]`: what a sentence means, with everything that was filled in, and which
 * kernels its convolutions get.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { explain, lower } from "../mod.ts";
import { explainKernels } from "../runtime/train/explain.ts";
import type { CommandContext } from "./command.ts";
import { readSentence } from "./sentence_file.ts";

/** One line for the list of commands. */
export const about = "Tell what a sentence means, as text or as a Mermaid diagram";

/** Prints the explanation of the sentence in a file. */
export async function run(args: readonly string[], _: CommandContext): Promise<number> {
  await new Command()
    .name("cohort explain")
    .description("Tell what the sentence of a pipeline module or a spec means, with everything that was filled in.")
    .arguments("<file:string>")
    .option("--row <name:string>", "Another of the rows that a pipeline module exports.")
    .option("--mermaid", "Print who learns from whom as a Mermaid flowchart.")
    .noExit()
    .action(async ({ mermaid, row }, file) => {
      const sentence = await readSentence(file, row);
      const { text, mermaid: diagram } = explain(sentence);
      if (mermaid) return console.log(diagram.trimEnd());
      const { spec, archs, dataset } = sentence;
      const kernels = explainKernels({ spec, archs, dataset, lower: () => lower(sentence) });
      console.log(`${text}\n${kernels}`.trimEnd());
    })
    .parse([...args]);
  return 0;
}
