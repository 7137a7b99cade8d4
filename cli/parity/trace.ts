/**
 * Replays a step trace and compares everything it recorded.
 *
 * @module
 */

import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import type { Compiled } from "../../runtime/compile/compile.ts";
import type { Session } from "../../runtime/train/session.ts";
import type { Replay, Scores, StepView } from "./adapter.ts";
import { adapters } from "./adapters.ts";
import { tensorOf } from "./files.ts";
import { checkSums, sumsError } from "./formula.ts";
import {
  batchAt,
  compareCounts,
  compileReplay,
  compileStage,
  initialState,
  type Names,
  namesOf,
  openReplay,
  type Sabotage,
  stepOf,
} from "./replay.ts";
import { largestError, median, type Outcome, Report } from "./report.ts";
import { EXACT, type Spread, termError, type TraceRules, traceRules } from "./rules.ts";
import type { RecordedIteration, Trace, TraceFiles } from "./trace_format.ts";
import { atShownRate, FIRST_OF_STAGE, type Initial, type Read, readOf, updatesAfter } from "./updates.ts";

/** How a trace is replayed. */
export interface TraceOptions {
  /** Mistakes made on purpose. */
  readonly sabotage?: Sabotage;
  /** Only the first iterations, without what comes after the last. */
  readonly iterations?: number;
}

/** Replays a trace on a backend. */
export async function compareTrace(files: TraceFiles, backend: Backend, options: TraceOptions = {}): Promise<Outcome> {
  const { trace } = files;
  const adapter = adapters.get(trace.method);
  if (adapter === undefined) return { state: "TODO", reason: `the method ${trace.method} does not exist yet` };
  const replay = adapter(trace);
  if (typeof replay === "string") return { state: "TODO", reason: replay };
  const comparison = new Comparison(files, replay, backend, options);
  await comparison.run();
  return comparison.report.outcome();
}

class Comparison {
  readonly report: Report = new Report();
  readonly #files: TraceFiles;
  readonly #trace: Trace;
  readonly #replay: Replay;
  readonly #backend: Backend;
  readonly #sabotage: Sabotage;
  /** Iterations of the initial stage, which are listed first. */
  readonly #initial: number;
  /** Iterations of the main training that are replayed. */
  readonly #iterations: number;
  readonly #names: Names;
  readonly #rules: TraceRules;

  constructor(files: TraceFiles, replay: Replay, backend: Backend, options: TraceOptions) {
    this.#files = files;
    this.#trace = files.trace;
    this.#replay = replay;
    this.#backend = backend;
    this.#sabotage = options.sabotage ?? {};
    this.#initial = files.trace.iterations.filter(({ phase }) => phase === "init").length;
    this.#iterations = Math.min(options.iterations ?? Infinity, files.trace.iterations.length - this.#initial);
    this.#names = namesOf(replay);
    const exactness = this.#trace.iterations_f64 === undefined ? undefined : replay.exactness ?? EXACT;
    this.#rules = traceRules(backend, this.#trace.recommended_tolerance, exactness);
  }

