/**
 * `deno task cohort explain FILE [--mermaid]`: what a sentence means, with everything that was filled in.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { explain } from "../mod.ts";
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
    .option("--mermaid", "Print who learns from whom as a Mermaid flowchart.")
    .noExit()
    .action(async ({ mermaid }, file) => {
      const { text, mermaid: diagram } = explain(await readSentence(file));
      console.log((mermaid ? diagram : text).trimEnd());
    })
    .parse([...args]);
  return 0;
}
