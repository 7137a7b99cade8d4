/**
 * The curves of `bench scaling`: what is timed, and the tables and plots that come of it.
 *
 * @module
 */
import type { Panel } from "../ui/plot.ts";
import { table } from "../ui/table.ts";

/** One timing of a curve. */
export interface Point {
  /** Batch or number of students. */
  readonly at: number;
  /** Words of the bench that times it. */
  readonly words: readonly string[];
  readonly net: string;
  /** Images of a step. */
  readonly batch: number;
  /** Nets that learn in a step. */
  readonly nets: number;
  /** Fastest step in milliseconds, once it was timed; `null` if it does not fit in memory. */
  readonly ms?: number | null;
}

/** Timings that differ in one number. */
export interface Curve {
  readonly name: string;
  /** What differs. */
  readonly over: "batch" | "students";
  readonly points: readonly Point[];
}

/** What curves are made for. */
export interface ScalingOptions {
  /** Net of the batches. */
  readonly net: string;
  readonly batches: readonly number[];
  /** Net of each student. */
  readonly student: string;
  readonly students: readonly number[];
  /** Images of a step of the students. */
  readonly batch: number;
}

/** The four curves: a net alone and FFSD over the batch, FFSD and DML over the number of students. */
export function curves({ net, batches, student, students, batch }: ScalingOptions): readonly Curve[] {
  const overBatch = (name: string, word: string, nets: number): Curve => ({
    name,
    over: "batch",
    points: batches.map((at) => ({ at, words: [word], net, batch: at, nets })),
  });
  // FFSD has a leader on top of its students.
  const overStudents = (name: string, word: string, others: number): Curve => ({
    name,
    over: "students",
    points: students.map((at) => ({
      at,
      words: [word, "--students", String(at)],
      net: student,
      batch,
      nets: at + others,
    })),
  });
  return [
    overBatch(`${net} alone`, "step", 1),
    overBatch(`FFSD, 3 × ${net}`, "ffsd", 3),
    overStudents(`FFSD, ${student}`, "ffsd", 1),
    overStudents(`DML, ${student}`, "dml", 0),
  ];
}

/** Milliseconds an image; over students, an image and net. `NaN` without a timing. */
export function timeOf({ over }: Curve, { ms, batch, nets }: Point): number {
  return (ms ?? NaN) / batch / (over === "students" ? nets : 1);
}

/** A table for the batches and one for the students, whatever was timed. */
export function scalingTables(measured: readonly Curve[]): string {
  return ([["batch", "ms an image"], ["students", "ms an image and net"]] as const).flatMap(([over, unit]) => {
    const found = measured.filter((curve) => curve.over === over);
    const places = found[0]?.points.map(({ at }) => at) ?? [];
    if (places.length === 0) return [];
    const columns = [over, ...found.map(({ name }) => `${name}: ${unit}`)].map((
      name,
    ) => ({ name, align: "right" } as const));
    const rows = places.map((at, i) => [at, ...found.map((curve) => cell(timeOf(curve, curve.points[i]!)))]);
    return [table(columns, rows)];
  }).join("\n\n");
}

function cell(time: number): string {
  return Number.isNaN(time) ? "–" : time.toFixed(3);
}

/** The same as plots. */
export function panels(measured: readonly Curve[], where: string): readonly Panel[] {
  const panel = (over: Curve["over"], title: string, y: string): Panel => ({
    title,
    x: over === "batch" ? "images of a batch" : "students",
    y,
    logarithmic: over === "batch",
    series: measured.filter((curve) => curve.over === over).map((curve) => ({
      name: curve.name,
      points: curve.points.flatMap((point) => point.ms == null ? [] : [[point.at, timeOf(curve, point)] as const]),
    })),
  });
  return [
    panel("batch", `Time of an image against the batch, ${where}`, "ms an image"),
    panel("students", `Time of an image and net against the number of students, ${where}`, "ms an image and net"),
  ];
}