  async run(): Promise<void> {
    for (const [name, [ours, recorded]] of Object.entries(this.#replay.coefficients ?? {})) {
      this.report.add(name, Math.abs(ours - recorded) / Math.max(Math.abs(recorded), 1e-300), 1e-12);
    }
    const debug = compileReplay(this.#files, this.#replay, this.#sabotage, true);
    const stage = compileStage(this.#files, this.#replay, this.#sabotage);
    const own = new Map(
      [...stage?.parameters ?? [], ...debug.parameters].map((entry) => [entry.name, entry] as const),
    );
    const all = { parameters: [...own.values()] };
    const initial = initialState(this.#trace, all, this.#replay, this.#names, this.report);
    compareCounts(this.#trace, all, this.#names, this.report, this.#replay.unused);
    this.report.same("iterations of an initial stage", this.#initial > 0, stage !== undefined);
    const begin = stage === undefined ? initial : await this.#stage(stage, initial);
    await this.#gradients(debug, begin);
    if (this.#iterations === 0) return;
    // The trained program is the fused one, which differs from the one that shows its gradients.
    const compiled = compileReplay(this.#files, this.#replay, this.#sabotage, false);
    const session = await openReplay(compiled, this.#backend, begin);
    try {
      const count = this.#trace.iterations.length - this.#initial;
      for (let k = 0; k < this.#iterations; k++) {
        await this.#iteration(session, k, count);
        const after = this.#trace.after[`${k + 1}`];
        if (after !== undefined) {
          await this.#updates(
            readOf(session, begin),
            initial,
            `${k + 1}`,
            k === 0 ? this.#rules.firstUpdate : this.#rules.lastUpdate,
          );
        }
      }
      if (this.#iterations === count) await this.#evaluation(session);
    } finally {
      await session.close();
    }
  }

  /** Replays the initial stage and gives what it leaves: all tensors but optimizers'. */
  async #stage(compiled: Compiled, initial: Initial): Promise<ReadonlyMap<string, Numbers>> {
    const rated = await atShownRate(compiled, this.#files, this.#replay, this.#backend, initial);
    const session = await openReplay(rated, this.#backend, initial);
    try {
      const read = readOf(session, initial);
      for (let k = 0; k < this.#initial; k++) {
        const step = await this.#step(session, k);
        this.#terms(k, this.#initial, k, this.#replay.stageTerms?.(step) ?? {}, step);
        // The recording has no tolerance for it, and a stage's changes are small beside what is rounded with them.
        if (k === 0) await this.#updates(read, initial, FIRST_OF_STAGE, this.#rules.lastUpdate);
      }
      await this.#updates(read, initial, "init_stage_end", this.#rules.lastUpdate);
      const left = new Map<string, Numbers>(initial);
      for (const { name } of compiled.parameters) left.set(name, await session.read(name));
      return left;
    } finally {
      await session.close();
    }
  }

  #step(session: Session, k: number): Promise<StepView> {
    return stepOf(session, this.#files, this.#replay, k);
  }

  async #gradients(compiled: Compiled, initial: ReadonlyMap<string, Numbers>): Promise<void> {
    const session = await openReplay(compiled, this.#backend, initial);
    let resting: readonly string[] = [];
    try {
      const { paused } = await this.#step(session, 0);
      resting = paused;
      const here = new Set(
        Object.keys(compiled.step.outputs).filter((name) => name.startsWith("gradient/")).map((name) => name.slice(9))
          .filter((name) => !paused.includes(name.slice(0, name.indexOf("/")))),
      );
      const errors: { readonly name: string; readonly error: number }[] = [];
      for (const { optimizer, grads } of this.#trace.grads_iteration_1) {
        const scale = 0.01 * Math.max(...Object.values(grads).map(({ l2 }) => l2));
        for (const [recorded, sums] of Object.entries(grads)) {
          const name = this.#names(recorded) ?? "";
          if (!here.delete(name)) {
            this.report.fail(`gradient of ${recorded}: optimizer ${optimizer} saw one, here there is none`);
            continue;
          }
          const values = await session.readStep(`gradient/${name}`);
          errors.push({ name: recorded, error: sumsError(checkSums(values), sums, values.length, scale) });
        }
      }
      for (const name of here) this.report.fail(`gradient of ${name}: there is one here, no recorded optimizer saw it`);
      this.#spread("gradient", errors, this.#rules.gradients);
    } finally {
      await session.close();
    }
    this.#order(compiled, resting);
  }

  /** Groups that do not pause update in the order of the recorded optimizers, from one forward. */
  #order(compiled: Compiled, resting: readonly string[]): void {
    const steps = this.#trace.grads_iteration_1.map(({ optimizer }) => optimizer);
    const groups = compiled.plan.groups.filter(({ id }) =>
      compiled.optimizers[id] !== undefined && !resting.includes(id)
    );
    const order = groups.map(({ id }) => this.#replay.optimizers[id]).filter((name, i, all) => name !== all[i - 1]);
    this.report.same("order of optimizer steps", order, steps);
    this.report.same("forwards before the first update", new Set(groups.map(({ phase }) => phase)).size, 1);
  }

  async #iteration(session: Session, k: number, count: number): Promise<void> {
    const step = await this.#step(session, k);
    const listed = k + this.#initial;
    this.#terms(listed, count, k, this.#replay.terms(step), step);
    const { decisions = this.#trace.iterations[listed]!.decisions } = this.#recorded(listed);
    this.#decisions(step, k, decisions, this.#rules.terms(k, count));
    for (const name of this.#replay.tensors ?? []) {
      const values = Float64Array.from(step.values(`watch/${name}`));
      this.#compareScores(`iteration ${k + 1} ${name}`, `it${k}/${name}`, values, this.#rules.logits(k));
    }
    for (const key of this.#keys(`it${k}/logits/`)) {
      const scores = await this.#scores(
        key,
        (name) => session.readStep(name.startsWith("watch/") ? name : `logits/${name}`),
      );
      this.#compareScores(`iteration ${k + 1} logits ${key}`, `it${k}/logits/${key}`, scores, this.#rules.logits(k));
    }
  }

  /** Choices are the same; numbers are near: weights follow from a flat optimum, so float32 has to be less near. */
  #decisions(step: StepView, k: number, recorded: RecordedIteration["decisions"], tolerance: number): void {
    if (recorded === undefined) return;
    const numbers = this.#replay.measurements?.(step) ?? {};
    const choices = Object.fromEntries(Object.entries(recorded).filter(([name]) => numbers[name] === undefined));
    this.report.same(`iteration ${k + 1} decisions`, this.#replay.decisions?.(step) ?? {}, choices);
    for (const [name, values] of Object.entries(numbers)) {
      const theirs = [recorded[name]].flat(2) as number[];
      const allowed = this.#backend.precision === "float64" ? tolerance : Math.max(1e-3, tolerance);
      this.report.add(`iteration ${k + 1} ${name}`, largestError(values, theirs), allowed);
    }
  }

  /** A listed iteration; on a float64 backend as the float64 run had it. */
  #recorded(listed: number): RecordedIteration {
    const double = this.#backend.precision === "float64" ? this.#trace.iterations_f64 : undefined;
    return (double ?? this.#trace.iterations)[listed]!;
  }

  /** Compares terms with those of a listed iteration, which is number `k` of `count` in its part of the trace. */
  #terms(listed: number, count: number, k: number, ours: Readonly<Record<string, number>>, step: StepView): void {
    const recorded = this.#recorded(listed);
    const weightless = new Set(Object.keys(step.weights).filter((name) => step.weights[name] === 0));
    for (const [name, value] of Object.entries(recorded.terms)) {
      const mine = ours[name];
      if (mine !== undefined) {
        this.report.add(`iteration ${k + 1} term ${name}`, termError(mine, value), this.#rules.terms(k, count));
      } else if (weightless.size === 0) this.report.fail(`iteration ${k + 1} term ${name} does not exist here`);
    }
  }

  async #updates(read: Read, initial: Initial, iteration: string, spread: Spread): Promise<void> {
    const updates = await updatesAfter(iteration, this.#trace, this.#replay, read, initial);
    for (const { name, error } of updates.resting) {
      this.report.add(`iteration ${iteration} ${name}, which rests`, error, 0);
    }
    this.#spread(`iteration ${iteration} update`, updates.moving, spread);
    this.#spread(`iteration ${iteration} buffer`, updates.buffers, spread);
  }

  async #evaluation(session: Session): Promise<void> {
    const { images, labels } = batchAt(this.#trace, this.#files.batches, 0);
    const scores = await session.evaluate(images, labels.length);
    for (const key of this.#keys("eval/")) {
      const mine = await this.#scores(key, (name) => Promise.resolve(scores[name]!));
      this.#compareScores(`evaluation logits ${key}`, `eval/${key}`, mine, this.#rules.evaluation);
    }
  }

  #keys(prefix: string): readonly string[] {
    return [...this.#files.tensors.keys()].filter((name) => name.startsWith(prefix)).map((name) =>
      name.slice(prefix.length)
    );
  }

  async #scores(key: string, read: (name: string) => Promise<Numbers>): Promise<Float64Array | undefined> {
    const scores = this.#replay.scores(key);
    return scores === undefined ? undefined : combine(scores, await Promise.all(scores.of.map(read)));
  }

  #compareScores(what: string, tensor: string, mine: Float64Array | undefined, tolerance: number): void {
    if (mine === undefined) this.report.fail(`${what}: there are none here`);
    else this.report.add(what, largestError(mine, tensorOf(this.#files.tensors, tensor).data), tolerance);
  }

  #spread(
    what: string,
    errors: readonly { readonly name: string; readonly error: number }[],
    { median: middle, max }: Spread,
  ): void {
    for (const { name, error } of errors) this.report.add(`${what} ${name}`, error, max);
    if (errors.length > 0) this.report.add(`${what}, median`, median(errors.map(({ error }) => error)), middle);
  }
}

function combine({ as }: Scores, parts: readonly Numbers[]): Float64Array {
  const size = parts[0]!.length;
  if (as === "one") return Float64Array.from(parts[0]!);
  if (as === "stack") return Float64Array.from({ length: size * parts.length }, (_, i) => at(parts, i));
  return Float64Array.from({ length: size }, (_, i) => parts.reduce((sum, part) => sum + part[i]!, 0) / parts.length);
}

function at(parts: readonly Numbers[], i: number): number {
  return parts[i % parts.length]![Math.floor(i / parts.length)]!;
}
