/**
 * Online knowledge distillation from one sentence: the language, methods, datasets, and the trainer under them.
 *
 * @example
 * ```ts
 * import { cohort, run } from "./mod.ts";
 * const pipeline = cohort("resnet32×3").leader().fuse().selfDistill();
 * console.log(String(pipeline.explain()));
 * await run(pipeline, { args: ["--dataset", "digits", "--epochs", "20", "--explain"] }); // without --explain it trains
 * ```
 *
 * @module
 */

import type { Arch } from "./dsl/arch.ts";
import { builtinArchs } from "./dsl/archs/mod.ts";
import type { Dataset } from "./dsl/data.ts";
import { didYouMean, OptionError, UnknownNameError } from "./dsl/errors.ts";
import { equalJson } from "./dsl/json.ts";
import type { Known } from "./dsl/known.ts";
import { parseSpec, type Values } from "./dsl/parse_spec.ts";
import type { AnyPipeline, Pipeline } from "./dsl/pipeline.ts";
import { noNet } from "./dsl/refused.ts";
import type { ScheduleSpec, Spec, TrainSpec } from "./dsl/spec.ts";
import { trainSpec } from "./dsl/train.ts";
import { pretrainScaled } from "./dsl/verbs/pretrain.ts";
import {
  cifar10,
  cifar100,
  cinic10,
  dataset,
  digits,
  fashionMnist,
  imageFolder,
  imagenet,
  synthetic,
  tinyImagenet,
  withLimit,
  withSplit,
} from "./datasets/mod.ts";
import { fromRecorded } from "./datasets/recorded.ts";
import { builtinMethods } from "./methods/mod.ts";
import type { RunFlags } from "./runtime/train/flags.ts";
import { runProgram } from "./runtime/train/run.ts";
import type { TrainResult } from "./runtime/train/train.ts";

export * from "./dsl/mod.ts";
export * from "./methods/mod.ts";
export * from "./datasets/mod.ts";
// In the language `run` is a further forward of a net; here that word runs a pipeline.
export { run as forward } from "./dsl/value.ts";

export type { Backend, BackendName, Engine, Feed, Numbers, Runner } from "./runtime/backend/backend.ts";
export { type BackendRequest, pick, type Picked, type PickOptions } from "./runtime/backend/pick.ts";
export type { TfjsEngine } from "./runtime/backend/tfjs/device.ts";
export type { WasmOptions } from "./runtime/backend/wasm/wasm.ts";
export { reference } from "./runtime/backend/reference/reference.ts";
export {
  backendSuite,
  type Case,
  type CaseRun,
  type Outcome,
  runCase,
  type Tolerance,
} from "./runtime/backend/suite.ts";
export { checkMethod, type CheckMethodOptions } from "./runtime/check/check_method.ts";
export { type MethodFinding, type MethodRule } from "./runtime/check/finding.ts";
export { compile, type Compiled, type CompileOptions, parameterCount } from "./runtime/compile/compile.ts";
export type { ParameterEntry } from "./runtime/compile/net.ts";
export type { CompileInput, Plan, PlannedGroup, PlannedModule } from "./runtime/compile/resolve.ts";
export type { Expr } from "./runtime/ir/expr.ts";
export type { Attrs, ConvAttrs, Node, NodeOf, Pair, PoolAttrs, Primitive, Shape } from "./runtime/ir/node.ts";
export type {
  AdamEffect,
  Effect,
  Segment,
  SgdEffect,
  StateEntry,
  StateKind,
  StepProgram,
} from "./runtime/ir/program.ts";
export type { EpochRecord, FitEvent } from "./runtime/train/fit.ts";
export { flagHelp, parseFlags, type RunFlags } from "./runtime/train/flags.ts";
export type { Accuracy, Metrics } from "./runtime/train/metrics.ts";
export { deployed, weightsOf } from "./runtime/train/run_files.ts";
export { decodeTensors, encodeTensors, type NamedTensor, type TensorFile } from "./runtime/train/safetensors.ts";
export { decodeSnapshot, encodeSnapshot, type Position, type Snapshot } from "./runtime/train/snapshot.ts";
export {
  type Best,
  evaluate,
  train,
  type Trainable,
  type TrainEvent,
  type TrainResult,
  type TrainRunOptions,
} from "./runtime/train/train.ts";

/** Options of {@linkcode run}. */
export interface ProgramOptions {
  /** Flags; the process's own unless said. */
  readonly args?: readonly string[];
  /** Receives each line; `console.log` unless said. */
  readonly print?: (line: string) => void;
  /** Rows of a paper's tables, from which `--row NAME` chooses another sentence. */
  readonly rows?: Rows;
}

/** Sentences by the name of their row in a paper's tables. */
export type Rows = Readonly<Record<string, AnyPipeline>>;

