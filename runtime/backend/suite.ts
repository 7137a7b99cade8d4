/**
 * The conformance suite every backend passes: cases over all primitives, effects and gates, compared with an oracle.
 *
 * It imports no test library, so that a backend published elsewhere runs the same cases.
 *
 * @example
 * ```ts
 * import { backendSuite, runCase } from "./suite.ts";
 * import { reference } from "./reference/reference.ts";
 *
 * const [subject] = backendSuite();
 * const outcome = await runCase(subject!, reference(), reference());
 * if (!outcome.passed) throw new Error(outcome.failures.join("\n"));
 * ```
 *
 * @module
 */

import type { Effect, StepProgram } from "../ir/program.ts";
import type { Backend, Engine, Numbers, Runner } from "./backend.ts";
import type { Case, CaseRun } from "./suite/case.ts";
import { type Difference, difference } from "./suite/compare.ts";
import { compositeCases } from "./suite/composite.ts";
import { broadcastCases, scalarCases } from "./suite/elementwise.ts";
import { fusingCases } from "./suite/fusing.ts";
import { gatherCases } from "./suite/gathering.ts";
import { matmulCases, reductionCases } from "./suite/linear.ts";
import { choosingCases, movingCases, outputCases } from "./suite/moving.ts";
import { routingCases } from "./suite/routing.ts";
import { convolutionCases, normCases, poolingCases, singleImageNorm } from "./suite/spatial.ts";
import { weighingCases } from "./suite/weighing.ts";
import { effectCases, segmentCases } from "./suite/stateful.ts";

export type { Case, CaseRun, Tolerance } from "./suite/case.ts";

/** How a backend did in one case. */
export interface Outcome {
  /** Whether nothing differs by more than the case's tolerance. */
  readonly passed: boolean;
  /** Largest error in the tolerance's measure, comparable with `tolerance.relative`. */
  readonly error: number;
  /** Where that error is. */
  readonly worst: string;
  /** One sentence for each quantity that fails. */
  readonly failures: readonly string[];
}

/** All cases, small ones first within each topic. */
export function backendSuite(): readonly Case[] {
  return [
    ...scalarCases(),
    ...broadcastCases(),
    ...reductionCases(),
    ...matmulCases(),
    ...convolutionCases(),
    ...poolingCases(),
    ...normCases(),
    singleImageNorm(),
    ...movingCases(),
    ...choosingCases(),
    ...weighingCases(),
    ...gatherCases(),
    ...outputCases(),
    ...effectCases(),
    ...segmentCases(),
    ...routingCases(),
    ...fusingCases(),
    ...compositeCases(),
  ];
}

interface Started {
  readonly engine: Engine;
  readonly runners: readonly Runner[];
}

/**
 * Runs one case on a backend and on the oracle, and compares every output after every run, every state at the end,
 * the skipped segments, and that no state changed that no running segment writes.
 *
 * @throws {BackendError} If either backend does not offer what the case needs.
 */
export async function runCase(subject: Case, backend: Backend, oracle: Backend): Promise<Outcome> {
  const [ours, theirs] = [await start(subject, backend), await start(subject, oracle)];
  const found: Difference[] = [];
  const broken: string[] = [];
  try {
    for (const [position, run] of subject.runs.entries()) {
      const program = subject.programs[run.program]!;
      const before = await states(subject, ours.engine);
      await ours.runners[run.program]!.run(run.feed);
      await theirs.runners[run.program]!.run(run.feed);
      const at = `run ${position + 1}, count ${run.feed.count}`;
      broken.push(...await laws(subject, run, ours, theirs, before, at));
      const names = Object.keys(program.outputs);
      const pairs = await both(
        names,
        (name) => ours.runners[run.program]!.read(name),
        (name) => theirs.runners[run.program]!.read(name),
      );
      for (const [i, name] of names.entries()) {
        const node = program.nodes[program.outputs[name]!]!;
        found.push(difference(`output "${name}", ${at}`, ...pairs[i]!, node, run.feed.count, subject.tolerance));
      }
    }
    const names = subject.state.map(({ name }) => name);
    const pairs = await both(names, (name) => ours.engine.read(name), (name) => theirs.engine.read(name));
    for (const [i, { name, shape }] of subject.state.entries()) {
      found.push(difference(`state "${name}"`, ...pairs[i]!, { shape, batch: [] }, 0, subject.tolerance));
    }
  } finally {
    await stop(ours);
    await stop(theirs);
  }
  const worst = found.reduce((most, one) => one.error > most.error ? one : most, {
    error: 0,
    what: "nothing",
    text: "",
  });
  const beyond = found.filter((one) => !(one.error <= subject.tolerance.relative));
  const failures = [...broken, ...beyond.map((one) => `${subject.topic}, ${subject.name}: ${one.text}`)];
  return { passed: failures.length === 0, error: worst.error, worst: worst.what, failures };
}

async function start(subject: Case, backend: Backend): Promise<Started> {
  const engine = await backend.open(subject.state);
  try {
    for (const [name, values] of Object.entries(subject.initial)) await engine.write(name, values);
    const runners: Runner[] = [];
    for (const program of subject.programs) runners.push(await engine.load(program));
    return { engine, runners };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function stop({ engine, runners }: Started): Promise<void> {
  for (const runner of runners) runner.close();
  await engine.close();
}

/** Reads every name on both sides; all at once, since a GPU takes as long for one as for many. */
async function both(
  names: readonly string[],
  ours: (name: string) => Promise<Numbers>,
  theirs: (name: string) => Promise<Numbers>,
): Promise<(readonly [Numbers, Numbers])[]> {
  return await Promise.all(names.map(async (name) => [await ours(name), await theirs(name)] as const));
}

async function states(subject: Case, engine: Engine): Promise<Map<string, Numbers>> {
  const read = subject.state.map(async ({ name }) => [name, (await engine.read(name)).slice()] as const);
  return new Map(await Promise.all(read));
}

/** Rules beside the numbers: same segments skipped, and nothing else written. */
async function laws(
  subject: Case,
  run: CaseRun,
  ours: Started,
  theirs: Started,
  before: Map<string, Numbers>,
  at: string,
): Promise<string[]> {
  const place = `${subject.topic}, ${subject.name}: ${at}`;
  const runner = ours.runners[run.program]!;
  const [skipped, expected] = [runner.skipped(), theirs.runners[run.program]!.skipped()];
  const broken: string[] = [];
  if (`${skipped}` !== `${expected}`) {
    broken.push(`${place}: skipped segments are [${skipped}] instead of [${expected}]`);
  }
  if (!(runner.bytes >= 0)) broken.push(`${place}: the working memory is ${runner.bytes} bytes`);
  const written = writes(subject.programs[run.program]!, expected);
  const after = await states(subject, ours.engine);
  for (const [name, values] of before) {
    const now = after.get(name)!;
    if (!written.has(name) && !values.every((number, i) => Object.is(number, now[i]))) {
      broken.push(`${place}: state "${name}" changed, though no segment that ran writes it`);
    }
  }
  return broken;
}

function writes(program: StepProgram, skipped: readonly string[]): Set<string> {
  const effects = program.segments.filter((s) => !skipped.includes(s.name)).flatMap((s) => s.effects);
  return new Set(effects.flatMap(written));
}

function written(effect: Effect): string[] {
  switch (effect.kind) {
    case "assign":
      return [effect.state];
    case "sgd":
      return effect.velocity === undefined ? [effect.parameter] : [effect.parameter, effect.velocity];
    case "adam":
      return [effect.parameter, effect.first, effect.second, effect.step];
    default:
      return effect satisfies never;
  }
}
