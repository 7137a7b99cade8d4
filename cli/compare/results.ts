/**
 * Results of a comparison: one line a run, and what the seeds say together.
 *
 * @module
 */
import type { TrainResult } from "../../runtime/train/train.ts";
import type { Bar } from "../ui/bars.ts";
import { duration, meanStd } from "../ui/format.ts";
import { table } from "../ui/table.ts";

/** What one net or head of a run reached, as fractions of one. */
export interface MemberResult {
  /** Its name in the sentence. */
  readonly member: string;
  /** Architecture of a net; a head has none. */
  readonly net?: string;
  /** Top-1 on the held-out images after the last epoch. */
  readonly last: number;
  /** Top-1 of the best epoch, chosen on the same images, as the papers do. */
  readonly best: number;
}

/** One run of the comparison: a line of `results.jsonl`. */
export interface RunResult {
  readonly method: string;
  readonly seed: number;
  readonly members: readonly MemberResult[];
  /** Training and evaluation of an epoch, the mean over epochs. */
  readonly secondsPerEpoch: number;
}

/** A row of the table: one member over all seeds. */
export interface Row {
  readonly method: string;
  readonly member: string;
  readonly net: string;
  /** One number a seed. */
  readonly last: readonly number[];
  readonly best: readonly number[];
  readonly seconds: readonly number[];
}

/** What a finished run says; the mean of the nets' logits is a member of its own. */
export function resultOf(
  method: string,
  seed: number,
  nets: Readonly<Record<string, string>>,
  { history, best }: Pick<TrainResult, "history" | "best">,
): RunResult {
  const metrics = history.at(-1)!.metrics;
  const members = Object.entries(metrics.members).map(([member, { top1 }]): MemberResult => ({
    member,
    ...(nets[member] === undefined ? {} : { net: nets[member] }),
    last: top1,
    best: best[member]!.top1,
  }));
  const together = history.flatMap((record) => record.metrics.ensemble?.top1 ?? []);
  const ensemble = together.length === 0
    ? []
    : [{ member: "mean logits", last: together.at(-1)!, best: Math.max(...together) }];
  const seconds = history.reduce((sum, record) => sum + record.seconds.train + record.seconds.evaluate, 0);
  return { method, seed, members: [...members, ...ensemble], secondsPerEpoch: seconds / history.length };
}

/** The runs by method and member, in the order in which they were first met. */
export function rowsOf(runs: readonly RunResult[]): readonly Row[] {
  const names = [...new Set(runs.map(({ method }) => method))];
  return names.flatMap((method) => {
    const own = runs.filter((run) => run.method === method);
    const members = [...new Set(own.flatMap((run) => run.members.map(({ member }) => member)))];
    return members.map((member): Row => {
      const found = own.flatMap((run) => run.members.filter((result) => result.member === member));
      return {
        method,
        member,
        net: found[0]!.net ?? "",
        last: found.map(({ last }) => last),
        best: found.map(({ best }) => best),
        seconds: own.map(({ secondsPerEpoch }) => secondsPerEpoch),
      };
    });
  });
}

/** The rows as people read them. */
export function comparisonTable(rows: readonly Row[]): string {
  return table(
    [
      { name: "method" },
      { name: "member" },
      { name: "net" },
      { name: "last epoch", align: "right" },
      { name: "best epoch*", align: "right" },
      { name: "an epoch", align: "right" },
    ],
    rows.map(({ method, member, net, last, best, seconds }, i) => {
      const first = rows[i - 1]?.method !== method;
      return [first ? method : "", member, net, meanStd(last), meanStd(best), first ? duration(mean(seconds)) : ""];
    }),
  );
}

/** The rows as a CSV file (RFC 4180): accuracies in per cent, the standard deviation empty with a single seed. */
export function comparisonCsv(rows: readonly Row[]): string {
  const heading = "method,member,net,seeds,last_mean,last_std,best_mean,best_std,seconds_per_epoch";
  const lines = rows.map(({ method, member, net, last, best, seconds }) =>
    [method, member, net, last.length, ...[last, best].flatMap(inPerCent), mean(seconds).toFixed(2)].map(cell).join(",")
  );
  return `${[heading, ...lines].join("\r\n")}\r\n`;
}

/** The rows as bars of the last epoch, one colour a method. */
export function comparisonBars(rows: readonly Row[]): readonly Bar[] {
  return rows.map(({ method, member, last }) => ({
    group: method,
    name: member,
    value: mean(last),
    spread: last.length < 2 ? 0 : deviation(last),
  }));
}

function inPerCent(values: readonly number[]): readonly [mean: string, deviation: string] {
  return [(100 * mean(values)).toFixed(3), values.length < 2 ? "" : (100 * deviation(values)).toFixed(3)];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
