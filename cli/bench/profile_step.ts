/**
 * Profiles a training step: every kernel by itself, the whole step, and the peaks of the machine, round by round.
 *
 * @module
 */
import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import { planProgram, threadsFor } from "../../runtime/backend/wasm/plan.ts";
import { type HostTimes, type KernelTime, Profiler } from "../../runtime/backend/wasm/profile.ts";
import { barrierTime, scheduleTime } from "../../runtime/backend/wasm/profile_threads.ts";
import { sizeOf } from "../../runtime/ir/node.ts";
import type { Compiled } from "../../runtime/compile/compile.ts";
import { initialValues } from "../../runtime/train/init.ts";
import { feedOf, Session } from "../../runtime/train/session.ts";
import type { Trainable } from "../../runtime/train/train.ts";
import { account, type Measurements, type Part } from "./account.ts";
import { featuresOf, wasmOf } from "./machine.ts";
import { prepare } from "./measure.ts";
import { type Peak, PeakMeter } from "./peak.ts";
import { type ClassLine, roofline } from "./roofline.ts";

/** Classes of the random labels. */
const CLASSES = 100;

/** How to profile. */
export interface KernelOptions {
  /** Images of a step. */
  readonly batch: number;
  /** Timed rounds; one more warms up. */
  readonly rounds: number;
  /** Threads of the whole step; kernels are timed on one. */
  readonly threads: number;
  /** Kernels and vectors for V8's unsafe flags. */
  readonly turbo: boolean;
}

/** What profiling a step gave: the line of `--json`. */
export interface KernelReport extends KernelOptions {
  readonly net: string;
  /** SIMD features, and threads of the whole step. */
  readonly engine: string;
  readonly peak: Peak;
  readonly classes: readonly ClassLine[];
  /** Fastest whole step, and its parts. */
  readonly step: number;
  readonly parts: readonly Part[];
}

/** Profiles the step of a sentence; a round times a whole step, every kernel, and the peaks. */
export async function profileStep(net: string, sentence: Trainable, options: KernelOptions): Promise<KernelReport> {
  const { batch, rounds, threads, turbo } = options;
  const { compiled, feed } = prepare(sentence, batch, CLASSES);
  const [features, backend] = [featuresOf(turbo), wasmOf(threads, turbo)];
  const session = await Session.open(compiled, backend);
  try {
    await session.initialize(0);
    const profiler = await profilerOf(compiled, features);
    const meter = new PeakMeter(features);
    const round = async (): Promise<HostTimes & { readonly step: number }> => {
      meter.round();
      const from = performance.now();
      await session.step(feed);
      const step = performance.now() - from;
      return { step, ...profiler.round(feedOf(feed)) };
    };
    await round();
    profiler.reset();
    const host: Awaited<ReturnType<typeof round>>[] = [];
    while (host.length < rounds) host.push(await round());
    const { calls } = profiler;
    const best = fastestRound(calls, rounds);
    const fastest = (of: (times: typeof host[number]) => number): number => Math.min(...host.map(of));
    const measured: Measurements = {
      step: fastest(({ step }) => step),
      kernels: roundTime(calls, best),
      segments: fastest(({ segments }) => segments),
      feed: fastest(({ feed }) => feed),
      read: fastest(({ read }) => read),
      ...await threadTimes(compiled, calls, best, features, threads),
    };
    return {
      ...options,
      net,
      engine: `cohort ${backend.description}`,
      peak: meter.peak,
      classes: roofline(calls, batch, meter.peak, best),
      step: measured.step,
      parts: account(measured),
    };
  } finally {
    await session.close();
  }
}

/** The profiler of a training step, on the initial weights of a run. */
async function profilerOf({ step, state, parameters, plan }: Compiled, features: Features): Promise<Profiler> {
  return await Profiler.open(step, {
    features,
    state,
    initial: new Map(parameters.map((entry) => [entry.name, initialValues(entry, 0)])),
    outputs: plan.graph.terms.map(({ name }) => `term/${name}`),
  });
}

/** The timed round whose kernels took the least time in all. */
function fastestRound(calls: readonly KernelTime[], rounds: number): number {
  const sums = Array.from({ length: rounds }, (_, round) => roundTime(calls, round));
  return sums.indexOf(Math.min(...sums));
}

/** Milliseconds of all kernels of a round. */
function roundTime(calls: readonly KernelTime[], round: number): number {
  return calls.reduce((sum, { ms }) => sum + (ms[round] ?? 0), 0);
}

/** What threads add: the schedule of these kernel times, and its barriers. */
async function threadTimes(
  { step, state }: Compiled,
  calls: readonly KernelTime[],
  round: number,
  features: Features,
  threads: number,
): Promise<Pick<Measurements, "threads" | "schedule" | "barriers" | "barrier">> {
  const used = threadsFor(step.batch, threads);
  const sizes = new Map(state.map(({ name, shape }) => [name, { address: 0, size: sizeOf(shape) }]));
  const plan = planProgram(step, used, (name) => sizes.get(name)!, features);
  const times = new Map<string, { sum: number; count: number }>();
  for (const { key, ms } of calls) {
    const time = times.get(key) ?? { sum: 0, count: 0 };
    times.set(key, { sum: time.sum + (ms[round] ?? 0), count: time.count + 1 });
  }
  const timeOf = (key: string): number => {
    const time = times.get(key);
    return time === undefined ? 0 : time.sum / time.count;
  };
  const { ms, barriers } = scheduleTime(plan, timeOf);
  return { threads: used, schedule: ms, barriers, barrier: await barrierTime(features, used) };
}
