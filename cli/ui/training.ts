/**
 * What a training run looks like in a terminal: a bar while it goes, a line an epoch, a table at the end.
 *
 * @module
 */
import type { EpochRecord } from "../../runtime/train/fit.ts";
import { resumeLine, stageLine, standings } from "../../runtime/train/run.ts";
import type { TrainEvent, TrainResult } from "../../runtime/train/train.ts";
import { duration, percent } from "./format.ts";
import { Progress, type ProgressOptions } from "./progress.ts";
import { table } from "./table.ts";

/** How a {@linkcode TrainingView} shows a run. */
export interface TrainingViewOptions extends ProgressOptions {
  /** Say backend, data and memory at the start; yes unless said. */
  readonly start?: boolean;
}

/** Shows the events of a run; call {@linkcode TrainingView.stop} at its end, also when it fails. */
export class TrainingView {
  #epochs: number;
  readonly #options: TrainingViewOptions;
  readonly #print: (line: string) => void;
  #progress: Progress | undefined;
  #images = 0;
  #loading: readonly [what: string, tenth: number] = ["", -1];

  /** Waits for the first event; the clock starts with the first step. */
  constructor(epochs: number, options: TrainingViewOptions = {}) {
    this.#epochs = epochs;
    this.#options = options;
    this.#print = options.print ?? console.log;
  }

  /** Shows one event. */
  report(event: TrainEvent): void {
    switch (event.kind) {
      case "loading":
        return this.#load(event.what, event.fraction, event.note);
      case "start":
        if (this.#options.start === false) return;
        this.#print(`Backend: ${event.backend}`);
        this.#print(`Data: ${event.source}; ${event.images} to train on`);
        this.#print(`Working memory of a step: ${(event.bytes / 2 ** 20).toFixed(0)} MiB`);
        return;
      case "note":
        return this.#print(event.text);
      case "stage":
        this.#epochs = event.epochs;
        return this.#print(stageLine(event));
      case "step": {
        const { epoch, step, steps, images } = event;
        const state = { epoch, epochs: this.#epochs, step, steps, images: this.#images };
        this.#progress ??= new Progress({ ...state, step: step - 1 }, this.#options);
        this.#images += images;
        return this.#progress.update({ ...state, images: this.#images });
      }
      case "epoch":
        return this.#progress?.epoch(this.#epochLine(event.record));
      default:
        event satisfies never;
    }
  }

  /** Removes the bar; once more does nothing. */
  async stop(): Promise<void> {
    const progress = this.#progress;
    this.#progress = undefined;
    await progress?.stop();
  }

  /** One line for each thing that is loaded; its note is redrawn on a terminal, and printed every tenth elsewhere. */
  #load(what: string, fraction: number, note: string | undefined): void {
    const { terminal = Deno.stderr.isTerminal() } = this.#options;
    const tenth = Math.floor(fraction * 10);
    const [said, before] = this.#loading;
    if (terminal && said !== "") Deno.stderr.writeSync(new TextEncoder().encode("\r\u001b[K"));
    if (what !== said) this.#print(`Data: ${what} …`);
    else if (!terminal && note !== undefined && tenth !== before) this.#print(`Data: ${what}: ${note}`);
    if (terminal && note !== undefined && fraction < 1) Deno.stderr.writeSync(new TextEncoder().encode(note));
    this.#loading = [what, tenth];
  }

  /** Top-1 of every member; the plain line of a pipe has the epoch already. */
  #epochLine(record: EpochRecord): string {
    const { epoch, seconds } = record;
    const { terminal = Deno.stderr.isTerminal() } = this.#options;
    const place = `epoch ${String(epoch).padStart(String(this.#epochs).length)}/${this.#epochs}`;
    const members = standings(record);
    return [...(terminal ? [place] : []), ...members, `(${duration(seconds.train + seconds.evaluate)})`].join("  ");
  }
}

/** A row of a result table. */
export interface ResultRow {
  /** Member. */
  readonly name: string;
  /** Share of held-out images whose best class is right, after the last epoch. */
  readonly top1: number;
  /** Share whose right class is among the five best; an oracle has none. */
  readonly top5?: number;
  /** Best top-1 of all epochs, chosen on the test images. */
  readonly best?: { readonly epoch: number; readonly top1: number };
  /** What it is. */
  readonly note?: string;
}

/** Rows of a finished run: every net and head, the ensemble of the peers, their oracle. */
export function resultRows({ history, best }: Pick<TrainResult, "history" | "best">): readonly ResultRow[] {
  const metrics = history.at(-1)?.metrics;
  if (metrics === undefined) return [];
  const { members, ensemble, oracle } = metrics;
  return [
    ...Object.entries(members).map(([name, accuracy]) => ({ name, ...accuracy, best: best[name]! })),
    ...(ensemble === undefined ? [] : [{ name: "ensemble", ...ensemble, note: "mean logits of the peers" }]),
    ...(oracle === undefined
      ? []
      : [{ name: "oracle", top1: oracle, note: "union of what some peer gets right; no classifier" }]),
  ];
}

/** The rows as a table. */
export function resultTable(rows: readonly ResultRow[]): string {
  return table(
    [
      { name: "member" },
      { name: "top-1", align: "right" },
      { name: "top-5", align: "right" },
      { name: "best*", align: "right" },
      { name: "epoch", align: "right" },
      { name: "" },
    ],
    rows.map(({ name, top1, top5, best, note }) => [
      name,
      percent(top1),
      top5 === undefined ? "" : percent(top5),
      best === undefined ? "" : percent(best.top1),
      best === undefined ? "" : best.epoch,
      note ?? "",
    ]),
  );
}

/** What a finished or stopped run prints: table, similarity, files. */
export function resultText(result: TrainResult): string {
  const last = result.history.at(-1);
  const files = Object.entries(result.files).map(([what, path]) => `Wrote ${what}: ${path}`);
  if (last === undefined) {
    return ["Stopped before the first epoch was finished.", ...files, ...resumeLine(result)].join("\n");
  }
  const { images, similarity } = last.metrics;
  return [
    "",
    `After epoch ${last.epoch}, on ${images} held-out images:`,
    "",
    resultTable(resultRows(result)),
    "* the best epoch, chosen on these same images",
    ...(similarity === undefined ? [] : [`Similarity of the peers' outputs: ${similarity.toFixed(4)}`]),
    "",
    ...files,
    ...resumeLine(result),
  ].join("\n");
}
