/**
 * A compiled sentence on a backend: state, one training step, evaluation. Knows nothing of epochs or files.
 *
 * @module
 */

import type { BatchMix } from "../../dsl/data.ts";
import type { Compiled } from "../compile/compile.ts";
import type { Backend, Engine, Feed, Numbers, Runner } from "../backend/backend.ts";
import { SentenceError, ShapeError } from "../../dsl/errors.ts";
import { sizeOf } from "../ir/node.ts";
import { initialValues } from "./init.ts";

/** What a training step is fed. */
export interface StepFeed {
  readonly count: number;
  /** One array per view. */
  readonly images: readonly Float32Array[];
  readonly labels: Uint16Array;
  /** Other inputs by name: `index`, `negatives/<count>`. */
  readonly inputs?: Readonly<Record<string, Float32Array>>;
  /** Second labels and their weights, where images are mixed. */
  readonly mix?: BatchMix;
  /** Weight of each term. */
  readonly weights: Readonly<Record<string, number>>;
  /** Learning rate of each group. */
  readonly rates: Readonly<Record<string, number>>;
  /** Measured values. */
  readonly measured?: Readonly<Record<string, number>>;
}

/** What a step reported. */
export interface StepResult {
  /** Every term, weighted. */
  readonly terms: Readonly<Record<string, number>>;
  /** Groups that paused. */
  readonly paused: readonly string[];
  /** Every watched quantity that is one number. */
  readonly watched: Readonly<Record<string, number>>;
}

/** State on a device with the two programs that use it. */
export class Session {
  readonly compiled: Compiled;
  readonly backend: Backend;
  readonly #engine: Engine;
  readonly #step: Runner;
  readonly #evaluation: Runner;
  readonly #watches: readonly string[];

  private constructor(compiled: Compiled, backend: Backend, engine: Engine, step: Runner, evaluation: Runner) {
    this.compiled = compiled;
    this.backend = backend;
    this.#engine = engine;
    this.#step = step;
    this.#evaluation = evaluation;
    const { outputs, nodes } = compiled.step;
    this.#watches = compiled.plan.graph.watches.map(({ name }) => name).filter((name) =>
      nodes[outputs[`watch/${name}`]!]!.shape.length === 0
    );
  }

  /** Compiles both programs for a backend. All state is zero until {@linkcode Session.initialize} or writes. */
  static async open(compiled: Compiled, backend: Backend): Promise<Session> {
    const engine = await backend.open(compiled.state);
    try {
      const step = await engine.load(compiled.step);
      const evaluation = await engine.load(compiled.evaluation);
      return new Session(compiled, backend, engine, step, evaluation);
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** Working memory of a training step, in bytes. */
  get bytes(): number {
    return this.#step.bytes;
  }

  /** Fills weights from the seed and clears optimizer slots. */
  async initialize(seed: number): Promise<void> {
    const filled = new Map(this.compiled.parameters.map((entry) => [entry.name, initialValues(entry, seed)]));
    for (const { name, shape } of this.compiled.state) {
      await this.#engine.write(name, filled.get(name) ?? new Float32Array(sizeOf(shape)));
    }
  }

  /** Runs one training step and reads its terms. */
  async step(feed: StepFeed): Promise<StepResult> {
    if ((feed.mix !== undefined) !== (this.compiled.plan.mixed === true)) {
      throw new SentenceError(
        `Cannot run a step: mixed images need a sentence compiled for them, got ${
          feed.mix === undefined ? "images that are not mixed" : "one that is not"
        }. Say mixup or cutmix in the dataset's augment before compiling.`,
      );
    }
    await this.#step.run(feedOf(feed));
    const terms: Record<string, number> = {};
    for (const { name } of this.compiled.plan.graph.terms) {
      terms[name] = (await this.#step.read(`term/${name}`))[0]!;
    }
    const skipped = this.#step.skipped().map((segment) => segment.replace(/^update /, "").replace(/, part \d+$/, ""));
    const paused = [...new Set(skipped)].flatMap((groups) => groups.split("+"));
    const watched: Record<string, number> = {};
    for (const name of this.#watches) watched[name] = (await this.#step.read(`watch/${name}`))[0]!;
    return { terms, paused, watched };
  }

  /** Reads an output of the last training step: `logits/<net>`, `watch/<name>`, `gradient/<parameter>`. */
  readStep(output: string): Promise<Numbers> {
    return this.#step.read(output);
  }

  /** Class scores of every net and head on images, `[count, classes]` each. */
  async evaluate(images: Float32Array, count: number): Promise<Readonly<Record<string, Numbers>>> {
    const uniforms = Object.fromEntries(this.compiled.measured.map((name) => [`measured/${name}`, 0]));
    const views = new Set(
      this.compiled.evaluation.nodes.flatMap((node) => node.op === "input" ? [node.attrs.name] : []),
    );
    await this.#evaluation.run({
      count,
      inputs: Object.fromEntries([...views].map((view) => [view, images])),
      uniforms,
    });
    const scores: Record<string, Numbers> = {};
    for (const output of Object.keys(this.compiled.evaluation.outputs)) {
      scores[output.replace(/^logits\//, "")] = await this.#evaluation.read(output);
    }
    return scores;
  }

  /** Reads one tensor of state. */
  read(state: string): Promise<Numbers> {
    return this.#engine.read(state);
  }

  /** Overwrites one tensor of state. @throws {ShapeError} If the number of values differs. */
  async write(state: string, values: Numbers): Promise<void> {
    const entry = this.compiled.state.find((candidate) => candidate.name === state);
    if (entry === undefined || sizeOf(entry.shape) !== values.length) {
      throw new ShapeError(
        `Cannot write ${state}: it holds ${
          entry === undefined ? "nothing here" : `[${entry.shape}]`
        }, got ${values.length} numbers.`,
      );
    }
    await this.#engine.write(state, values);
  }

  /** Frees device memory. */
  async close(): Promise<void> {
    this.#step.close();
    this.#evaluation.close();
    await this.#engine.close();
  }
}

/** What the training step's program is fed, by the names of its inputs and uniforms. */
export function feedOf({ count, images, labels, inputs, mix, weights, rates, measured = {} }: StepFeed): Feed {
  const named = (prefix: string, values: Readonly<Record<string, number>>): [string, number][] =>
    Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]);
  return {
    count,
    inputs: { ...imageInputs(images), labels, ...mixInputs(mix), ...inputs },
    uniforms: Object.fromEntries([
      ...named("weight", weights),
      ...named("rate", rates),
      ...named("measured", measured),
    ]),
  };
}

function mixInputs(mix: BatchMix | undefined): Record<string, Uint16Array | Float32Array> {
  return mix === undefined ? {} : { "mix/labels": mix.labels, "mix/weights": mix.weights };
}

function imageInputs(images: readonly Float32Array[]): Record<string, Float32Array> {
  return Object.fromEntries(images.map((view, index) => [`images/${index}`, view]));
}
