/**
 * `deno task cohort compare`: several methods on one dataset and net, over several seeds, as one table.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { CohortError } from "../dsl/errors.ts";
import type { OpenDataset } from "../dsl/data.ts";
import { type BackendName, pick, rebind } from "../mod.ts";
import { parseFlags } from "../runtime/train/flags.ts";
import { RunFolder } from "../runtime/train/run_folder.ts";
import { train, type Trainable } from "../runtime/train/train.ts";
import { TimeLeft } from "./bench/time_left.ts";
import { archNamed, listOf, requirePositive } from "./bench/words.ts";
import type { CommandContext } from "./command.ts";
import { contestant, contestantNames, pretrained } from "./compare/contestants.ts";
import { comparisonBars, comparisonCsv, comparisonTable, resultOf, rowsOf, type RunResult } from "./compare/results.ts";
import { barChart } from "./ui/bars.ts";
import { duration } from "./ui/format.ts";
import { TrainingView } from "./ui/training.ts";

/** One line for the list of commands. */
export const about = "Train several methods over several seeds and print one table";

/** What the flags say. */
interface CompareOptions {
  readonly dataset: string;
  readonly limit?: number | undefined;
  readonly net: string;
  readonly teacher: string;
  readonly epochs: number;
  readonly batch: number;
  readonly seeds: number;
  readonly methods: string;
  readonly backend: string;
  readonly threads?: number | undefined;
  readonly runs: string;
  readonly download?: true | undefined;
}

/** A run to be done. */
interface Entry {
  readonly method: string;
  readonly seed: number;
  readonly sentence: Trainable;
}

/** Trains every method with every seed; the table holds what was done, also after Ctrl-C. */
export async function run(args: readonly string[], { signal, turbo = false }: CommandContext): Promise<number> {
  await new Command()
    .name("cohort compare")
    .description(
      "Train several methods with the same images, schedule and seeds, and print what every member reaches: mean and\n" +
        "standard deviation over the seeds. The table is also written as CSV and SVG, the runs as lines of JSON.\n" +
        `Methods: ${contestantNames.join(", ")}.`,
    )
    .option("--dataset <what:string>", "Name of a dataset, or the path of a folder or archive.", { default: "digits" })
    .option("--limit <count:integer>", "Train on the first images only, classes balanced.")
    .option("--net <name:string>", "Net of every student, peer and leader.", { default: "resnet8" })
    .option("--teacher <name:string>", "Net of the teachers of the methods that have one.", { default: "resnet20" })
    .option("--epochs <count:integer>", "Passes over the training images.", { default: 3 })
    .option("--batch <count:integer>", "Images of a step.", { default: 128 })
    .option("--seeds <count:integer>", "Runs of each method, with the seeds 1, 2, ….", { default: 3 })
    .option("--methods <names:string>", "Methods, with commas between.", { default: "vanilla,dml,ffsd" })
    .option("--backend <name:string>", "auto, wasm, webgpu, tfjs or reference.", { default: "auto" })
    .option("--threads <count:integer>", "Threads of the wasm backend, 1 to 8.")
    .option("--runs <folder:string>", "Where the folder of the comparison is made.", { default: "runs" })
    .option("--download", "Fetch a dataset that is not on this machine.")
    .noExit()
    .action(async (options) => await compare(options, signal, turbo))
    .parse([...args]);
  return 0;
}

