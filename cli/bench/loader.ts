/**
 * `deno task bench loader`: images a second of every stage of loading, beside PyTorch's DataLoader, and how long a
 * training step waits for its batch.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { OptionError } from "../../dsl/errors.ts";
import type { CommandContext } from "../command.ts";
import { count, percent } from "../ui/format.ts";
import { type Column, table } from "../ui/table.ts";
import { SYSTEM_PYTHON } from "./compare_run.ts";
import { datasetOf, decodeAll, type LoaderTimes, type LoaderWork, measureLoader, timed } from "./loader_measure.ts";
import { makeFiles, timePytorch } from "./loader_pytorch.ts";
import { measureWait, type Wait } from "./loader_wait.ts";

const LABELS: Readonly<Record<typeof timed[number], string>> = {
  read: "read a file",
  decode: "decode JPEG",
  augment: "augment",
  batch: "normalise into a batch",
  memory: "pass from memory",
  files: "pass from JPEG files",
};

interface LoaderOptions {
  readonly data?: string | undefined;
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly transforms: string;
  readonly batch: number;
  readonly workers: number;
  readonly rounds: number;
  readonly steps: number;
  readonly threads: number;
  readonly python: string;
  readonly alone?: true | undefined;
  readonly json?: true | undefined;
}

/** Times both sides and prints tables, or lines of JSON. */
export async function run(args: readonly string[], _: CommandContext): Promise<number> {
  await new Command()
    .name("cohort bench loader")
    .description(
      "Time reading, decoding, transforms and batches beside PyTorch's DataLoader, and how long ResNet-8 waits for\n" +
        "its batches. Stages take one thread; passes take all workers, started and ended. A ratio below 1: we are faster.",
    )
    .option("--data <folder:string>", "Folder of JPEG files of one size; files made by Python unless said.")
    .option("--images <count:integer>", "Most files that are used.", { default: 12800 })
    .option("--height <rows:integer>", "Rows of the files made.", { default: 32 })
    .option("--width <columns:integer>", "Columns of the files made.", { default: 32 })
    .option("--transforms <name:string>", "cifar (pad 4, crop 32, flip) or imagenet (resized crop 224, flip).", {
      default: "cifar",
    })
    .option("--batch <count:integer>", "Images a batch.", { default: 128 })
    .option("--workers <count:integer>", "Workers of both sides.", { default: 2 })
    .option("--rounds <count:integer>", "Times each side is timed; the least counts.", { default: 3 })
    .option("--steps <count:integer>", "Training steps; 0 leaves them out.", { default: 100 })
    .option("--threads <count:integer>", "Threads that train.", { default: 2 })
    .option("--python <program:string>", "Python that has PyTorch and PIL.", { default: SYSTEM_PYTHON })
    .option("--alone", "Leave PyTorch out; needs --data.")
    .option("--json", "Print lines of JSON.")
    .noExit()
    .action((options) => bench(options))
    .parse([...args]);
  return 0;
}

