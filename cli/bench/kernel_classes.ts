/**
 * What each kernel of the wasm backend is for, and how much it computes: the one table behind `bench kernels`.
 *
 * A new kernel is a new row: its class, and if it does arithmetic worth counting, how much for so many samples. All a
 * row knows is the JSON behind the name in a kernel's key. A kernel without a row is shown as `other: NAME`.
 *
 * @module
 */
import type { KernelCall } from "../../runtime/backend/wasm/profile.ts";
import {
  type Axes,
  type Convolution,
  directWork,
  type Expr,
  kind,
  type Maps,
  meetings,
  numbers,
  operations,
  type Pass,
  type Pointwise,
  reduceWork,
  sizeOf,
  twice,
  type Whole,
  winograd,
  type Work,
} from "./kernel_work.ts";

/** Constants of a kernel, as its key has them. */
type Constants = { readonly [key: string]: unknown };

/** A row of the table. */
export interface KernelRow {
  /** The class, by constants and whether the call is part of a backward pass. */
  readonly of: string | ((constants: never, backward: boolean) => string);
  /** Work for so many samples; 0 operations, and the bytes of the operands, unless said. */
  readonly work?: (constants: never, samples: number, call: KernelCall) => Partial<Work>;
}

/** What the classes are called where a forward, an input gradient and a filter gradient are told apart. */
const parts = ["forward", "input gradient", "filter gradient"] as const;

/** Classes in the order they are printed; classes of unknown kernels come last. */
export const classes: readonly string[] = [
  ...["Winograd 3×3", "direct k×k", "1×1", "depthwise"].flatMap((kind) => parts.map((part) => `${kind}, ${part}`)),
  "batch norm",
  "element-wise",
  "head and losses",
  "partial sums",
  "optimizer",
  "copies",
];

/** Convolutions and input gradients by the direct method. */
const direct: KernelRow = {
  of: (constants: Whole, backward) => directClass(constants, backward),
  work: ({ convolution }: Whole, samples) => directWork(convolution, samples),
};

/** Filter gradients by the direct method. */
const filter: KernelRow = { of: filterClass, work: directWork };

const copies: KernelRow = { of: "copies" };

/** The table. */
const rows: Readonly<Record<string, KernelRow>> = {
  // Each 4×4 tile takes 36 products where the direct method takes 144; additions of the transforms are not counted.
  winograd: {
    of: (_: Constants, backward) => `Winograd 3×3, ${backward ? "input gradient" : "forward"}`,
    work: (maps: Maps, samples) => winograd(maps, samples),
  },
  winogradFilters: {
    of: ({ turned }: { readonly turned: boolean }) => `Winograd 3×3, ${turned ? "input gradient" : "forward"}`,
  },
  winogradFilter: { of: "Winograd 3×3, filter gradient", work: (maps: Maps, samples) => winograd(maps, samples) },
  winogradStatistics: { of: "batch norm" },
  convolve: direct,
  depthwise: direct,
  filterProduct: filter,
  filterLanes: filter,
  product: {
    of: "head and losses",
    work: ({ depth, columns }: { depth: number; columns: number }, samples) => twice(depth * columns * samples),
  },
  sampleProduct: {
    of: "head and losses",
    work: ({ rows, columns, depth }: { rows: number; columns: number; depth: number }, samples) =>
      twice(rows * columns * depth * samples),
  },
  statsShift: { of: "batch norm", work: () => ({ bytes: 0 }) },
  statsCombine: { of: "batch norm" },
  normTables: { of: "batch norm" },
  sumsCombine: { of: "batch norm" },
  gradientTables: { of: "batch norm" },
  pointwise: {
    of: ({ tables }: Pointwise) => tables > 0 ? "batch norm" : "element-wise",
    work: ({ pixels, channels, expr }: Pointwise, samples) => ({
      flops: operations(expr) * pixels * channels * samples,
    }),
  },
  pointwiseSums: {
    of: "batch norm",
    work: ({ pixels, channels, expr, factor }: Pointwise, samples) => ({
      flops: (operations(expr) + operations(factor) + 3) * pixels * channels * samples,
    }),
  },
  elementwise: {
    of: "element-wise",
    work: ({ expr, axes }: Axes & { readonly expr: Expr }) => ({ flops: operations(expr) * sizeOf(axes) }),
  },
  pool: {
    of: "head and losses",
    work: ({ pass }: { readonly pass: Pass }, samples) => ({ flops: meetings(pass) * pass.output.channels * samples }),
  },
  averagePoolInput: { of: "head and losses" },
  maxPoolInput: { of: "head and losses" },
  reduceSamples: { of: "head and losses", work: reduceWork },
  reduceChunks: { of: "head and losses", work: reduceWork },
  reduceRows: { of: "head and losses" },
  oneHot: { of: "head and losses" },
  kthSmallest: { of: "head and losses" },
  weighSamples: { of: "head and losses" },
  weighBatch: { of: "head and losses" },
  weighErrors: { of: "head and losses" },
  gatherDot: {
    of: "head and losses",
    work: (maps: { chosen: number; width: number }, samples) => twice(maps.chosen * maps.width * samples),
  },
  gatherSum: {
    of: "head and losses",
    work: (maps: { chosen: number; width: number }, samples) => twice(maps.chosen * maps.width * samples),
  },
  assignRows: { of: "copies" },
  filterCombine: { of: "partial sums" },
  combineChunks: { of: "partial sums", work: (_: Constants, __, { memory }) => ({ flops: numbers(memory[0]) }) },
  sgd: { of: "optimizer", work: (_: Constants, __, { memory }) => ({ flops: 7 * numbers(memory[0]) }) },
  adam: { of: "optimizer", work: (_: Constants, __, { memory }) => ({ flops: 14 * numbers(memory[0]) }) },
  advance: { of: "optimizer" },
  // A copy may move a part of its buffers only.
  copy: {
    of: "copies",
    work: ({ axes, blocks }: Axes & { readonly blocks?: unknown }, samples) => ({
      bytes: 2 * 4 * sizeOf(axes) * (blocks === undefined ? 1 : Math.ceil(samples / 8)),
    }),
  },
  fillZero: copies,
  // Nothing is absent from a whole batch of a multiple of eight.
  clearAbsent: { of: "copies", work: () => ({ bytes: 0 }) },
};

