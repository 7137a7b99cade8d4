/**
 * `deno task bench switch`: what a paused teacher saves, SwitOKD beside deep mutual learning of the same two nets.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { teacher } from "../../dsl/cohort.ts";
import { constant } from "../../dsl/value.ts";
import type { Arch } from "../../dsl/arch.ts";
import type { Backend } from "../../runtime/backend/backend.ts";
import { Session, type StepFeed } from "../../runtime/train/session.ts";
import type { Trainable } from "../../runtime/train/train.ts";
import type { CommandContext } from "../command.ts";
import { table } from "../ui/table.ts";
import { wasmOf } from "./machine.ts";
import { prepare } from "./measure.ts";
import { archNamed, requirePositive } from "./words.ts";

/** One way to train the two nets: the line of `--json`. */
export interface SwitchLine {
  /** What is trained. */
  readonly what: string;
  /** Middle one of the sorted steps, the later of two, in milliseconds. */
  readonly median_ms: number;
  /** Fastest timed step of each mode, weighted with the share of the mode. */
  readonly min_ms: number;
  /** The same as a part of mutual learning's. */
  readonly ratio: number;
  /** Share of the timed steps in which the teacher paused. */
  readonly expert: number;
}

/** What is timed. */
export interface SwitchSubject {
  readonly teacher: Arch;
  readonly student: Arch;
  readonly batch: number;
  readonly steps: number;
  readonly classes: number;
}

/** Times and prints a table, or a line of JSON for each way. */
export async function run(args: readonly string[], { signal, turbo: always = false }: CommandContext): Promise<number> {
  await new Command()
    .name("cohort bench switch")
    .description(
      "Time steps of SwitOKD and of mutual learning of the same teacher and student, in turn: the teacher pauses never,\n" +
        "always, or where the rule says so on one batch of random images that is learned over and over.",
    )
    .option("--teacher <name:string>", "Net of the teacher.", { default: "wrn_16_2" })
    .option("--student <name:string>", "Net of the student.", { default: "wrn_16_1" })
    .option("--batch <count:integer>", "Images a step.", { default: 128 })
    .option("--threads <count:integer>", "Threads of the wasm backend, 1 to 8.", { default: 1 })
    .option("--steps <count:integer>", "Timed steps of each.", { default: 7 })
    .option("--classes <count:integer>", "Classes of the random labels.", { default: 10 })
    .option("--turbo", "Kernels for V8's unsafe flags; use the task bench:turbo.")
    .option("--json", "Print a line of JSON for each.")
    .noExit()
    .action(async ({ batch, threads, steps, classes, turbo, json, ...nets }) => {
      for (const [name, value] of Object.entries({ batch, threads, steps, classes })) requirePositive(name, value);
      const backend = wasmOf(threads, turbo === true || always);
      const subject = { teacher: archNamed(nets.teacher), student: archNamed(nets.student), batch, steps, classes };
      const lines = await timeSwitch(subject, backend, signal);
      console.log(json ? lines.map((line) => JSON.stringify(line)).join("\n") : switchTable(lines));
    })
    .parse([...args]);
  return 0;
}

/** The four ways to train the nets. */
function sentencesOf(nets: SwitchSubject): Readonly<Record<string, Trainable>> {
  const mutual = teacher(nets.teacher).student(nets.student).mutual();
  const switched = mutual.switch();
  const forced = (expert: number): Trainable => {
    const graph = switched.lower();
    const switches = graph.switches.map((pause) => ({ ...pause, when: constant(expert) }));
    return { ...switched, lower: () => ({ ...graph, switches }) };
  };
  return {
    "mutual learning": mutual,
    "SwitOKD, learning in every batch": forced(0),
    "SwitOKD, expert in every batch": forced(1),
    "SwitOKD": switched,
  };
}

/** Times steps in turn, so that all ways see the same state of the machine; one step of each warms up. */
export async function timeSwitch(
  subject: SwitchSubject,
  backend: Backend,
  signal?: AbortSignal,
): Promise<readonly SwitchLine[]> {
  const runs: { readonly what: string; readonly session: Session; readonly feed: StepFeed }[] = [];
  const seen = new Map<string, Timed[]>();
  try {
    for (const [what, sentence] of Object.entries(sentencesOf(subject))) {
      const { compiled, feed } = prepare(sentence, subject.batch, subject.classes);
      const session = await Session.open(compiled, backend);
      runs.push({ what, session, feed });
      seen.set(what, []);
      await session.initialize(0);
      await session.step(feed);
    }
    for (let step = 0; step < subject.steps && signal?.aborted !== true; step++) {
      for (const { what, session, feed } of runs) {
        const from = performance.now();
        const { paused } = await session.step(feed);
        seen.get(what)!.push({ ms: performance.now() - from, expert: paused.length > 0 });
      }
    }
  } finally {
    for (const { session } of runs) await session.close();
  }
  const whole = fastest(seen.get("mutual learning")!);
  return [...seen].map(([what, steps]) => ({
    what,
    median_ms: tenth(median(steps.map(({ ms }) => ms))),
    min_ms: tenth(fastest(steps)),
    ratio: fastest(steps) / whole,
    expert: steps.filter(({ expert }) => expert).length / steps.length,
  }));
}

interface Timed {
  readonly ms: number;
  readonly expert: boolean;
}

/** A mixture of modes has no fastest step that stands for it. */
function fastest(steps: readonly Timed[]): number {
  return [true, false].reduce((total, mode) => {
    const times = steps.filter(({ expert }) => expert === mode).map(({ ms }) => ms);
    return times.length === 0 ? total : total + Math.min(...times) * times.length / steps.length;
  }, 0);
}

/** Lines as a table. */
export function switchTable(lines: readonly SwitchLine[]): string {
  const columns = [
    { name: "training" },
    { name: "fastest step", align: "right" },
    { name: "median", align: "right" },
    { name: "of mutual learning", align: "right" },
    { name: "expert batches", align: "right" },
  ] as const;
  const rows = lines.map(({ what, median_ms, min_ms, ratio, expert }) => {
    return [
      what,
      `${min_ms.toFixed(1)} ms`,
      `${median_ms.toFixed(1)} ms`,
      ratio.toFixed(3),
      `${(100 * expert).toFixed(0)} %`,
    ];
  });
  return table(columns, rows);
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