async function bench(options: LoaderOptions): Promise<void> {
  const { batch, workers, rounds, python, data, images, height, width } = options;
  requireNumbers(options);
  if (data === undefined && options.alone) {
    throw new OptionError(
      "Cannot use --alone: without Python there are no files, got no --data. Name a folder of JPEG.",
    );
  }
  const { transforms } = options;
  if (transforms !== "cifar" && transforms !== "imagenet") {
    throw new OptionError(`Cannot use --transforms: it is cifar or imagenet, got "${transforms}". Say one of them.`);
  }
  await using made = data === undefined ? await makeFiles(python, images, height, width) : undefined;
  const paths = await filesIn(data ?? made!.folder, images);
  const work: LoaderWork = { paths, transforms, batch, workers };
  const [ours, theirs]: [LoaderTimes[], LoaderTimes[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push(await measureLoader(work));
    if (!options.alone) theirs.push(await timePytorch(python, work));
    console.error(`round ${round + 1} of ${rounds}`);
  }
  const [cohort, pytorch] = [least(ours), theirs.length === 0 ? undefined : least(theirs)];
  const waits = options.steps === 0 || transforms === "imagenet" ? [] : await measureWaits(work, options);
  if (options.json) {
    const images = paths.length;
    console.log(JSON.stringify({ images, batch, workers, transforms, cohort, ...(pytorch ? { pytorch } : {}) }));
    for (const wait of waits) console.log(JSON.stringify(wait));
    return;
  }
  console.log(loaderTable(cohort, pytorch));
  console.log(
    `\n${count(paths.length)} files, batch ${batch}, workers ${workers}, least of ${rounds} rounds. ${cohort.engine}` +
      `${pytorch === undefined ? "" : `; ${pytorch.engine}`}`,
  );
  if (waits.length > 0) console.log(`\n${waitTable(waits)}`);
}

type NamedWait = Wait & { readonly from: string };

async function measureWaits(work: LoaderWork, options: LoaderOptions): Promise<readonly NamedWait[]> {
  const memory = await measureWait(datasetOf(work, await decodeAll(work.paths)), {
    batch: options.batch,
    steps: options.steps,
    threads: options.threads,
  });
  return [{ from: "memory", ...memory }, { from: "JPEG files", ...await measureWait(datasetOf(work), options) }];
}

/** Stages and passes of both sides beside each other. */
export function loaderTable(cohort: LoaderTimes, pytorch: LoaderTimes | undefined): string {
  const right = (name: string): Column => ({ name, align: "right" });
  const side = (times: LoaderTimes, name: typeof timed[number]) => [times[name].toFixed(1), count(1e6 / times[name])];
  return table(
    [
      { name: "stage" },
      right("cohort µs"),
      right("images/s"),
      ...(pytorch === undefined ? [] : [right("PyTorch µs"), right("images/s"), right("ratio")]),
    ],
    timed.map((name) => [
      LABELS[name],
      ...side(cohort, name),
      ...(pytorch === undefined ? [] : [...side(pytorch, name), (cohort[name] / pytorch[name]).toFixed(2)]),
    ]),
  );
}

/** How long a step of ResNet-8 waits, where its batches come from memory and from files. */
export function waitTable(waits: readonly NamedWait[]): string {
  const right = (name: string): Column => ({ name, align: "right" });
  return table(
    [
      { name: "resnet8 trained from" },
      right("threads"),
      right("step ms"),
      right("wait ms"),
      right("waiting"),
      right("step alone ms"),
    ],
    waits.map(({ from, threads, step, wait, bare }) => [
      from,
      threads,
      step.toFixed(1),
      wait.toFixed(2),
      percent(wait / (wait + step)),
      bare.toFixed(1),
    ]),
  );
}

function least(times: readonly LoaderTimes[]): LoaderTimes {
  const entries = timed.map((name) => [name, Math.min(...times.map((one) => one[name]))]);
  return { engine: times[0]!.engine, ...Object.fromEntries(entries) };
}

/** Paths of JPEG files below a folder, sorted, at most `most` of them evenly spread. */
async function filesIn(folder: string, most: number): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (isDirectory) await visit(`${path}/${name}`);
      else if (/\.jpe?g$/i.test(name)) found.push(`${path}/${name}`);
    }
  };
  await visit(folder).catch((error) => {
    throw new OptionError(`Cannot use --data: it is a folder that can be read, got "${folder}" (${error.message}).`);
  });
  found.sort();
  const every = Math.max(1, Math.floor(found.length / most));
  const paths = found.filter((_, i) => i % every === 0).slice(0, most);
  if (paths.length > 0) return paths;
  throw new OptionError(`Cannot use --data: it is a folder of .jpg files, got none in "${folder}". Name another.`);
}

function requireNumbers({ images, height, width, batch, rounds, workers, steps, threads }: LoaderOptions): void {
  for (const [name, value] of Object.entries({ images, height, width, batch, rounds, threads })) {
    if (value < 1) throw new OptionError(`Cannot use --${name}: it is a whole number of at least 1, got ${value}.`);
  }
  for (const [name, value] of Object.entries({ workers, steps })) {
    if (value < 0) throw new OptionError(`Cannot use --${name}: it is a whole number of at least 0, got ${value}.`);
  }
}
