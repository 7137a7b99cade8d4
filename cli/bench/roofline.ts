/**
 * Kernel times put together by class, beside what this machine could do.
 *
 * The roofline of a kernel is min(peak, intensity × bandwidth) GFLOP/s, where its intensity is operations over bytes
 * moved (Williams, Waterman, Patterson 2009). So its least time is the longer of operations / peak and bytes /
 * bandwidth; a class takes at least the sum of its kernels' least times, and is as near to its roofline as that sum is
 * to the time it took. Operands that are still in a cache come faster than memory gives them: small maps may pass 100 %.
 *
 * @module
 */
import type { KernelTime } from "../../runtime/backend/wasm/profile.ts";
import { count } from "../ui/format.ts";
import { table } from "../ui/table.ts";
import { classes, classOf, workOf } from "./kernel_classes.ts";
import type { Peak } from "./peak.ts";

/** The kernels of one class in a step. */
export interface ClassLine {
  /** Name of the class. */
  readonly name: string;
  /** Kernel calls a step. */
  readonly calls: number;
  /** Milliseconds a step, on one thread. */
  readonly ms: number;
  /** GFLOP/s of the operations that were done. */
  readonly gflops: number;
  /** GFLOP/s of the operations of the direct method. */
  readonly effective: number;
  /** GB/s of operands, each counted once a call. */
  readonly gbs: number;
  /** What sets the least time of most of the class. */
  readonly bound: "arithmetic" | "memory";
  /** Least time over time: 1 is the roofline. */
  readonly fraction: number;
}

/** Sums that a line is made from. */
interface Total {
  calls: number;
  ms: number;
  flops: number;
  direct: number;
  bytes: number;
  least: number;
  byMemory: number;
}

/**
 * One line for each class that has kernels, in the order of the table of classes; unknown kernels come last.
 *
 * @param round The timed round whose times count; calls that it skipped do not.
 */
export function roofline(
  times: readonly KernelTime[],
  batch: number,
  peak: Peak,
  round: number,
): readonly ClassLine[] {
  const bandwidth = bandwidthOf(peak);
  const totals = new Map<string, Total>();
  for (const call of times) {
    const ms = call.ms[round];
    if (ms === undefined) continue;
    const { flops, direct, bytes } = workOf(call, batch);
    const name = classOf(call);
    const total = totals.get(name) ?? { calls: 0, ms: 0, flops: 0, direct: 0, bytes: 0, least: 0, byMemory: 0 };
    totals.set(name, total);
    const [arithmetic, memory] = [flops / peak.gflops / 1e6, bytes / bandwidth / 1e6];
    total.calls++;
    total.ms += ms;
    total.flops += flops;
    total.direct += direct;
    total.bytes += bytes;
    total.least += Math.max(arithmetic, memory);
    if (memory > arithmetic) total.byMemory += memory;
  }
  const order = [...classes, ...[...totals.keys()].filter((name) => !classes.includes(name)).sort()];
  return order.flatMap((name) => {
    const total = totals.get(name);
    return total === undefined ? [] : [lineOf(name, total)];
  });
}

/** GB/s that bound a kernel: the better of the two streams. */
export function bandwidthOf({ triad, copy }: Peak): number {
  return Math.max(triad, copy);
}

/** Lines as a table, with the share of all kernels' time. */
export function rooflineTable(lines: readonly ClassLine[]): string {
  const sum = lines.reduce((total, { ms }) => total + ms, 0);
  const right = (name: string) => ({ name, align: "right" } as const);
  const columns = [
    { name: "kernels" },
    ...["calls", "ms", "share", "GFLOP/s", "effective", "GB/s"].map(right),
    { name: "bound by" },
    right("of roofline"),
  ];
  return table(
    columns,
    lines.map(({ name, calls, ms, gflops, effective, gbs, bound, fraction }) => [
      name,
      count(calls),
      ms.toFixed(1),
      `${(100 * ms / sum).toFixed(1)} %`,
      gflops < 0.05 ? "–" : gflops.toFixed(1),
      effective < 0.05 ? "–" : effective.toFixed(1),
      gbs.toFixed(1),
      bound,
      `${Math.round(100 * fraction)} %`,
    ]),
  );
}

function lineOf(name: string, { calls, ms, flops, direct, bytes, least, byMemory }: Total): ClassLine {
  const perSecond = (amount: number): number => amount / ms / 1e6;
  return {
    name,
    calls,
    ms,
    gflops: perSecond(flops),
    effective: perSecond(direct),
    gbs: perSecond(bytes),
    bound: byMemory > least / 2 ? "memory" : "arithmetic",
    fraction: least / ms,
  };
}