/** The class of a kernel call; `other: NAME` for a kernel without a row. */
export function classOf(call: KernelCall): string {
  const row = rowOf(call);
  if (row === undefined) return `other: ${call.name}`;
  if (typeof row.of === "string") return row.of;
  return row.of(constantsOf(call) as never, call.segment.startsWith("update"));
}

/** What a kernel call computes in a step with a whole batch; without a row, only its traffic is known. */
export function workOf(call: KernelCall, batch: number): Work {
  const constants = constantsOf(call);
  const work = rowOf(call)?.work?.(constants as never, samplesOf(call, constants, batch), call) ?? {};
  const flops = work.flops ?? 0;
  return { flops, direct: work.direct ?? flops, bytes: work.bytes ?? traffic(call) };
}

function rowOf({ name }: KernelCall): KernelRow | undefined {
  return Object.hasOwn(rows, name) ? rows[name] : undefined;
}

function constantsOf({ name, key }: KernelCall): Constants {
  // What JSON has no number for is a text in a key.
  const texts: Readonly<Record<string, number>> = {
    "-0": -0,
    "Infinity": Infinity,
    "-Infinity": -Infinity,
    "NaN": NaN,
  };
  const number = (_: string, value: unknown): unknown => typeof value === "string" ? texts[value] ?? value : value;
  return JSON.parse(key.slice(name.length + 1), number);
}

/** Samples of a call: those of the batch, or of the blocks or chunks that its first two numbers say. */
function samplesOf({ values }: KernelCall, { chunk }: Constants, batch: number): number {
  const [first, last] = values;
  if (typeof first !== "number" || typeof last !== "number") return batch;
  return 8 * (last - first) * (typeof chunk === "number" ? chunk : 1);
}

function traffic({ memory }: KernelCall): number {
  const passes = { i: 1, r: 1, o: 1, u: 2, s: 0 };
  return memory.reduce((sum, { role, bytes }) => sum + passes[role] * bytes, 0);
}

function directClass({ convolution: { input, output, groups, kernel } }: Whole, backward: boolean): string {
  return `${kind(input, output, groups, kernel)}, ${backward ? "input gradient" : "forward"}`;
}

function filterClass({ input, output, groups, kernel }: Convolution): string {
  if (input.height * input.width === 1) return "head and losses";
  return `${kind(input, output, groups, kernel)}, filter gradient`;
}