/**
 * The sentence of a row; the one given where no row is said.
 *
 * @throws {UnknownNameError} If there are no rows, or none of that name.
 *
 * @example
 * ```ts
 * import { cohort, rowOf } from "./mod.ts";
 * const rows = { resnet32: cohort("resnet32×2").mutual(), wrn_16_2: cohort("wrn_16_2×2").mutual() };
 * console.log(rowOf(rows, "wrn_16_2", rows.resnet32).spec.nets[0]?.arch); // wrn_16_2
 * ```
 */
export function rowOf(rows: Rows | undefined, name: string | undefined, otherwise: AnyPipeline): AnyPipeline {
  if (name === undefined) return otherwise;
  if (rows !== undefined && Object.hasOwn(rows, name)) return rows[name]!;
  const known = Object.keys(rows ?? {});
  throw new UnknownNameError(
    `Cannot use --row: ${known.length === 0 ? "this program has no rows" : "the program has a row of that name"}, ` +
      `got "${name}".${didYouMean(name, known)}${listed(known)}`,
  );
}

function listed(rows: readonly string[]): string {
  if (rows.length === 0) return "";
  return rows.length > 25 ? ` --help lists all ${rows.length}.` : ` Known: ${rows.join(", ")}.`;
}

/**
 * Runs a pipeline as a program: reads the flags, trains, prints what comes of it and sets the exit code: 0, 1 after a
 * mistake of the user, 130 after Ctrl-C. `--help` lists the flags; {@linkcode rebind} tells how they change a sentence.
 *
 * Needs `--allow-read --allow-write=runs` and nothing else, but `--allow-net` for `--download`.
 *
 * @example
 * ```ts
 * import { cohort, digits, run } from "./mod.ts";
 * const pipeline = cohort("resnet8×2").mutual().on(digits()).train({ epochs: 10 });
 * export default pipeline;
 * if (import.meta.main) await run(pipeline);
 * ```
 */
export async function run(
  pipeline: AnyPipeline,
  options: ProgramOptions = {},
): Promise<TrainResult | undefined> {
  const { rows, ...rest } = options;
  return await runProgram({
    ...rest,
    ...(rows === undefined ? {} : { rows: Object.keys(rows) }),
    apply: (flags) => rebind(rowOf(rows, flags.row, pipeline), flags),
  });
}

/** What {@linkcode rebind} changes: those flags of a program that are about the sentence. */
export type Rebinding = Partial<
  Pick<RunFlags, "net" | "dataset" | "limit" | "download" | "epochs" | "batch" | "seed">
>;

/**
 * The same sentence on another net, dataset or schedule. Every verb is said again, so that a spot the new net lacks is
 * refused in the verb's own words.
 *
 * - `net`: every net gets that architecture, built in or one of the sentence's own.
 * - `dataset`: a name or a path; whatever class counts the sentence was bound to are released. Where the sentence splits
 *   off a validation part, so it is here: the same share, or a tenth where it says a number of images.
 * - `limit`: the first images of the training set, classes balanced; the held-out images stay.
 * - `epochs`: milestones of the learning rate keep their place in the run (after half and three quarters, unless the
 *   sentence has others); warm-ups, which are counted in epochs, stay as they are. `pretrain()` is made longer or shorter
 *   in the same way, stages that methods have are not.
 * - `batch`, `seed`: that number. The learning rate does not follow the batch.
 *
 * @throws {UnknownNameError} If there is no such net or dataset.
 * @throws {UnknownSpotError} If a verb taps a spot that the new net lacks.
 * @throws {OptionError} If a number is outside its range, or `download` is asked of a dataset that has no address.
 *
 * @example
 * ```ts
 * import { cifar100, cohort, rebind } from "./mod.ts";
 * const pipeline = cohort("resnet32×3").leader().fuse().on(cifar100()).train({ epochs: 300 });
 * const small = rebind(pipeline, { net: "resnet8", dataset: "digits", epochs: 20 });
 * console.log(small.spec.train?.schedule.milestones); // [10, 15]
 * ```
 */
export function rebind(pipeline: AnyPipeline, flags: Rebinding = {}): Pipeline<Known> {
  const { dataset: _, train, ...sentence } = pipeline.spec;
  const { net } = flags;
  const archs = flags.dataset === undefined ? pipeline.archs : released(pipeline.archs);
  if (net !== undefined && !Object.hasOwn({ ...builtinArchs, ...archs }, net)) {
    throw new UnknownNameError(
      `Cannot use --net: ${noNet(net)}.${didYouMean(net, Object.keys({ ...builtinArchs, ...archs }))}`,
    );
  }
  const nets = sentence.nets.map((said) => ({ ...said, arch: net ?? said.arch }));
  const methods = Object.fromEntries(
    pipeline.methods.map(({ name }) => [name, (options: object) => {
      return pipeline.methods.find((said) => said.name === name && equalJson(said.options, options))!;
    }]),
  );
  const clauses = clausesOf(pipeline.spec, flags.epochs);
  const bound = parseSpec({ ...sentence, clauses, nets }, { methods, archs });
  const data = datasetOf(pipeline.dataset, flags);
  const on = data === undefined ? bound : bound.on(data) as unknown as Pipeline<Known>;
  const settings = settingsOf(train, flags);
  return settings === undefined ? on : on.train(settings);
}

