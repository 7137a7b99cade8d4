/**
 * Where the time of a step goes besides its kernels: every millisecond between the two gets a name.
 *
 * @module
 */
import { table } from "../ui/table.ts";

/** What was measured, in milliseconds; each is the fastest of some rounds. */
export interface Measurements {
  /** A whole step on the threads said. */
  readonly step: number;
  /** Sum of all kernel calls, each timed by itself on one thread. */
  readonly kernels: number;
  /** The segments called as a step calls them, on one thread. */
  readonly segments: number;
  /** Copying the batch in. */
  readonly feed: number;
  /** Reading the losses. */
  readonly read: number;
  /** Threads of the step. */
  readonly threads: number;
  /** What the schedule makes of the kernels: the slowest thread of each stage, one after the other. */
  readonly schedule: number;
  /** Barriers of a step, and the time of one with nothing to wait for. */
  readonly barriers: number;
  readonly barrier: number;
}

/** A part of a step. */
export interface Part {
  readonly name: string;
  readonly ms: number;
}

/** The parts of a step, kernels first; they add up to it. */
export function account(measured: Measurements): readonly Part[] {
  const { step, kernels, segments, feed, read, threads, schedule, barriers, barrier } = measured;
  const around: readonly Part[] = [
    { name: "copying the batch in", ms: feed },
    { name: "reading the losses", ms: read },
  ];
  const shared = threads === 1
    ? [{ name: "kernels, one by one", ms: kernels }, { name: "calls in a row, without timers", ms: segments - kernels }]
    : [
      { name: `kernels, split over ${threads} threads`, ms: kernels / threads },
      { name: "threads waiting for the slowest", ms: schedule - kernels / threads },
      { name: `barriers, ${barriers} of ${(1000 * barrier).toFixed(2)} µs`, ms: barriers * barrier },
    ];
  const named = [...shared, ...around];
  const rest = step - named.reduce((sum, { ms }) => sum + ms, 0);
  const why = threads === 1
    ? "rest: the runner, another memory, noise"
    : "rest: memory and caches shared by threads, noise";
  return [...named, { name: why, ms: rest }];
}

/** Parts as a table that ends with the step. */
export function accountTable(parts: readonly Part[]): string {
  const step = parts.reduce((sum, { ms }) => sum + ms, 0);
  const row = ({ name, ms }: Part): readonly string[] => [name, ms.toFixed(2), `${(100 * ms / step).toFixed(1)} %`];
  const columns = [{ name: "part of a step" }, { name: "ms", align: "right" }, {
    name: "share",
    align: "right",
  }] as const;
  return table(columns, [...parts.map(row), row({ name: "whole step", ms: step })]);
}
