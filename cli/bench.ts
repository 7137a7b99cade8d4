/**
 * `deno task bench step|ffsd|dml`: times training steps and prints the keys of the PyTorch scripts it is compared with by
 * `deno task bench compare`; and the way to the other benches.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { BackendError, didYouMean, OptionError, UnknownNameError } from "../dsl/errors.ts";
import { type Arch, type BackendName, pick, resnet } from "../mod.ts";
import type { Trainable } from "../runtime/train/train.ts";
import { dmlSentence } from "./bench/dml.ts";
import { ffsdSentence } from "./bench/ffsd.ts";
import { layouts, measure } from "./bench/measure.ts";
import { stepSentence } from "./bench/step.ts";
import { archNamed } from "./bench/words.ts";
import type { CommandContext, CommandModule } from "./command.ts";

/** One line for the list of commands. */
export const about = "Time training steps on random images of CIFAR's size";

/** What can be timed. */
const subjects: Readonly<Record<string, (arch: Arch, students?: number) => Trainable>> = {
  step: stepSentence,
  ffsd: ffsdSentence,
  dml: dmlSentence,
};

/** Benches of more than one step, by name. */
const tools: Readonly<Record<string, () => Promise<Pick<CommandModule, "run">>>> = {
  compare: () => import("./bench/compare.ts"),
  kernels: () => import("./bench/kernels.ts"),
  scaling: () => import("./bench/scaling.ts"),
  errors: () => import("./bench/errors.ts"),
  loader: () => import("./bench/loader.ts"),
  switch: () => import("./bench/switch.ts"),
};

/** What a bench prints with `--json`: the keys of the PyTorch side of the comparison. */
export interface BenchLine {
  /** Backend with features and threads. */
  readonly engine: string;
  /** How maps lie in memory. */
  readonly layout: string;
  readonly threads: number;
  readonly net: string;
  readonly batch: number;
  /** Fastest timed step. */
  readonly min_ms: number;
  /** Middle one of the sorted steps, the later of two. */
  readonly median_ms: number;
}

interface BenchOptions {
  readonly net?: string | undefined;
  readonly blocks?: number | undefined;
  readonly students?: number | undefined;
  readonly batch: number;
  readonly threads: number;
  readonly steps: number;
  readonly classes: number;
  readonly backend: string;
  readonly turbo?: boolean | undefined;
  readonly json?: true | undefined;
}

/** Times and prints. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const [first, ...rest] = args;
  if (first !== undefined && Object.hasOwn(tools, first)) return await (await tools[first]!()).run(rest, context);
  await new Command()
    .name("cohort bench")
    .description(
      "Time training steps: `step` is one net alone, `ffsd` two students and a leader with all modules of FFSD, `dml`\n" +
        "two students that imitate each other.\n" +
        "`compare` times both beside PyTorch, `kernels` every kernel of a step beside what the machine can do,\n" +
        "`scaling` batches and cohorts of several sizes, `switch` what a teacher that pauses saves; `errors` measures the\n" +
        "kernels' rounding errors.\n" +
        "Each has a --help of its own. One step warms up; copying the batch in and reading the losses count.",
    )
    .arguments("<what:string>")
    .option("--net <name:string>", "Net of every member; resnet32 unless said.")
    .option("--blocks <count:integer>", "Instead of --net: blocks a stage, n gives ResNet-(6n+2).")
    .option("--students <count:integer>", "Students of ffsd, the leader not counted, and of dml; 2 unless said.")
    .option("--batch <count:integer>", "Images a step.", { default: 128 })
    .option("--threads <count:integer>", "Threads of the wasm backend, 1 to 8.", { default: 1 })
    .option("--steps <count:integer>", "Timed steps.", { default: 5 })
    .option("--classes <count:integer>", "Classes of the random labels.", { default: 100 })
    .option("--backend <name:string>", "wasm, webgpu, tfjs, reference or auto.", { default: "wasm" })
    .option("--turbo", "Kernels for V8's unsafe flags; use the task bench:turbo.")
    .option("--json", "Print one line of JSON.")
    .noExit()
    .action(async (options, what) => {
      const line = await bench(what, { ...options, turbo: options.turbo === true || context.turbo === true });
      console.log(options.json ? JSON.stringify(line) : readable(what, line));
    })
    .parse([...args]);
  return 0;
}

async function bench(what: string, options: BenchOptions): Promise<BenchLine> {
  const { batch, steps, classes, threads, turbo } = options;
  if (!Object.hasOwn(subjects, what)) {
    const known = [...Object.keys(subjects), ...Object.keys(tools)];
    throw new UnknownNameError(`Cannot bench "${what}": there is no such bench.${didYouMean(what, known)}`);
  }
  for (const [name, value] of Object.entries({ batch, steps, classes })) {
    if (value < 1) throw new OptionError(`Cannot use --${name}: it is a whole number of at least 1, got ${value}.`);
  }
  const arch = archOf(options);
  const backend = await pick(options.backend as "auto" | BackendName, {
    wasm: { threads, ...(turbo === true ? { turbo } : {}) },
  });
  if (threads !== 1 && backend.name !== "wasm") {
    throw new BackendError(`Cannot use --threads: only wasm has threads, got ${threads} for ${backend.name}. Say 1.`);
  }
  const { times } = await measure(subjects[what]!(arch, studentsOf(what, options)), { backend, batch, classes, steps });
  const sorted = [...times].sort((a, b) => a - b);
  return {
    engine: `cohort ${backend.description}`,
    layout: layouts[backend.name],
    threads,
    net: arch.name,
    batch,
    min_ms: tenth(sorted[0]!),
    median_ms: tenth(sorted[Math.floor(sorted.length / 2)]!),
  };
}

function archOf({ net, blocks }: BenchOptions): Arch {
  if (net !== undefined && blocks !== undefined) {
    throw new OptionError(`Cannot use --net with --blocks: both say which net, got ${net} and ${blocks}. Say one.`);
  }
  if (blocks !== undefined) return resnet(6 * blocks + 2);
  return archNamed(net ?? "resnet32");
}

/** Students that were asked for; a net alone has none. */
function studentsOf(what: string, { students }: BenchOptions): number | undefined {
  if (students === undefined) return undefined;
  if (what === "step") {
    throw new OptionError(`Cannot use --students: step is one net alone, got ${students}. Bench ffsd or dml.`);
  }
  if (students < 2) {
    throw new OptionError(`Cannot use --students: it is a whole number of at least 2, got ${students}.`);
  }
  return students;
}

function readable(what: string, { engine, net, batch, min_ms, median_ms }: BenchLine): string {
  return `${what} ${net}, batch ${batch}: median ${median_ms} ms, fastest ${min_ms} ms a step\n${engine}`;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