/**
 * What the names of a spec stand for when it says built-in things only, for {@linkcode parseSpec}.
 *
 * @example
 * ```ts
 * import { builtins, cohort, digits, parseSpec } from "./mod.ts";
 * const text = JSON.stringify(cohort("resnet8×2").mutual().on(digits()).spec);
 * console.log(String(parseSpec(text, builtins).explain()));
 * ```
 */
export const builtins: Values = Object.freeze({
  methods: builtinMethods,
  datasets: Object.freeze({
    digits: again(digits),
    fashion_mnist: again(fashionMnist),
    cifar10: again(cifar10),
    cifar100: again(cifar100),
    cinic10: again(cinic10),
    tiny_imagenet: again(tinyImagenet),
    imagenet: again(imagenet),
    image_folder: again(imageFolder),
    synthetic: again(({ channels, height, width, ...rest }) =>
      synthetic({ ...rest, shape: [channels, height, width] })
    ),
  }),
});

/** Makes a dataset again from what a spec records of it. */
// deno-lint-ignore no-explicit-any -- recorded options are checked when they are equal to those of the value made
function again(make: (options: any) => Dataset): (options: Dataset["options"]) => Dataset {
  return (options) => fromRecorded(make, options);
}

/** Architectures without the class counts they were bound to. */
function released(archs: Readonly<Record<string, Arch>>): Readonly<Record<string, Arch>> {
  return Object.fromEntries(
    Object.entries(archs).map(([name, arch]) => [name, Object.freeze({ ...arch, classes: undefined })]),
  );
}

function datasetOf(said: Dataset | undefined, flags: Rebinding): Dataset | undefined {
  const chosen = flags.dataset === undefined ? said : validated(dataset(flags.dataset), said?.options ?? {});
  const fetched = flags.download === true && chosen !== undefined ? downloaded(chosen) : chosen;
  return fetched === undefined || flags.limit === undefined ? fetched : withLimit(fetched, flags.limit);
}

/** A dataset with a validation part of the share that another has. */
function validated(chosen: Dataset, { validation, splitSeed }: Dataset["options"]): Dataset {
  if (typeof validation !== "number") return chosen;
  const seed = typeof splitSeed === "number" ? { seed: splitSeed } : {};
  return withSplit(chosen, { validation: validation < 1 ? validation : 0.1, ...seed });
}

const fetching = { fashion_mnist: fashionMnist, cifar10, cifar100, cinic10, tiny_imagenet: tinyImagenet };

function downloaded({ kind, name, options }: Dataset): Dataset {
  if (!Object.hasOwn(fetching, kind)) {
    throw new OptionError(
      `Cannot use --download: it fetches ${Object.keys(fetching).join(", ")}, got ${name}. Leave it out.`,
    );
  }
  const make = fetching[kind as keyof typeof fetching];
  return again((settings) => make({ ...settings, download: true }))(options);
}

function clausesOf({ clauses, train }: Spec, epochs: number | undefined): Spec["clauses"] {
  if (epochs === undefined || train === undefined) return clauses;
  return clauses.map((clause) =>
    clause.verb === "pretrain" ? { ...clause, options: pretrainScaled(clause.options, epochs / train.epochs) } : clause
  );
}

function settingsOf(said: TrainSpec | undefined, flags: Rebinding): TrainSpec | undefined {
  const { epochs, batch, seed } = flags;
  if (epochs === undefined && batch === undefined && seed === undefined) return said;
  const before = said ?? trainSpec();
  return trainSpec({
    ...before,
    ...(epochs === undefined ? {} : { epochs, schedule: rescaled(before, epochs) }),
    ...(batch === undefined ? {} : { batch }),
    ...(seed === undefined ? {} : { seed }),
  });
}

function rescaled({ schedule, epochs: before }: Pick<TrainSpec, "schedule" | "epochs">, epochs: number): ScheduleSpec {
  const usual = (count: number) => trainSpec({ epochs: count }).schedule.milestones;
  const milestones = equalJson(schedule.milestones, usual(before))
    ? usual(epochs)
    : [...new Set(schedule.milestones.map((milestone) => Math.ceil(milestone * epochs / before)))];
  return { ...schedule, milestones };
}