async function compare(options: CompareOptions, signal: AbortSignal, turbo: boolean): Promise<void> {
  const entries = entriesOf(options);
  const data = await openOnce(entries[0]!.sentence, options, signal);
  const backend = await backendOf(options, turbo);
  const folder = await RunFolder.create(options.runs, `compare-${options.net}-${slug(options.dataset)}`);
  console.log(`Backend: ${backend.description}`);
  console.log(`Data: ${data.source}, ${data.train.length} images to train on\n`);
  const clock = new TimeLeft(entries.length);
  const done: RunResult[] = [];
  for (const [i, { method, seed, sentence }] of entries.entries()) {
    const left = Number.isNaN(clock.seconds) ? "" : `, about ${duration(clock.seconds)} left`;
    console.log(`${method}, seed ${seed} (${i + 1} of ${entries.length}${left})`);
    const view = new TrainingView(options.epochs, { start: false });
    const report = view.report.bind(view);
    const result = await train(sentence, { data, backend, signal, report, runs: false }).finally(() => view.stop());
    if (result.stopped) break;
    const nets = Object.fromEntries(sentence.spec.nets.map(({ id, arch }) => [id, arch]));
    done.push(resultOf(method, seed, nets, result));
    await folder.write("results.jsonl", done.map((line) => `${JSON.stringify(line)}\n`).join(""));
    clock.done(1);
  }
  if (done.length === 0) return console.log("Stopped before the first run was finished.");
  await show(done, folder, options, data);
}

/** Prints the table, and writes it. */
async function show(
  done: readonly RunResult[],
  folder: RunFolder,
  options: CompareOptions,
  data: OpenDataset,
): Promise<void> {
  const rows = [...rowsOf(done)].sort((a, b) => order(options, a.method) - order(options, b.method));
  const seeds = new Set(done.map(({ seed }) => seed)).size;
  console.log(
    `\nTop-1 on ${data.test.length} held-out images, ${options.epochs} epochs of ${data.train.length} images, ` +
      `mean ± standard deviation of ${seeds} seeds:\n`,
  );
  console.log(comparisonTable(rows));
  console.log("* the best epoch of each run, chosen on these same images");
  if (rows.some(({ method }) => pretrained.includes(method))) {
    console.log("A frozen teacher was trained first, for as many epochs; that time is not in the column.");
  }
  const title = `Top-1 after ${options.epochs} epochs on ${options.dataset}`;
  const csv = await folder.write("table.csv", comparisonCsv(rows));
  const svg = await folder.write("table.svg", barChart(title, comparisonBars(rows)));
  console.log(`\nWrote table: ${csv}\nWrote picture: ${svg}\nWrote runs: ${folder.path}/results.jsonl`);
}

/** Every run, seed by seed, so that a machine that slows down does so for all methods. */
function entriesOf(options: CompareOptions): readonly Entry[] {
  const { epochs, batch, seeds, limit } = options;
  for (const [name, value] of Object.entries({ epochs, batch, seeds, ...(limit === undefined ? {} : { limit }) })) {
    requirePositive(name, value);
  }
  const contest = { net: archNamed(options.net), teacher: archNamed(options.teacher), epochs };
  const methods = [...new Set(listOf("methods", options.methods))];
  const flags = {
    dataset: options.dataset,
    epochs,
    batch,
    ...(limit === undefined ? {} : { limit }),
    ...(options.download === undefined ? {} : { download: true }),
  };
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    methods.map((method) => ({ method, seed, sentence: rebind(contestant(method, contest), { ...flags, seed }) }))
  );
}

async function openOnce(
  { dataset }: Trainable,
  { runs }: CompareOptions,
  signal: AbortSignal,
): Promise<OpenDataset> {
  return await dataset!.open({ signal, cache: `${runs}/cache` });
}

async function backendOf(options: CompareOptions, turbo: boolean): ReturnType<typeof pick> {
  const { threads } = options;
  // The reader of a pipeline's flags knows which backends and numbers of threads there are.
  const words = ["--backend", options.backend, ...(threads === undefined ? [] : ["--threads", String(threads)])];
  const checked = parseFlags(words);
  return await pick(checked.backend as "auto" | BackendName, {
    wasm: { ...(threads === undefined ? {} : { threads }), ...(turbo ? { turbo } : {}) },
  });
}

function order({ methods }: CompareOptions, method: string): number {
  return listOf("methods", methods).indexOf(method);
}

/** A dataset's name as part of a folder's: the last piece of a path. */
function slug(dataset: string): string {
  const name = dataset.split("/").filter((piece) => piece !== "").at(-1);
  if (name === undefined) {
    throw new CohortError(`Cannot compare: --dataset is a name or a path, got "${dataset}". Say digits.`);
  }
  return name.replace(/[^\p{L}\p{N}_.-]+/gu, "_");
}
