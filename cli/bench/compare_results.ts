/**
 * What the two sides of a comparison printed, put together.
 *
 * @module
 */
import { CohortError } from "../../dsl/errors.ts";
import { count } from "../ui/format.ts";
import { type Column, table } from "../ui/table.ts";

/** A line of JSON that a timing program prints, ours or PyTorch's. */
export interface Timing {
  /** Program with its version or features. */
  readonly engine: string;
  /** How maps lie in memory. */
  readonly layout: string;
  readonly threads: number;
  readonly net: string;
  readonly batch: number;
  /** Fastest timed step. */
  readonly min_ms: number;
  /** Middle one of the timed steps. */
  readonly median_ms: number;
  /** Peak memory of the whole process in MiB, if it was measured. */
  readonly peak_mb?: number;
}

/** What both sides are asked to time. */
export interface Cell {
  /** One net alone, or an FFSD iteration of two students and a leader. */
  readonly work: "step" | "ffsd";
  readonly net: string;
  readonly threads: number;
  readonly batch: number;
}

/** Who timed: this project, plainly or under V8's unsafe flags, or PyTorch in one of its two layouts. */
export type Side = "cohort" | "turbo" | "nchw" | "nhwc";

/** All sides, in the order of the first round. */
export function sidesOf(turbo: boolean): readonly Side[] {
  return ["cohort", ...(turbo ? ["turbo" as const] : []), "nchw", "nhwc"];
}

/** Rounds of every side; nothing for `turbo` if it was not asked for. */
export type Timings = Readonly<Record<Exclude<Side, "turbo">, readonly Timing[]>> & {
  readonly turbo?: readonly Timing[];
};

/** The rounds of one side: fastest step of all, middle one of the medians, largest peak. */
export type Summary = Pick<Timing, "engine" | "layout" | "min_ms" | "median_ms" | "peak_mb">;

/** The sides of a cell beside each other; a ratio is ours over the better layout of PyTorch, below 1 if we are better. */
export interface Comparison extends Cell {
  readonly rounds: number;
  readonly sides: Readonly<Record<Exclude<Side, "turbo">, Summary>> & { readonly turbo?: Summary };
  readonly ratio_min: number;
  readonly ratio_median: number;
  readonly turbo_ratio_min?: number;
  readonly turbo_ratio_median?: number;
  readonly ratio_peak?: number;
}

/**
 * The timing on the last line of what a program printed.
 *
 * @throws {CohortError} If there is none, or it is about other work than `cell`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseTiming } from "./compare_results.ts";
 * const text = '{"engine":"pytorch 2","layout":"nchw","threads":1,"net":"resnet32","batch":8,"min_ms":5,"median_ms":6}';
 * assertEquals(parseTiming(text, { work: "step", net: "resnet32", threads: 1, batch: 8 }).min_ms, 5);
 * ```
 */
export function parseTiming(output: string, cell: Cell): Timing {
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  const found = objectOf(last);
  if (!isTiming(found)) {
    throw new CohortError(
      `Cannot compare: a timing program ends with one line of JSON, got "${last}". Run it by itself to see why.`,
    );
  }
  for (const key of ["net", "threads", "batch"] as const) {
    if (found[key] !== cell[key]) {
      throw new CohortError(
        `Cannot compare: both sides time ${key} ${cell[key]}, got ${found[key]} from ${found.engine}. ` +
          "Run both from the same checkout.",
      );
    }
  }
  return found;
}

/** Puts the rounds of every side together; each side needs at least one. */
export function combine(cell: Cell, { cohort, turbo, nchw, nhwc }: Timings): Comparison {
  const found = { cohort: summary(cohort), nchw: summary(nchw), nhwc: summary(nhwc) };
  const fast = turbo === undefined ? undefined : summary(turbo);
  const ratio = (ours: Summary, of: (side: Summary) => number): number =>
    Math.round(1000 * of(ours) / Math.min(of(found.nchw), of(found.nhwc))) / 1000;
  const peaks = Object.values(found).map(({ peak_mb }) => peak_mb);
  return {
    ...cell,
    rounds: cohort.length,
    sides: { ...found, ...(fast === undefined ? {} : { turbo: fast }) },
    ratio_min: ratio(found.cohort, fastest),
    ratio_median: ratio(found.cohort, middle),
    ...(fast === undefined ? {} : { turbo_ratio_min: ratio(fast, fastest), turbo_ratio_median: ratio(fast, middle) }),
    ...(peaks.includes(undefined) ? {} : { ratio_peak: ratio(found.cohort, ({ peak_mb }) => peak_mb!) }),
  };
}

