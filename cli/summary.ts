/**
 * `deno task cohort summary NET`: layers, shapes, parameters, multiply-adds and spots of a net, and the memory of a
 * training step.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { didYouMean, OptionError, UnknownNameError } from "../dsl/errors.ts";
import { noNet } from "../dsl/refused.ts";
import { type Arch, type BackendName, builtinArchs, pick, summarize } from "../mod.ts";
import type { CommandContext } from "./command.ts";
import { readSentence } from "./sentence_file.ts";
import { memoryLine } from "./summary/memory.ts";
import { layerTable, millions, netTable, spotTable } from "./summary/tables.ts";
import { count } from "./ui/format.ts";

/** One line for the list of commands. */
export const about = "Tell a net's layers, shapes, parameters, multiply-adds, spots and memory";

interface SummaryOptions {
  readonly input?: string | undefined;
  readonly classes?: number | undefined;
  readonly batch: number;
  readonly backend: string;
}

type ImageShape = readonly [channels: number, height: number, width: number];

/** Nets, and the images and classes that they are told for. */
interface Subject {
  readonly archs: readonly Arch[];
  readonly shape: ImageShape;
  readonly classes: number;
}

/** Prints the summary of a net, or one line for each built-in net. */
export async function run(args: readonly string[], _: CommandContext): Promise<number> {
  await new Command()
    .name("cohort summary")
    .description(
      "Tell what a net is made of: a built-in one by its name, or every net of a pipeline module or a spec.\n" +
        "Without a net, list the built-in ones.",
    )
    .arguments("[net:string]")
    .option("--input <shape:string>", "Channels, height and width of an image; 3x32x32 or those of the file's data.")
    .option("--classes <count:integer>", "Classes; 100 or those of the file's data.")
    .option("--batch <count:integer>", "Images of the training step whose memory is told.", { default: 128 })
    .option("--backend <name:string>", "Where that step would run: wasm, webgpu, tfjs, reference or auto.", {
      default: "wasm",
    })
    .noExit()
    .action(async (options, net) => {
      checkNumbers(options);
      const subject = net === undefined ? settled(Object.values(builtinArchs), options) : await named(net, options);
      if (net === undefined) console.log(listOf(subject));
      else await printSummaries(subject, options);
    })
    .parse([...args]);
  return 0;
}

function checkNumbers({ batch, classes }: SummaryOptions): void {
  for (const [name, value] of Object.entries({ batch, classes })) {
    if (value === undefined || value >= 1) continue;
    throw new OptionError(`Cannot use --${name}: it is a whole number of at least 1, got ${value}. Say 100.`);
  }
}

async function printSummaries({ archs, shape, classes }: Subject, options: SummaryOptions): Promise<void> {
  const backend = await pick(options.backend as "auto" | BackendName);
  for (const [i, arch] of archs.entries()) {
    const summary = summarize(arch, { input: shape, classes });
    const memory = await memoryLine(arch, { shape, classes, batch: options.batch, backend });
    console.log([
      ...(i === 0 ? [] : [""]),
      `${arch.name} on images of ${shape.join("×")}, ${classes} classes`,
      "",
      layerTable(summary),
      "",
      spotTable(arch, summary),
      "",
      `Parameters: ${count(summary.parameters)}, and ${count(summary.buffers)} running statistics`,
      `Multiply-adds of convolutions and linear layers: ${millions(summary.multiplyAdds)} an image`,
      memory,
    ].join("\n"));
  }
}

function listOf({ archs, shape, classes }: Subject): string {
  const rows = archs.map((arch) => ({ arch, summary: summarize(arch, { input: shape, classes }) }));
  return [
    `Built-in nets on images of ${shape.join("×")}, ${classes} classes`,
    "",
    netTable(rows),
  ].join("\n");
}

async function named(net: string, options: SummaryOptions): Promise<Subject> {
  if (Object.hasOwn(builtinArchs, net)) return settled([builtinArchs[net as keyof typeof builtinArchs]], options);
  if (!/\.(json|m?[jt]s)$/.test(net)) {
    throw new UnknownNameError(
      `Cannot summarize: ${noNet(net)}.${didYouMean(net, Object.keys(builtinArchs))}`,
    );
  }
  const { spec: { nets }, archs, dataset } = await readSentence(net);
  const used = [...new Set(nets.map(({ arch }) => arch))].map((name) => archs[name]!);
  return settled(used, options, dataset);
}

function settled(
  archs: readonly Arch[],
  { input, classes }: SummaryOptions,
  data: { readonly shape: ImageShape | undefined; readonly classes: number | undefined } | undefined = undefined,
): Subject {
  return {
    archs,
    shape: input === undefined ? data?.shape ?? [3, 32, 32] : shapeOf(input),
    classes: classes ?? data?.classes ?? 100,
  };
}

function shapeOf(text: string): ImageShape {
  const sizes = text.split(/[x×]/).map((size) => /^\d+$/.test(size) ? Number(size) : 0);
  if (sizes.length === 3 && sizes.every((size) => size >= 1)) return sizes as unknown as ImageShape;
  throw new OptionError(
    `Cannot use --input: images are channels×height×width in whole numbers, got "${text}". Say 3x32x32.`,
  );
}
