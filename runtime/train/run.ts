/**
 * Runs a pipeline as a program: flags, progress, results. `if (import.meta.main) await run(pipeline);`
 *
 * @module
 */

import { CohortError } from "../../dsl/errors.ts";
import type { EpochRecord } from "./fit.ts";
import { explainKernels } from "./explain.ts";
import { flagHelp, parseFlags, type RunFlags } from "./flags.ts";
import { train, type Trainable, type TrainEvent, type TrainResult } from "./train.ts";

/** What a program needs beside its sentence. */
export interface ProgramOptions {
  /** The sentence with the flags applied: another net, dataset, number of epochs. */
  readonly apply: (flags: RunFlags) => Trainable & { explain(): { toString(): string } };
  /** Flags; the process's own unless said. */
  readonly args?: readonly string[];
  readonly print?: (line: string) => void;
}

/**
 * Runs a program and sets the exit code: 0, 1 after a mistake of the user (its message alone is printed), 130 after
 * Ctrl-C, when the run was saved to be resumed.
 */
export async function runProgram(options: ProgramOptions): Promise<TrainResult | undefined> {
  const print = options.print ?? console.log;
  try {
    const flags = parseFlags(options.args ?? Deno.args);
    if (flags.help) return void print(flagHelp);
    const pipeline = options.apply(flags);
    if (flags.explain) return void print(`${pipeline.explain()}\n${explainKernels(pipeline)}`.trimEnd());
    return await runUntilStopped(pipeline, flags, print);
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    console.error(error.message);
    Deno.exitCode = 1;
    return undefined;
  }
}

async function runUntilStopped(
  pipeline: Trainable,
  flags: RunFlags,
  print: (line: string) => void,
): Promise<TrainResult | undefined> {
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) Deno.exit(130);
    print("Stopping after this step; press Ctrl-C again to stop at once.");
    stop.abort();
  };
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    const result = await train(pipeline, {
      backend: flags.backend,
      ...(flags.threads === undefined ? {} : { threads: flags.threads }),
      runs: flags.runs,
      signal: stop.signal,
      report: reporter(pipeline.spec.train?.epochs ?? 1, print),
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...(flags.resume === undefined ? {} : { resume: flags.resume }),
      ...(flags.weights === undefined ? {} : { weights: flags.weights }),
    });
    if (result.stopped) Deno.exitCode = 130;
    for (const line of summary(result)) print(line);
    return result;
  } catch (error) {
    // Loading ends by throwing when it is stopped; there is nothing to save yet. A save that failed has to be told.
    if (!stop.signal.aborted || error instanceof CohortError) throw error;
    Deno.exitCode = 130;
    return undefined;
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
  }
}

/** Prints what a run tells: plain lines, and one that is redrawn within an epoch on a terminal. */
export function reporter(epochs: number, print: (line: string) => void): (event: TrainEvent) => void {
  const terminal = Deno.stderr.isTerminal();
  let began = performance.now();
  let done = 0;
  let total = 0;
  let length = epochs;
  let place = "";
  let lastLoad = -1;
  const redraw = (text: string): void =>
    void (terminal && Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`)));
  return (event) => {
    switch (event.kind) {
      case "loading": {
        const tenth = Math.floor(event.fraction * 10);
        const note = event.note === undefined ? "" : `  ${event.note}`;
        redraw(`${event.what} ${(100 * event.fraction).toFixed(0)} %${note}`);
        if (!terminal && tenth !== lastLoad) print(`${event.what} ${10 * tenth} %${note}`);
        lastLoad = tenth;
        return;
      }
      case "start":
        redraw("");
        print(`Backend: ${event.backend}`);
        print(`Data: ${event.source}, ${event.images} training images`);
        print(`Working memory of a step: ${(event.bytes / 2 ** 20).toFixed(0)} MiB`);
        return;
      case "note":
        return print(event.text);
      case "stage":
        [length, place, done, began] = [event.epochs, event.stage ?? "", 0, performance.now()];
        redraw("");
        return print(stageLine(event));
      case "step": {
        done++;
        total = length * event.steps;
        const seconds = (performance.now() - began) / 1000;
        const left = seconds / done * (total - (event.epoch - 1) * event.steps - event.step);
        redraw(
          `${
            place === "" ? "" : `${place}: `
          }epoch ${event.epoch}/${length}, step ${event.step}/${event.steps}, about ${left.toFixed(0)} s left`,
        );
        return;
      }
      case "epoch":
        redraw("");
        return print(epochLine(event.record, length));
      default:
        event satisfies never;
    }
  };
}

/** The line a part of a run begins with. */
export function stageLine({ stage, epochs }: Extract<TrainEvent, { readonly kind: "stage" }>): string {
  const length = `${epochs} ${epochs === 1 ? "epoch" : "epochs"}`;
  return stage === undefined ? `Main training, ${length}` : `Stage ${stage}, ${length}`;
}

/** What an epoch says of each member, and in a stage of each loss. */
export function standings({ stage, metrics, terms }: EpochRecord): readonly string[] {
  const members = Object.entries(metrics.members).map(([name, { top1 }]) => `${name} ${percent(top1)}`);
  const losses = Object.entries(terms).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return stage === undefined ? members : [...losses, ...members];
}

function epochLine(record: EpochRecord, epochs: number): string {
  const { stage, epoch, seconds } = record;
  const members = standings(record);
  return `${stage === undefined ? "" : `${stage}: `}epoch ${epoch}/${epochs}  ${members.join("  ")}  (${
    (seconds.train + seconds.evaluate).toFixed(1)
  } s)`;
}

/** The result as lines: every member at the last and at its best epoch, the ensemble, the oracle, and the files. */
export function summary(result: TrainResult): string[] {
  const last = result.history.at(-1);
  const files = Object.entries(result.files).map(([what, path]) => `Wrote ${what}: ${path}`);
  if (last === undefined) return ["Stopped before the first epoch was finished.", ...files, ...resumeLine(result)];
  const { members, ensemble, oracle, similarity, images } = last.metrics;
  const rows = Object.entries(members).map(([name, { top1, top5 }]) => {
    const best = result.best[name]!;
    return `  ${name.padEnd(14)} ${percent(top1)}  top-5 ${percent(top5)}  best ${
      percent(best.top1)
    } (epoch ${best.epoch})`;
  });
  return [
    `Top-1 on ${images} held-out images after epoch ${last.epoch} (best epochs are chosen on these same images):`,
    ...rows,
    ...(ensemble === undefined
      ? []
      : [`  ${"ensemble".padEnd(14)} ${percent(ensemble.top1)}  (mean logits of the peers)`]),
    ...(oracle === undefined
      ? []
      : [`  ${"oracle".padEnd(14)} ${percent(oracle)}  (some peer is right: no classifier)`]),
    ...(similarity === undefined ? [] : [`  similarity of the peers ${similarity.toFixed(4)}`]),
    ...files,
    ...resumeLine(result),
  ];
}

/** How to go on with a stopped run, where there is a checkpoint. */
export function resumeLine({ stopped, files }: Pick<TrainResult, "stopped" | "files">): readonly string[] {
  return stopped && files.checkpoint !== undefined ? [`Stopped. Go on with --resume ${files.checkpoint}`] : [];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