/** Comparisons as a table, one a row; columns of turbo and memory only if they were measured. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const turbo = comparisons.some(({ sides }) => sides.turbo !== undefined);
  const memory = comparisons.some(({ ratio_peak }) => ratio_peak !== undefined);
  const right = (...names: readonly string[]): Column[] => names.map((name) => ({ name, align: "right" }));
  const columns = [
    { name: "work" },
    { name: "net" },
    ...right("threads", "cohort ms", "PyTorch NCHW", "PyTorch NHWC", "ratio"),
    ...(turbo ? right("turbo ms", "turbo ratio") : []),
    ...(memory ? right("cohort MiB", "PyTorch MiB", "MiB ratio") : []),
  ];
  return table(
    columns,
    comparisons.map((comparison) => [
      ...timeCells(comparison),
      ...(turbo ? turboCells(comparison) : []),
      ...(memory ? memoryCells(comparison) : []),
    ]),
  );
}

function timeCells({ work, net, threads, sides, ratio_min, ratio_median }: Comparison): readonly (string | number)[] {
  const times = [sides.cohort, sides.nchw, sides.nhwc].map(milliseconds);
  return [work, net, threads, ...times, ratios(ratio_min, ratio_median)];
}

function turboCells({ sides: { turbo }, turbo_ratio_min, turbo_ratio_median }: Comparison): readonly string[] {
  return turbo === undefined ? ["–", "–"] : [milliseconds(turbo), ratios(turbo_ratio_min!, turbo_ratio_median!)];
}

function memoryCells({ sides: { cohort, nchw, nhwc }, ratio_peak }: Comparison): readonly string[] {
  const theirs = Math.min(nchw.peak_mb ?? NaN, nhwc.peak_mb ?? NaN);
  return [peak(cohort.peak_mb), peak(theirs), ratio_peak?.toFixed(2) ?? "–"];
}

function milliseconds({ min_ms, median_ms }: Summary): string {
  return `${count(min_ms)} / ${count(median_ms)}`;
}

function ratios(min: number, median: number): string {
  return `${min.toFixed(2)} / ${median.toFixed(2)}`;
}

function fastest({ min_ms }: Summary): number {
  return min_ms;
}

function middle({ median_ms }: Summary): number {
  return median_ms;
}

function summary(timings: readonly Timing[]): Summary {
  const [first] = timings;
  if (first === undefined) {
    throw new RangeError("Cannot compare: every side needs at least one round, got none. Say --rounds 1 or more.");
  }
  const peaks = timings.flatMap(({ peak_mb }) => peak_mb ?? []);
  return {
    engine: first.engine,
    layout: first.layout,
    min_ms: Math.min(...timings.map(({ min_ms }) => min_ms)),
    median_ms: median(timings.map(({ median_ms }) => median_ms)),
    ...(peaks.length > 0 ? { peak_mb: Math.max(...peaks) } : {}),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const mean = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return Math.round(10 * mean) / 10;
}

function peak(megabytes: number | undefined): string {
  return megabytes === undefined || Number.isNaN(megabytes) ? "–" : count(megabytes);
}

function objectOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isTiming(value: unknown): value is Timing {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map(Object.entries(value));
  return ["engine", "layout", "net"].every((key) => typeof fields.get(key) === "string") &&
    ["threads", "batch", "min_ms", "median_ms"].every((key) => Number.isFinite(fields.get(key))) &&
    ["undefined", "number"].includes(typeof fields.get("peak_mb"));
}
