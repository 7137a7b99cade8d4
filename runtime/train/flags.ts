/**
 * The flags that every pipeline program takes.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { didYouMean, OptionError } from "../../dsl/errors.ts";
import type { BackendName } from "../backend/backend.ts";

/** What the flags said; absent means "as the sentence says". */
export interface RunFlags {
  /** Passes over the training images. */
  readonly epochs?: number;
  /** Images a step. */
  readonly batch?: number;
  /** Seed of weights, order and augmentation. */
  readonly seed?: number;
  /** Another row of the program's tables, where it has them. */
  readonly row?: string;
  /** Another architecture for every net. */
  readonly net?: string;
  /** Another dataset: a name or a path. */
  readonly dataset?: string;
  /** Largest number of training images. */
  readonly limit?: number;
  /** Where to compute; `auto` takes a real GPU, else WASM. */
  readonly backend: "auto" | BackendName;
  /** Threads of the WASM backend. */
  readonly threads?: number;
  /** Folder that holds the folders of runs. */
  readonly runs: string;
  /** Name of the run's folder. */
  readonly name?: string;
  /** Checkpoint to continue. */
  readonly resume?: string;
  /** Weight files that nets start from, by net. */
  readonly weights?: Readonly<Record<string, string>>;
  /** Fetch a dataset that is not here. */
  readonly download: boolean;
  /** Print what the sentence means, and stop. */
  readonly explain: boolean;
  /** Print the flags, and stop. */
  readonly help: boolean;
}

const backends = ["auto", "reference", "wasm", "webgpu", "tfjs"];

const flags = {
  epochs: { type: "string" },
  batch: { type: "string" },
  seed: { type: "string" },
  row: { type: "string" },
  net: { type: "string" },
  dataset: { type: "string" },
  limit: { type: "string" },
  backend: { type: "string" },
  threads: { type: "string" },
  runs: { type: "string" },
  name: { type: "string" },
  resume: { type: "string" },
  weights: { type: "string", multiple: true },
  download: { type: "boolean" },
  explain: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** Help text of a pipeline program. */
export const flagHelp: string = `Flags:
  --epochs N       passes over the training images
  --batch N        images a step
  --seed N         seed of weights, order and augmentation
  --row NAME       another row of the paper's tables, where the program has them
  --net NAME       another architecture for every net
  --dataset WHAT   digits, fashion_mnist, cifar10, cifar100, cinic10, tiny_imagenet, or the path of a folder or
                   archive of images
  --limit N        train on the first N images only, classes balanced
  --backend NAME   auto (a real GPU, else WASM), wasm, webgpu, tfjs or reference
  --threads N      threads of the WASM backend, 1 to 8; one per core unless said. Results are the same with any
  --runs FOLDER    where runs are kept; runs unless said
  --name NAME      name of this run's folder
  --resume FILE    continue from a checkpoint
  --weights N=FILE start net N, e.g. the teacher, from a .safetensors file; may be said again. A teacher that has one
                   is not trained first
  --download       fetch a dataset that is not on this machine
  --explain        print what the sentence means, and stop
  --help           this text
Permissions: --allow-read --allow-write=runs, and --allow-net=HOST only for a download.`;

/**
 * Reads flags.
 *
 * @throws {OptionError} If a flag is not known (with the closest one) or a number is none.
 */
export function parseFlags(args: readonly string[]): RunFlags {
  const known = Object.keys(flags).map((name) => `--${name}`);
  for (const arg of args) {
    const name = arg.split("=")[0]!;
    if (name.startsWith("--") && !known.includes(name)) {
      throw new OptionError(`Cannot read the flags: ${name} is not one of them.${didYouMean(name, known)}`);
    }
  }
  const { values, positionals } = readArgs(joined(args));
  if (positionals.length > 0) {
    throw new OptionError(`Cannot read the flags: a flag begins with --, got "${positionals[0]}". Try --help.`);
  }
  const text = (name: keyof typeof values): string | undefined => values[name] as string | undefined;
  const whole = (
    name: "epochs" | "batch" | "seed" | "limit" | "threads",
    least: number,
    most?: number,
  ): number | undefined => {
    const said = text(name);
    if (said === undefined) return undefined;
    const value = Number(said);
    if (!/^\d+$/.test(said) || !Number.isSafeInteger(value) || value < least || value > (most ?? value)) {
      const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new OptionError(`Cannot use --${name}: it is a whole number ${range}, got "${said}". Try --help.`);
    }
    return value;
  };
  const backend = text("backend") ?? "auto";
  if (!backends.includes(backend)) {
    throw new OptionError(
      `Cannot use --backend: it is a known backend, got "${backend}".${didYouMean(backend, backends)}`,
    );
  }
  return present({
    epochs: whole("epochs", 1),
    batch: whole("batch", 1),
    seed: whole("seed", 0),
    row: text("row"),
    net: text("net"),
    dataset: text("dataset"),
    limit: whole("limit", 1),
    backend: backend as RunFlags["backend"],
    threads: whole("threads", 1, 8),
    runs: text("runs") ?? "runs",
    name: text("name"),
    resume: text("resume"),
    weights: weightFiles(values.weights),
    download: values.download ?? false,
    explain: values.explain ?? false,
    help: values.help ?? false,
  });
}

/** Joins a flag and a negative number, which would read as another flag. */
function joined(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, i) => {
    if (/^-\d/.test(arg) && args[i - 1]?.startsWith("--") === true) return [];
    const next = args[i + 1] ?? "";
    return arg.startsWith("--") && /^-\d/.test(next) ? [`${arg}=${next}`] : [arg];
  });
}

function weightFiles(said: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  return said && Object.fromEntries(said.map((pair) => {
    const [, net, file] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (net === undefined) {
      throw new OptionError(`Cannot use --weights: it is a net and a file, got "${pair}". Write teacher=FILE.`);
    }
    return [net, file!];
  }));
}

type Raw = { readonly [K in keyof RunFlags]: RunFlags[K] | undefined };

function present(raw: Raw): RunFlags {
  return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined)) as unknown as RunFlags;
}

function readArgs(args: readonly string[]): ReturnType<typeof parse> {
  try {
    return parse(args);
  } catch (error) {
    throw new OptionError(`Cannot read the flags: ${(error as Error).message} Try --help.`);
  }
}

// deno-lint-ignore explicit-module-boundary-types
function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: flags, allowPositionals: true, strict: true });
}
